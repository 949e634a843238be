//! `handsel serve`: everything in one process, until it is told to stop.

use std::{process::ExitCode, time::Instant};

use anyhow::Context as _;
use figment::value::Value;
use platform::{Clock, Shutdown, telemetry};
use tokio::net::TcpListener;

use crate::{
    cli::{ServeArgs, Sources},
    config::Config,
    node::Node,
    out,
};

/// The clock's offset in a data folder, in demo mode.
pub(crate) const CLOCK_FILE: &str = "clock";

/// Runs until SIGINT or SIGTERM.
pub(crate) async fn run(args: ServeArgs) -> anyhow::Result<ExitCode> {
    let began = Instant::now();
    let mut flags = source_flags(&args.sources);
    if let Some(listen) = args.listen {
        flags.push(("server.listen", Value::from(listen.to_string())));
    }
    let config = Config::load(args.sources.config.as_deref(), &flags)?;
    telemetry::init(&config.log.filter, config.log.format)?;
    let shutdown = Shutdown::new();
    shutdown.on_signals()?;
    let clock = if config.demo {
        config.make_data_dir()?;
        Clock::shifted(&config.data_dir.join(CLOCK_FILE))?
    } else {
        refuse_a_demos_folder(&config)?;
        Clock::system()
    };
    let listen = config.server.listen;
    let listener = TcpListener::bind(listen)
        .await
        .with_context(|| format!("server.listen: cannot listen at {listen}"))?;
    let node = Node::start(&config, clock, shutdown.clone(), listener).await?;
    out::line(format_args!("Handsel serves {}", node.public_url));
    if let Some(bank) = &node.bank_url {
        out::line(format_args!("  sandbox bank   {bank} (test money only)"));
    }
    if let Some(grpc) = node.grpc_address {
        out::line(format_args!("  gRPC           {grpc}"));
    }
    out::line(format_args!("  data           {}", config.data_dir.display()));
    if let Some(link) = node.first_admin_link().await? {
        out::line("There is no administrator with an account yet. This link makes one, once:");
        out::line(format_args!("  {link}"));
    }
    tracing::info!(address = %node.address, ready_ms = began.elapsed().as_millis(), "ready");
    shutdown.requested().await;
    tracing::info!("stopping");
    if !node.stop().await {
        tracing::warn!("some work did not end in time; the next start goes on with it");
    }
    Ok(ExitCode::SUCCESS)
}

/// A demo's rows are dated by a clock that is ahead: without it, deadlines would come weeks late.
fn refuse_a_demos_folder(config: &Config) -> anyhow::Result<()> {
    anyhow::ensure!(
        !config.data_dir.join(CLOCK_FILE).exists(),
        "data_dir: {} belongs to a demo, whose clock is ahead; start it with HANDSEL__DEMO=true, or use another folder",
        config.data_dir.display()
    );
    Ok(())
}

/// The flags that say where things are, for [`Config::load`].
pub(crate) fn source_flags(sources: &Sources) -> Vec<(&'static str, Value)> {
    let data = sources.data.as_ref().map(|data| data.to_string_lossy().into_owned());
    data.map(|data| ("data_dir", Value::from(data))).into_iter().collect()
}
