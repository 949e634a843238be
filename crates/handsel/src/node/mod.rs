//! Everything in one process: how the parts are put together, started and stopped.
//!
//! | module | what it does |
//! |---|---|
//! | [`databases`] | opens the services' databases and brings them up to date |
//! | [`secrets`] | the installation's keys and tokens |
//! | [`bank`] | the payment provider; a sandbox bank in this process |
//! | [`applications`] | builds the three applications and connects them |
//! | [`edge`] | the routes of the one HTTP server |

pub(crate) mod applications;
pub(crate) mod bank;
pub(crate) mod databases;
pub(crate) mod edge;
pub(crate) mod secrets;

use std::net::SocketAddr;

use anyhow::Context as _;
use durable_grpc::WorkerHandle;
use platform::{Clock, Shutdown, grpc, http, metrics, roles::Roles};
use tokio::net::TcpListener;

use self::{
    applications::{Applications, Surroundings},
    databases::Databases,
    secrets::Secrets,
};
use crate::{calls, config::Config};

/// A running server.
#[derive(Debug)]
pub(crate) struct Node {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// Where people reach it, without a slash at the end.
    pub(crate) public_url: String,
    /// The sandbox bank in this process, if there is one.
    pub(crate) bank_url: Option<String>,
    /// Where the gRPC port listens, if there is one.
    pub(crate) grpc_address: Option<SocketAddr>,
    /// The administrator's token.
    pub(crate) admin_token: platform::config::Secret,
    shutdown: Shutdown,
    workers: [WorkerHandle; 3],
    applications: Applications,
}

impl Node {
    /// Starts everything and returns when requests are answered. The listener is bound by the
    /// caller, so that its address is known before links are made with it.
    ///
    /// # Errors
    /// Says which part could not start.
    pub(crate) async fn start(
        config: &Config,
        clock: Clock,
        shutdown: Shutdown,
        listener: TcpListener,
    ) -> anyhow::Result<Self> {
        config.check()?;
        metrics::install(&shutdown)?;
        let address = listener.local_addr().context("the listener has no address")?;
        let public_url = match config.server.public_url.as_str() {
            "" => format!("http://{address}"),
            url => url.to_owned(),
        };
        let secrets = Secrets::open(config)?;
        // First, because it locks the data folder: two processes on one queue would be a disaster.
        let calls = applications::open_calls(&config.data_dir, &secrets.credential).await?;
        let databases = Databases::open_for_service(config, &clock).await?;
        let bank = bank::start_if_wanted(config, &secrets, &clock, &shutdown, address).await?;
        let around = Surroundings {
            config,
            clock: &clock,
            shutdown: &shutdown,
            roles: &Roles::embedded(),
            secrets: &secrets,
            provider: &bank,
            public_url: &public_url,
        };
        let applications = Applications::build(&around, calls, databases).await?;
        let workers = applications.spawn_workers(&secrets);
        applications.start();
        let grpc_address = match config.grpc_address()? {
            Some(listen) => {
                let listener = grpc::listen(listen).await?;
                let address = listener.local_addr()?;
                grpc::serve(listener, applications.grpc(&secrets), &shutdown).await?;
                Some(address)
            }
            None => None,
        };
        let router = edge::router(config, &clock, &applications);
        http::serve(listener, router, config.server.trusted_proxies.clone(), &shutdown);
        calls::write_address(&config.data_dir, address)?;
        Ok(Self {
            address,
            public_url,
            bank_url: bank.in_process_url,
            grpc_address,
            admin_token: secrets.admin_token,
            shutdown,
            workers,
            applications,
        })
    }

    /// A link that makes the first administrator; none when there is one.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn first_admin_link(&self) -> anyhow::Result<Option<String>> {
        self.applications.first_admin_link().await
    }

    /// Stops accepting, finishes what is under way within a limit, and closes the databases.
    /// Returns whether everything ended by itself.
    pub(crate) async fn stop(self) -> bool {
        self.shutdown.request();
        // The workers first: what they execute needs the applications.
        futures::future::join_all(self.workers.map(WorkerHandle::shutdown)).await;
        let ended = self.shutdown.stop().await;
        self.applications.close().await;
        ended
    }
}
