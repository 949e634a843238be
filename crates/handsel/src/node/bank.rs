//! The configured payment provider: a sandbox bank in this process, unless it says otherwise.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    sync::Arc,
};

use anyhow::Context as _;
use platform::{Clock, Shutdown, keys::write_atomically, provider::Provider};
use sandbox_bank::{Bank, BankConfig};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::secrets::Secrets;
use crate::config::Config;

/// What the bank keeps of each payment, as card payments commonly cost in Europe: 25 cents …
pub(crate) const COST_FIXED_MINOR: i64 = 25;
/// … and 1.5 %. Postings of such costs would not be seen if everything were free.
pub(crate) const COST_BASIS_POINTS: u32 = 150;

/// The bank's file in a data folder.
pub(crate) const FILE: &str = "bank.db";

/// Remembers the bank's port, so that links to its pay pages outlive a restart.
const PORT_FILE: &str = "bank.port";

/// The provider, and where the bank is if it runs in this process.
#[derive(Debug)]
pub(crate) struct ConnectedProvider {
    /// How the applications see it.
    pub(crate) provider: Arc<dyn Provider>,
    /// The bank of this process.
    pub(crate) in_process_url: Option<String>,
}

/// Connects to the configured provider, or starts a bank here.
///
/// # Errors
/// When the bank's file or port cannot be had.
pub(crate) async fn start_if_wanted(
    config: &Config,
    secrets: &Secrets,
    clock: &Clock,
    shutdown: &Shutdown,
    server: SocketAddr,
) -> anyhow::Result<ConnectedProvider> {
    let in_process_url = if config.provider.is_in_process() {
        Some(start(config, secrets, clock, shutdown, server).await.context("the sandbox bank")?)
    } else {
        None
    };
    let url = in_process_url.as_deref().unwrap_or(&config.provider.url);
    let provider = config.provider.kind.connect(
        url,
        &secrets.provider_api_key,
        &secrets.provider_webhook_secret,
    )?;
    Ok(ConnectedProvider { provider, in_process_url })
}

async fn start(
    config: &Config,
    secrets: &Secrets,
    clock: &Clock,
    shutdown: &Shutdown,
    server: SocketAddr,
) -> anyhow::Result<String> {
    let listener = listen(&config.data_dir.join(PORT_FILE)).await?;
    let url = format!("http://{}", listener.local_addr()?);
    let clock = clock.clone();
    let bank_config = BankConfig {
        webhook_urls: webhook_urls(server),
        cost_fixed_minor: COST_FIXED_MINOR,
        cost_basis_points: COST_BASIS_POINTS,
        clock: Arc::new(move || clock.now()),
        ..BankConfig::new(
            secrets.provider_api_key.reveal(),
            secrets.provider_webhook_secret.reveal(),
            &url,
        )
    };
    let file = config.data_dir.join(FILE);
    let bank = tokio::task::spawn_blocking(move || Bank::open(file, bank_config)).await??;
    let stop = shutdown.clone();
    shutdown.spawn(async move {
        let token = CancellationToken::new();
        let serving = bank.serve(listener, token.clone());
        tokio::pin!(serving);
        let ended = tokio::select! {
            ended = &mut serving => ended,
            () = stop.requested() => {
                token.cancel();
                serving.await
            }
        };
        if let Err(error) = ended {
            tracing::error!(error = format!("{error:#}"), "the sandbox bank ended");
        }
    });
    Ok(url)
}

/// The port of the last run if it is free, any other otherwise.
async fn listen(port_file: &Path) -> anyhow::Result<TcpListener> {
    let remembered: u16 = std::fs::read_to_string(port_file)
        .ok()
        .and_then(|text| text.trim().parse().ok())
        .unwrap_or(0);
    let listener = match TcpListener::bind((Ipv4Addr::LOCALHOST, remembered)).await {
        Ok(listener) => listener,
        Err(_) => TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?,
    };
    let port = listener.local_addr()?.port();
    if port != remembered {
        write_atomically(port_file, port.to_string().as_bytes())?;
    }
    Ok(listener)
}

/// Both applications hear of everything; each looks at what is its own.
fn webhook_urls(server: SocketAddr) -> Vec<String> {
    // The bank is on the same machine, whatever the server's public address is.
    let host: SocketAddr = if server.ip().is_unspecified() {
        (Ipv4Addr::LOCALHOST, server.port()).into()
    } else {
        server
    };
    ["giveaway", "giftcard"]
        .map(|service| format!("http://{host}/api/{service}/v1/webhooks/provider"))
        .to_vec()
}
