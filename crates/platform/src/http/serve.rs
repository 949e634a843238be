//! The HTTP server.

use std::net::SocketAddr;

use axum::Router;
use tokio::net::TcpListener;

use crate::Shutdown;

/// Serves until shutdown: then no connection is accepted any more, and what was begun is finished.
pub fn serve(listener: TcpListener, router: Router, shutdown: &Shutdown) {
    let stop = shutdown.clone();
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    shutdown.spawn(async move {
        let serving = axum::serve(listener, service)
            .with_graceful_shutdown(async move { stop.requested().await });
        if let Err(error) = serving.await {
            tracing::error!(%error, "the HTTP server ended");
        }
    });
}
