//! How a command reaches the calls: through the running server, or in the file that nobody has open.
//!
//! A Redis store needs neither: it is shared by processes, of which this is one for a moment.

use std::{
    fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::Path,
    time::Duration,
};

use anyhow::Context as _;
use durable_grpc::{CallId, Calls, OpenError};
use http::{Method, StatusCode};
use platform::keys::write_atomically;
use serde::{Deserialize, de::DeserializeOwned};

use super::{
    actions::{self, Refusal, Wanted},
    http::{Asked, BASE},
    views::{Call, Lane, Page},
};
use crate::{
    config::Config,
    node::{applications, secrets::ADMIN_TOKEN_FILE},
    stores::{Place, open_store},
};

/// Where a running server writes down how it is reached from this machine.
const ADDRESS_FILE: &str = "server-address";

/// The server answers from memory or from one read of a file.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);

/// A way to the calls.
#[derive(Debug)]
pub(super) enum Reach {
    /// A server has the queue open.
    Server(Server),
    /// This process has.
    Here(Calls),
    /// Processes share it.
    Shared(Calls),
}

/// A running server, and the right to ask it.
#[derive(Debug)]
pub(super) struct Server {
    url: String,
    token: String,
    http: reqwest::Client,
}

/// Where the server of a data folder was last reached on this machine.
pub(crate) fn read_address(data_dir: &Path) -> Option<String> {
    let url = std::fs::read_to_string(data_dir.join(ADDRESS_FILE)).ok()?;
    Some(url.trim().to_owned())
}

/// Writes down where the server of a data folder is reached from this machine, for commands.
///
/// # Errors
/// When the file cannot be written.
pub(crate) fn write_address(data_dir: &Path, listen: SocketAddr) -> anyhow::Result<()> {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    let url = format!("http://{}\n", SocketAddr::new(ip, listen.port()));
    write_atomically(&data_dir.join(ADDRESS_FILE), url.as_bytes())
}

impl Reach {
    /// Opens the queue of a data folder, or finds the server that has it open.
    ///
    /// # Errors
    /// When there is no queue, or whoever has it does not answer.
    pub(super) async fn open(config: &Config) -> anyhow::Result<Self> {
        let data = &config.data_dir;
        anyhow::ensure!(
            applications::calls_file(data).exists(),
            "data_dir: {} has no call queue; name the folder of a server with --data",
            data.display()
        );
        match open_store(&Place::Sqlite(applications::calls_file(data))).await {
            // Nothing is submitted here, so nothing has to be sealed.
            Ok(store) => Ok(Self::Here(Calls::builder_shared(store).build()?)),
            Err(error) => match error.downcast_ref::<OpenError>() {
                Some(OpenError::InUse(_)) => Server::of(data).map(Self::Server),
                _ => Err(error),
            },
        }
    }

    /// Joins the processes that share the queue on a Redis server.
    ///
    /// # Errors
    /// When the server cannot be reached, or cannot keep calls.
    pub(super) async fn redis(url: &str) -> anyhow::Result<Self> {
        let store = open_store(&Place::Redis(url.to_owned())).await?;
        Ok(Self::Shared(Calls::builder_shared(store).build()?))
    }

    /// What becomes of a call that was just replayed.
    pub(super) const fn after_replay(&self) -> &'static str {
        match self {
            Self::Server(_) => "runs again",
            Self::Here(_) => "runs at the next start",
            Self::Shared(_) => "waits for a worker of its lane",
        }
    }

    pub(super) async fn list(&self, wanted: &Wanted) -> anyhow::Result<Page> {
        match self {
            Self::Here(calls) | Self::Shared(calls) => actions::list(calls, wanted).await,
            Self::Server(server) => {
                server
                    .get(server.request(Method::GET, "/dead-letters").query(&Asked::from(wanted)))
                    .await
            }
        }
    }

    pub(super) async fn show(&self, id: CallId) -> anyhow::Result<Call> {
        match self {
            Self::Here(calls) | Self::Shared(calls) => actions::show(calls, id).await,
            Self::Server(server) => {
                server.get(server.request(Method::GET, &format!("/calls/{id}"))).await
            }
        }
    }

    pub(super) async fn replay(&self, id: CallId) -> anyhow::Result<()> {
        match self {
            Self::Here(calls) | Self::Shared(calls) => actions::replay(calls, id).await,
            Self::Server(server) => server.post(&format!("/dead-letters/{id}/replay")).await,
        }
    }

    pub(super) async fn discard(&self, id: CallId) -> anyhow::Result<()> {
        match self {
            Self::Here(calls) | Self::Shared(calls) => actions::discard(calls, id).await,
            Self::Server(server) => server.post(&format!("/dead-letters/{id}/discard")).await,
        }
    }

    pub(super) async fn stats(&self) -> anyhow::Result<Vec<Lane>> {
        match self {
            Self::Here(calls) | Self::Shared(calls) => actions::stats(calls).await,
            Self::Server(server) => server.get(server.request(Method::GET, "/lanes")).await,
        }
    }
}

impl Server {
    /// What the server of a data folder has written down there.
    fn of(data: &Path) -> anyhow::Result<Self> {
        let read = |name: &str| -> anyhow::Result<String> {
            let file = data.join(name);
            let text = fs::read_to_string(&file).with_context(|| {
                format!(
                    "another process has the call queue open, but {} cannot be read: is it still starting?",
                    file.display()
                )
            })?;
            Ok(text.trim_end().to_owned())
        };
        Ok(Self {
            url: read(ADDRESS_FILE)?,
            token: read(ADMIN_TOKEN_FILE)?,
            http: reqwest::Client::builder().no_proxy().timeout(ANSWER_LIMIT).build()?,
        })
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, format!("{}{BASE}{path}", self.url)).bearer_auth(&self.token)
    }

    async fn get<T: DeserializeOwned>(
        &self,
        request: reqwest::RequestBuilder,
    ) -> anyhow::Result<T> {
        let answer = self.send(request).await?;
        answer.json().await.with_context(|| format!("{} answered something else", self.url))
    }

    async fn post(&self, path: &str) -> anyhow::Result<()> {
        self.send(self.request(Method::POST, path)).await.map(drop)
    }

    /// The answer, if it is one; a refusal with the server's own words otherwise.
    async fn send(&self, request: reqwest::RequestBuilder) -> anyhow::Result<reqwest::Response> {
        #[derive(Deserialize)]
        struct Problem {
            detail: String,
        }
        let answer = request.send().await.with_context(|| {
            format!(
                "another process has the call queue open, but nobody answers at {}: is it still starting?",
                self.url
            )
        })?;
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        let problem: Option<Problem> = answer.json().await.ok();
        let detail = problem.map_or_else(|| status.to_string(), |problem| problem.detail);
        Err(match status {
            StatusCode::NOT_FOUND => Refusal::NotFound(detail).into(),
            StatusCode::CONFLICT => Refusal::NotDead(detail).into(),
            _ => anyhow::anyhow!("{} refuses: {detail}", self.url),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_one_that_this_machine_reaches() {
        fn check(listen: &str, expected: &str) {
            let dir = tempfile::tempdir().unwrap();
            write_address(dir.path(), listen.parse().unwrap()).unwrap();
            let written = fs::read_to_string(dir.path().join(ADDRESS_FILE)).unwrap();
            assert_eq!(written.trim_end(), expected, "{listen}");
        }
        check("127.0.0.1:5000", "http://127.0.0.1:5000");
        check("0.0.0.0:80", "http://127.0.0.1:80");
        check("[::]:80", "http://[::1]:80");
        check("192.0.2.1:80", "http://192.0.2.1:80");
    }
}
