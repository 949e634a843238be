//! The HTTP server.

use std::{net::SocketAddr, time::Duration};

use axum::{Router, extract::Request, middleware::Next, serve::ListenerExt as _};
use socket2::SockRef;
use tokio::net::TcpListener;

use super::address::{TrustedProxies, find_client};
use crate::Shutdown;

/// How long what was sent may stay unread. A browser in the background reads.
const UNREAD: Duration = Duration::from_secs(60);

/// Serves until shutdown: then no connection is accepted any more, and what was begun is finished.
/// Whom the
/// proxies name is who asks.
pub fn serve(listener: TcpListener, router: Router, proxies: TrustedProxies, shutdown: &Shutdown) {
    let stop = shutdown.clone();
    let router = router.layer(axum::middleware::from_fn(move |request: Request, next: Next| {
        find_client(proxies.clone(), request, next)
    }));
    let listener = listener.tap_io(|stream| {
        // Who takes nothing for so long will not: whatever is written to them would wait for ever.
        if let Err(error) = SockRef::from(&*stream).set_tcp_user_timeout(Some(UNREAD)) {
            tracing::debug!(%error, "a connection has no limit for what is not read");
        }
    });
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    shutdown.spawn(async move {
        let serving = axum::serve(listener, service)
            .with_graceful_shutdown(async move { stop.requested().await });
        if let Err(error) = serving.await {
            tracing::error!(%error, "the HTTP server ended");
        }
    });
}
