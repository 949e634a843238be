//! `handsel sandbox-bank`: the test payment provider in a process of its own.

use std::process::ExitCode;

use anyhow::Context as _;
use platform::{
    Shutdown,
    keys::KeyDir,
    telemetry::{self, Format},
};
use sandbox_bank::{Bank, BankConfig};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{
    cli::SandboxBankArgs,
    node::{
        bank::FILE,
        secrets::{BankSecrets, write_secret},
    },
    out,
};

/// Runs until SIGINT or SIGTERM.
pub(crate) async fn run(args: SandboxBankArgs) -> anyhow::Result<ExitCode> {
    telemetry::init("info", Format::Text)?;
    let SandboxBankArgs { listen, data, public_url, webhooks, cost_fixed, cost_basis_points } =
        args;
    let secrets = BankSecrets::open(&KeyDir::open(&data)?)?;
    let (api_key_file, webhook_file) = (data.join("api-key"), data.join("webhook-secret"));
    write_secret(&api_key_file, secrets.api_key.reveal())?;
    write_secret(&webhook_file, secrets.webhook_secret.reveal())?;
    let shutdown = Shutdown::new();
    shutdown.on_signals()?;
    let listener = TcpListener::bind(listen)
        .await
        .with_context(|| format!("--listen: cannot listen at {listen}"))?;
    let url = format!("http://{}", listener.local_addr()?);
    let config = BankConfig {
        webhook_urls: webhooks,
        cost_fixed_minor: cost_fixed,
        cost_basis_points,
        ..BankConfig::new(
            secrets.api_key.reveal(),
            secrets.webhook_secret.reveal(),
            public_url.as_ref().unwrap_or(&url),
        )
    };
    let bank = Bank::open(data.join(FILE), config)?;
    out::line(format_args!("the sandbox bank serves {url} (test money only)"));
    out::line(format_args!("  key for calls      {}", api_key_file.display()));
    out::line(format_args!("  secret of webhooks {}", webhook_file.display()));
    let stop = CancellationToken::new();
    let stopper = stop.clone();
    tokio::spawn(async move {
        shutdown.requested().await;
        stopper.cancel();
    });
    bank.serve(listener, stop).await?;
    Ok(ExitCode::SUCCESS)
}
