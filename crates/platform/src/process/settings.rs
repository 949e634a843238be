//! Sections of the configuration that the applications of a fleet have in common.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::Context as _;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{config::Secret, http::TrustedProxies, telemetry::Format};

/// Everything that an application can be told.
pub trait Settings: Default + Serialize + DeserializeOwned {
    /// Whether it can work, as far as that shows before any server is asked.
    ///
    /// # Errors
    /// Names the key and what is wrong with it.
    fn check(&self) -> anyhow::Result<()>;
}

/// The HTTP server for people and programs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Where people reach the installation, without a slash at the end: what mailed links begin with.
    pub public_url: String,
    /// Networks of the proxies before it, which say for whom they ask in `X-Forwarded-For`. From anybody
    /// else that header means nothing.
    pub trusted_proxies: TrustedProxies,
}

/// A port that only the installation's own machines should reach.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Internal {
    /// Where it listens.
    pub listen: SocketAddr,
}

/// The Redis server that the fleet shares.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Redis {
    /// `redis://user:password@host:port/0`
    pub url: Secret,
}

/// Another application of the fleet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Peer {
    /// The gRPC ports of its instances, such as `http://10.0.0.2:50052`: calls go to whichever is up.
    pub grpc_urls: Vec<String>,
}

/// What is logged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// As in `RUST_LOG`: `info`, or `info,giveaway_api=debug`.
    pub filter: String,
    /// Text for people or JSON for machines.
    pub format: Format,
}

impl Server {
    /// On this machine, reached as the installation's usual address.
    pub fn at(port: u16) -> Self {
        Self {
            listen: here(port),
            public_url: "http://127.0.0.1:5000".to_owned(),
            trusted_proxies: TrustedProxies::default(),
        }
    }
}

impl Internal {
    /// On this machine.
    pub fn at(port: u16) -> Self {
        Self { listen: here(port) }
    }
}

impl Redis {
    /// The server's URL.
    ///
    /// # Errors
    /// When there is none (what is in one process's memory cannot be shared) or it is no URL.
    pub fn url(&self) -> anyhow::Result<&str> {
        anyhow::ensure!(
            !self.url.is_empty(),
            "redis.url: is needed, for the calls between applications; `handsel serve` runs all of them \
             in one process without Redis"
        );
        // It may hold a password, and is not repeated.
        anyhow::ensure!(
            redis::Client::open(self.url.reveal()).is_ok(),
            "redis.url: is not of the form redis://user:password@host:port/0"
        );
        Ok(self.url.reveal())
    }
}

impl Peer {
    /// One instance on this machine.
    pub fn at(port: u16) -> Self {
        Self { grpc_urls: vec![format!("http://{}", here(port))] }
    }

    /// The URLs, parsed.
    ///
    /// # Errors
    /// Names the key and the URL that is none, or says that there are none.
    pub fn endpoints(&self, key: &str) -> anyhow::Result<Vec<tonic::transport::Endpoint>> {
        anyhow::ensure!(!self.grpc_urls.is_empty(), "{key}.grpc_urls: names no instance");
        let parse = |url: &String| {
            let endpoint = tonic::transport::Endpoint::from_shared(url.clone()).ok();
            // Not https either: these connections are not encrypted, and must not seem to be.
            let endpoint = endpoint.filter(|_| url.starts_with("http://"));
            endpoint.with_context(|| {
                format!("{key}.grpc_urls: `{url}` is not a url like http://127.0.0.1:50051")
            })
        };
        self.grpc_urls.iter().map(parse).collect()
    }
}

impl Default for Log {
    fn default() -> Self {
        // PostgreSQL notices that a table is there already whenever it is asked for if it is missing.
        let filter = "info,sqlx::postgres::notice=warn".to_owned();
        Self { filter, format: Format::default() }
    }
}

fn here(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_work_is_named() {
        let error = Redis::default().url().unwrap_err().to_string();
        assert!(error.contains("redis.url"), "{error}");
        for urls in
            [vec![], vec!["giftcard:50052".to_owned()], vec!["https://giftcard:50052".to_owned()]]
        {
            let error = Peer { grpc_urls: urls }.endpoints("giftcard").unwrap_err().to_string();
            assert!(error.contains("giftcard.grpc_urls"), "{error}");
        }
        assert_eq!(Peer::at(50_052).endpoints("giftcard").unwrap().len(), 1);
    }
}
