//! A proxy before PostgreSQL that loses the answer to a commit when it is told to: the commit happens,
//! and whoever asked for it finds the connection closed. It keeps its own connections to the server for
//! the next client, so that a campaign may end processes by the hundred.

mod server;

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use anyhow::Context as _;
use reqwest::Url;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, Error, ErrorKind, Result},
    net::TcpStream,
    task::JoinHandle,
};

use crate::{net, proxy::server::Server};

/// Bytes that are passed on at a time.
const PIECE: usize = 16 * 1_024;

/// More than a client begins with.
const STARTUP: usize = 10_000;

/// A proxy that runs, and stops with this value.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    hub: Arc<Hub>,
    running: JoinHandle<()>,
}

/// What all connections have in common.
#[derive(Debug)]
struct Hub {
    host: String,
    port: u16,
    to_lose: AtomicU64,
    lost: AtomicU64,
    /// Connections to the server that no client has.
    idle: Mutex<Vec<Server>>,
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
        let hub = Arc::new(Hub {
            host,
            port,
            to_lose: AtomicU64::default(),
            lost: AtomicU64::default(),
            idle: Mutex::default(),
        });
        let running = tokio::spawn({
            let hub = hub.clone();
            async move {
                while let Ok((client, _)) = listener.accept().await {
                    let hub = hub.clone();
                    // Either side may close, or break, at any time.
                    tokio::spawn(async move { drop(hub.serve(client).await) });
                }
            }
        });
        Ok(Self { address, hub, running })
    }

    /// The next answer to a commit is lost, on whichever connection it comes.
    pub fn lose_next(&self) {
        self.hub.to_lose.fetch_add(1, Ordering::Relaxed);
    }

    /// How many answers were lost.
    pub fn lost(&self) -> u64 {
        self.hub.lost.load(Ordering::Relaxed)
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

impl Hub {
    /// Serves a client until one side closes, and keeps the connection to the server.
    async fn serve(&self, mut client: TcpStream) -> Result<()> {
        client.set_nodelay(true)?;
        let startup = startup(&mut client).await?;
        let kept = {
            let mut idle = self.idle();
            let place = idle.iter().position(|server| server.startup == startup);
            place.map(|place| idle.swap_remove(place))
        };
        let mut server = match kept {
            Some(server) => server,
            None => Server::connect((&self.host, self.port), startup).await?,
        };
        // Whoever ended it, and how: a server that is gone cannot be reset.
        let _ = self.relay(&mut client, &mut server).await;
        drop(client);
        if let Some(server) = server.reset().await {
            self.idle().push(server);
        }
        Ok(())
    }

    /// Passes everything on, in both directions, until an answer is to be lost or one side closes.
    async fn relay(&self, client: &mut TcpStream, server: &mut Server) -> Result<()> {
        client.write_all(&server.greeting).await?;
        let mut asked = vec![0; PIECE];
        loop {
            tokio::select! {
                length = client.read(&mut asked) => {
                    let piece = &asked[..length?];
                    if piece.is_empty() {
                        return Ok(());
                    }
                    let mut is_commit = false;
                    let look = |tag, body: &[u8]| is_commit |= tag == b'Q' && body == b"COMMIT\0";
                    let goes_on = server.ask(piece, look).await?;
                    if is_commit && self.takes_one() {
                        let (answer, has_happened) = server.answer_to_commit().await?;
                        if has_happened {
                            self.lost.fetch_add(1, Ordering::Relaxed);
                            return Ok(());
                        }
                        // It did not, which may be known. The next one is lost.
                        self.to_lose.fetch_add(1, Ordering::Relaxed);
                        client.write_all(&answer).await?;
                    }
                    if !goes_on {
                        return Ok(());
                    }
                }
                piece = server.answer() => client.write_all(&piece?).await?,
            }
        }
    }

    /// Whether an answer is to be lost; then one less is.
    fn takes_one(&self) -> bool {
        let less = |left: u64| left.checked_sub(1);
        self.to_lose.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Server>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a client begins with: a length that counts itself, and its parameters.
async fn startup(client: &mut TcpStream) -> Result<Vec<u8>> {
    let length = client.read_u32().await?;
    let rest = usize::try_from(length).ok().and_then(|length| length.checked_sub(4));
    let rest = rest.filter(|rest| *rest <= STARTUP).ok_or(Error::from(ErrorKind::InvalidData))?;
    let mut startup = length.to_be_bytes().to_vec();
    startup.resize(4 + rest, 0);
    client.read_exact(&mut startup[4..]).await?;
    Ok(startup)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use sea_orm::{
        ConnectionTrait as _, DbBackend, Statement,
        sqlx::{Connection as _, Executor as _, PgConnection, query_scalar},
    };
    use sea_orm_migration::{MigrationTrait, MigratorTrait};

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(60);

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
        // What did not happen is told: a commit of what has failed, or a check that only it makes.
        let sql = "CREATE TABLE late (n INTEGER UNIQUE DEFERRABLE INITIALLY DEFERRED)";
        db.write().execute_unprepared(sql).await.unwrap();
        let tx = through.begin("test").await.unwrap();
        tx.execute_unprepared("INSERT INTO late VALUES (1), (1)").await.unwrap();
        proxy.lose_next();
        let refused = tx.commit().await.unwrap_err().to_string();
        assert!(refused.contains("late_n_key"), "{refused}");
        assert_eq!(proxy.lost(), 1);
        let rows =
            db.read().query_all_raw(Statement::from_string(DbBackend::Postgres, "SELECT n FROM t"));
        assert_eq!(rows.await.unwrap().len(), 3);
    }

    #[tokio::test]
    async fn the_next_client_finds_nothing_of_the_one_before() {
        let Some(database) = crate::server_database().await else { return };
        let proxy = Proxy::start(&std::env::var(crate::POSTGRES_ENV).unwrap()).await.unwrap();
        let url = proxy.url(&database.url()).unwrap();
        let pid = "SELECT pg_backend_pid()";
        let mut first = PgConnection::connect(&url).await.unwrap();
        let before: i32 = query_scalar(pid).fetch_one(&mut first).await.unwrap();
        for sql in ["CREATE TABLE t (n INTEGER)", "SET TimeZone = 'Asia/Tokyo'", "BEGIN"] {
            first.execute(sql).await.unwrap();
        }
        first.execute("INSERT INTO t VALUES (1)").await.unwrap();
        // As a process ends that is killed.
        drop(first);
        let kept = async || match proxy.hub.idle().len() {
            1 => Ok(()),
            n => Err(n),
        };
        crate::eventually(PATIENCE, kept).await;
        let mut second = PgConnection::connect(&url).await.unwrap();
        let after: i32 = query_scalar(pid).fetch_one(&mut second).await.unwrap();
        assert_eq!(after, before);
        let zone: String = query_scalar("SHOW TimeZone").fetch_one(&mut second).await.unwrap();
        assert_eq!(zone, "UTC");
        let n: i64 = query_scalar("SELECT COUNT(*) FROM t").fetch_one(&mut second).await.unwrap();
        assert_eq!(n, 0);
    }
}
