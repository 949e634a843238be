//! The accept loop, and how a connection is cut without an answer.
//!
//! The framework's own loop always answers. A bank whose answer gets lost has to be able not to,
//! so each connection is driven here: a response that carries [`Cut`] ends it before the first
//! byte.

use std::convert::Infallible;
use std::io;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// Connections at once. Above it new ones wait in the listener's backlog: a test that opens
/// thousands must not run the process out of descriptors.
const MAX_CONNECTIONS: usize = 1024;

/// How long a client may take to send the head of a request before its place is given away.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// How long requests under way may go on after the shutdown began.
const SHUTDOWN_LIMIT: Duration = Duration::from_secs(5);

/// The pause after a failed accept, which mostly means that descriptors ran out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Marks a response that must never be sent: the connection is closed instead.
#[derive(Clone, Copy)]
struct Cut;

/// A response that ends the connection without an answer. Under a server that knows nothing of
/// this mark its body fails at once, so the client still gets nothing that it could read.
pub(crate) fn cut() -> Response {
    let broken = futures::stream::once(async { Err::<Bytes, _>(connection_cut()) });
    let mut response = Response::new(Body::from_stream(broken));
    response.extensions_mut().insert(Cut);
    response
}

/// Serves `router` until `shutdown`.
pub(crate) async fn serve(listener: TcpListener, router: Router, shutdown: CancellationToken) {
    let connections = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &places) => accepted,
            () = shutdown.cancelled() => break,
        };
        let (stream, place) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "sandbox bank could not accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let router = router.clone();
        let service = service_fn(move |request: hyper::Request<Incoming>| {
            let router = router.clone();
            async move {
                let answered: Result<Response, Infallible> = router.oneshot(request).await;
                let Ok(response) = answered;
                match response.extensions().get::<Cut>() {
                    Some(Cut) => Err(connection_cut()),
                    None => Ok(response),
                }
            }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .serve_connection(TokioIo::new(stream), service);
        let connection = connections.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "connection to the sandbox bank ended");
            }
            drop(place);
        });
    }
    drop(listener);
    if tokio::time::timeout(SHUTDOWN_LIMIT, connections.shutdown()).await.is_err() {
        tracing::warn!("sandbox bank stopped with requests under way");
    }
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> io::Result<(tokio::net::TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    Ok((stream, place))
}

fn connection_cut() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionAborted, "connection cut by a fault")
}
