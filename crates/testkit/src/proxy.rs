//! A proxy before PostgreSQL that loses the answer to a commit when it is told to: the commit happens,
//! and whoever asked for it finds the connection closed.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use anyhow::Context as _;
use reqwest::Url;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinHandle,
};

use crate::net;

/// The message that asks for a commit, as clients send it: a simple query.
const COMMIT: &[u8] = b"Q\0\0\0\x0bCOMMIT\0";

/// Bytes that are passed on at a time.
const PIECE: usize = 16 * 1_024;

/// A proxy that runs, and stops with this value.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    plan: Arc<Plan>,
    running: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Plan {
    to_lose: AtomicU64,
    lost: AtomicU64,
}

impl Proxy {
    /// Starts before the server of this URL, which must name a host: a socket in a folder has none.
    ///
    /// # Errors
    /// When the URL names no host.
    pub async fn start(server: &str) -> anyhow::Result<Self> {
        let url = Url::parse(server).context("a server is named by a URL")?;
        let host = url.host_str().context("the URL of the server names no host")?.to_owned();
        let port = url.port().unwrap_or(5_432);
        let (listener, address) = net::listener().await;
        let plan = Arc::new(Plan::default());
        let running = tokio::spawn({
            let plan = plan.clone();
            async move {
                while let Ok((client, _)) = listener.accept().await {
                    let (plan, host) = (plan.clone(), host.clone());
                    tokio::spawn(async move {
                        // Either side may close, or break, at any time: then the other is closed.
                        if let Ok(server) = TcpStream::connect((host.as_str(), port)).await {
                            let _ = relay(client, server, &plan).await;
                        }
                    });
                }
            }
        });
        Ok(Self { address, plan, running })
    }

    /// The next answer to a commit is lost, on whichever connection it comes.
    pub fn lose_next(&self) {
        self.plan.to_lose.fetch_add(1, Ordering::Relaxed);
    }

    /// How many answers were lost.
    pub fn lost(&self) -> u64 {
        self.plan.lost.load(Ordering::Relaxed)
    }

    /// The URL by which the server is reached through the proxy. Unencrypted: it reads along.
    pub(crate) fn url(&self, server: &str) -> anyhow::Result<String> {
        let mut url = Url::parse(server).context("a server is named by a URL")?;
        url.set_host(Some(&self.address.ip().to_string())).context("the URL takes no host")?;
        let port = url.set_port(Some(self.address.port()));
        anyhow::ensure!(port.is_ok(), "the URL takes no port");
        url.query_pairs_mut().append_pair("sslmode", "disable");
        Ok(url.into())
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.running.abort();
    }
}

/// Passes everything on, in both directions, until an answer is to be lost or one side closes.
async fn relay(mut client: TcpStream, mut server: TcpStream, plan: &Plan) -> std::io::Result<()> {
    // Small messages are answered one by one, and must not wait for more.
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (mut asked, mut answered) = (vec![0; PIECE], vec![0; PIECE]);
    loop {
        tokio::select! {
            length = client.read(&mut asked) => {
                let piece = &asked[..length?];
                if piece.is_empty() {
                    return Ok(());
                }
                server.write_all(piece).await?;
                let is_commit = piece.windows(COMMIT.len()).any(|bytes| bytes == COMMIT);
                if is_commit && plan.takes_one() {
                    // With its answer the server says that the commit has happened.
                    let _ = server.read(&mut answered).await?;
                    plan.lost.fetch_add(1, Ordering::Relaxed);
                    return Ok(());
                }
            }
            length = server.read(&mut answered) => {
                let piece = &answered[..length?];
                if piece.is_empty() {
                    return Ok(());
                }
                client.write_all(piece).await?;
            }
        }
    }
}

impl Plan {
    /// Whether an answer is to be lost; then one less is.
    fn takes_one(&self) -> bool {
        let less = |left: u64| left.checked_sub(1);
        self.to_lose.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use sea_orm::ConnectionTrait as _;
    use sea_orm_migration::{MigrationTrait, MigratorTrait};

    use super::*;

    struct Empty;

    impl MigratorTrait for Empty {
        fn migrations() -> Vec<Box<dyn MigrationTrait>> {
            Vec::new()
        }
    }

    #[tokio::test]
    async fn a_commit_happens_though_its_answer_is_lost() {
        let Some(db) = crate::postgres::<Empty>().await else { return };
        let proxy = Proxy::start(&std::env::var(crate::POSTGRES_ENV).unwrap()).await.unwrap();
        let through = db.reopen_through(&proxy).await;
        db.write().execute_unprepared("CREATE TABLE t (n INTEGER)").await.unwrap();
        for (lose, expected) in [(false, true), (true, false), (false, true)] {
            let tx = through.begin("test").await.unwrap();
            tx.execute_unprepared("INSERT INTO t VALUES (1)").await.unwrap();
            if lose {
                proxy.lose_next();
            }
            assert_eq!(tx.commit().await.is_ok(), expected);
        }
        assert_eq!(proxy.lost(), 1);
        let rows = db.read().query_all_raw(sea_orm::Statement::from_string(
            sea_orm::DbBackend::Postgres,
            "SELECT n FROM t",
        ));
        assert_eq!(rows.await.unwrap().len(), 3);
    }
}
