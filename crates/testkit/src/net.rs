//! Free ports on the loopback interface.

use std::net::{Ipv4Addr, SocketAddr, TcpListener as StdListener};

use tokio::net::TcpListener;

/// A listener on a port that the system chose: nobody else can take it, so prefer it to
/// [`free_port`] wherever the server under test accepts a listener.
///
/// # Panics
/// When the loopback interface has no port left.
pub async fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("no port is free");
    let address = listener.local_addr().expect("a bound listener has an address");
    (listener, address)
}

/// A port that was free a moment ago, for another process to bind.
///
/// # Panics
/// When the loopback interface has no port left.
pub fn free_port() -> u16 {
    StdListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .expect("no port is free")
        .port()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_listener_keeps_its_port_and_a_free_port_can_be_bound() {
        let (_listener, address) = listener().await;
        assert!(StdListener::bind(address).is_err());
        assert!(StdListener::bind((Ipv4Addr::LOCALHOST, free_port())).is_ok());
    }
}
