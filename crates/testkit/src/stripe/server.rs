//! Connections. A fault may close one without an answer, which no framework's own loop does.

use std::{io, sync::Arc};

use anyhow::Context as _;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpListener, task::AbortHandle};

use super::{Shared, api};

/// Listens on a free port until aborted.
pub(super) async fn start(shared: Arc<Shared>) -> anyhow::Result<(String, AbortHandle)> {
    let listener = TcpListener::bind("127.0.0.1:0").await.context("a port for stripe")?;
    let url = format!("http://{}", listener.local_addr()?);
    let serving = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let shared = Arc::clone(&shared);
            let service = service_fn(move |request: hyper::Request<Incoming>| {
                let shared = Arc::clone(&shared);
                async move {
                    // Apart, because Stripe goes on when a client hangs up.
                    let handled = tokio::spawn(api::handle(shared, request)).await;
                    handled.map_err(io::Error::other)?.ok_or_else(cut)
                }
            });
            let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            // How it ended is for the client to judge.
            tokio::spawn(async move { drop(connection.await) });
        }
    });
    Ok((url, serving.abort_handle()))
}

fn cut() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionAborted, "cut by a fault")
}
