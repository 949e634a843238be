//! The bank by itself, told everything by its environment: `SANDBOX_BANK_FILE`,
//! `SANDBOX_BANK_API_KEY`, `SANDBOX_BANK_WEBHOOK_SECRET` and, if there is somebody to tell,
//! `SANDBOX_BANK_WEBHOOK_URL`. Serves on a free port of this machine and prints its address as the
//! first line. `handsel sandbox-bank` is the comfortable way to run it.

use std::{env, io::Write as _, net::Ipv4Addr};

use anyhow::Context as _;
use sandbox_bank::{Bank, BankConfig};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let url = format!("http://{}", listener.local_addr()?);
    let api_key = setting("SANDBOX_BANK_API_KEY")?;
    let webhook_secret = setting("SANDBOX_BANK_WEBHOOK_SECRET")?;
    let config = BankConfig {
        webhook_urls: env::var("SANDBOX_BANK_WEBHOOK_URL").into_iter().collect(),
        ..BankConfig::new(api_key, webhook_secret, &url)
    };
    let bank = Bank::open(setting("SANDBOX_BANK_FILE")?, config)?;
    writeln!(std::io::stdout(), "{url}")?;
    bank.serve(listener, CancellationToken::new()).await?;
    Ok(())
}

fn setting(name: &str) -> anyhow::Result<String> {
    env::var(name).with_context(|| format!("{name} is needed"))
}
