//! The HTTP server.

use std::net::SocketAddr;

use axum::{Router, extract::Request, middleware::Next};
use tokio::net::TcpListener;

use super::address::{TrustedProxies, find_client};
use crate::Shutdown;

/// Serves until shutdown: then no connection is accepted any more, and what was begun is finished. Whom the
/// proxies name is who asks.
pub fn serve(listener: TcpListener, router: Router, proxies: TrustedProxies, shutdown: &Shutdown) {
    let stop = shutdown.clone();
    let router = router.layer(axum::middleware::from_fn(move |request: Request, next: Next| {
        find_client(proxies.clone(), request, next)
    }));
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    shutdown.spawn(async move {
        let serving = axum::serve(listener, service)
            .with_graceful_shutdown(async move { stop.requested().await });
        if let Err(error) = serving.await {
            tracing::error!(%error, "the HTTP server ended");
        }
    });
}
