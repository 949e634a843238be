//! Who asks, for attempt limits.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::{
    extract::{ConnectInfo, FromRequestParts, Request},
    middleware::Next,
    response::Response,
};
use http::{HeaderMap, request::Parts};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::Problem;

/// Where a proxy says for whom it asks, one address for each proxy on the way.
const FORWARDED_FOR: &str = "x-forwarded-for";

/// The networks of proxies that are believed when they say for whom they ask, such as `10.0.0.0/8`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    /// Who asks: the peer, or if that is a proxy of ours, whom the nearest one that is none named.
    /// What stands
    /// before that was written by strangers.
    fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        // Whatever a client put into its part: the proxy's part has to be found behind it.
        let values = headers.get_all(FORWARDED_FOR).iter();
        let values: Vec<_> =
            values.map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
        let named = values.iter().flat_map(|value| value.split(',')).map(str::trim);
        let mut client = peer.to_canonical();
        for name in named.collect::<Vec<_>>().into_iter().rev() {
            if !self.0.iter().any(|network| network.contains(&client)) {
                break;
            }
            match parse(name) {
                Some(address) => client = address,
                None => break,
            }
        }
        client
    }
}

/// An address as proxies write it, some of them with a port.
fn parse(name: &str) -> Option<IpAddr> {
    let address = name.parse::<IpAddr>().ok();
    let address =
        address.or_else(|| name.parse::<SocketAddr>().ok().map(|with_port| with_port.ip()));
    address.map(|address| address.to_canonical())
}

/// Finds out who asks, before anything else looks at a request.
pub(super) async fn find_client(
    proxies: TrustedProxies,
    mut request: Request,
    next: Next,
) -> Response {
    if let Some(ConnectInfo(peer)) = request.extensions().get::<ConnectInfo<SocketAddr>>() {
        let address = proxies.client(peer.ip(), request.headers());
        request.extensions_mut().insert(ClientAddress(address));
    }
    next.run(request).await
}

/// The address of whoever asks. Never logged. Requests that came through no socket (a router called in
/// a test) count as the loopback address.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);

impl ClientAddress {
    /// What attempts are counted by: the address, or the /64 network of an IPv6 address, since one
    /// person commonly has all of it.
    pub fn network(self) -> IpAddr {
        // A socket that listens on both families shows IPv4 peers inside of IPv6 addresses.
        match self.0.to_canonical() {
            IpAddr::V4(address) => IpAddr::V4(address),
            IpAddr::V6(address) => {
                let mut octets = address.octets();
                octets[8..].fill(0);
                IpAddr::V6(octets.into())
            }
        }
    }
}

impl<S: Sync> FromRequestParts<S> for ClientAddress {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let nobody = Self(IpAddr::V4(Ipv4Addr::LOCALHOST));
        Ok(parts.extensions.get::<Self>().copied().unwrap_or(nobody))
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn networks_are_told_apart() {
        fn check(address: &str, network: &str) {
            let address = ClientAddress(address.parse().unwrap());
            assert_eq!(address.network().to_string(), network);
        }
        check("192.0.2.7", "192.0.2.7");
        check("::ffff:192.0.2.7", "192.0.2.7");
        check("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::");
    }

    #[test]
    fn only_proxies_of_ours_are_believed() {
        fn check(peer: &str, forwarded: &[&str], expected: &str) {
            let proxies = ["10.0.0.0/8", "fd00::/8"].map(|network| network.parse().unwrap());
            let mut headers = HeaderMap::new();
            for value in forwarded {
                // Bytes that no text has.
                let value = value.replace('\u{fffd}', "\u{80}");
                headers.append(FORWARDED_FOR, HeaderValue::from_bytes(value.as_bytes()).unwrap());
            }
            let client = TrustedProxies(proxies.into()).client(peer.parse().unwrap(), &headers);
            assert_eq!(client.to_string(), expected, "{peer} {forwarded:?}");
        }
        // A stranger says nothing about others.
        check("192.0.2.7", &["198.51.100.1"], "192.0.2.7");
        check("10.0.0.1", &[], "10.0.0.1");
        check("10.0.0.1", &["192.0.2.7"], "192.0.2.7");
        check("::ffff:10.0.0.1", &["::ffff:192.0.2.7"], "192.0.2.7");
        check("fd00::1", &["2001:db8::1"], "2001:db8::1");
        // Whatever the client itself sent stands first.
        check("10.0.0.1", &["127.0.0.1, 192.0.2.7"], "192.0.2.7");
        check("10.0.0.1", &["127.0.0.1", "192.0.2.7"], "192.0.2.7");
        // Two proxies in a row.
        check("10.0.0.1", &["192.0.2.7, 10.0.0.2"], "192.0.2.7");
        check("10.0.0.1", &["10.0.0.3, 10.0.0.2"], "10.0.0.3");
        check("10.0.0.1", &["192.0.2.7:4711"], "192.0.2.7");
        check("10.0.0.1", &["[2001:db8::1]:4711"], "2001:db8::1");
        check("10.0.0.1", &["198.51.100.1", "\u{fffd}, 192.0.2.7"], "192.0.2.7");
        // What cannot be read counts as its proxy.
        check("10.0.0.1", &["198.51.100.1", "\u{fffd}"], "10.0.0.1");
        check("10.0.0.1", &["192.0.2.7, unknown"], "10.0.0.1");
    }

    #[test]
    fn a_network_that_is_none_is_named() {
        let error = serde_json::from_str::<TrustedProxies>(r#"["10.0.0.0/99"]"#).unwrap_err();
        assert!(error.to_string().contains("IP"), "{error}");
        let proxies: TrustedProxies = serde_json::from_str(r#"["10.0.0.0/8"]"#).unwrap();
        assert_eq!(proxies.0.len(), 1);
    }
}
