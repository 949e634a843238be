//! `handsel migrate`: brings the databases up to date.

use std::process::ExitCode;

use platform::Clock;

use crate::{
    cli::MigrateArgs,
    config::Config,
    node::databases::{Databases, Migrated},
    out, serve,
};

/// Applies what is missing, or says what would be applied.
pub(crate) async fn run(args: MigrateArgs) -> anyhow::Result<ExitCode> {
    let flags = serve::source_flags(&args.sources);
    let config = Config::load(args.sources.config.as_deref(), &flags)?;
    let migrated = if args.dry_run {
        Databases::outdated(&config).await?
    } else {
        Databases::migrate(&config, &Clock::system()).await?
    };
    for Migrated { service, applied, backup } in migrated {
        if applied.is_empty() {
            out::line(format_args!("{service}: up to date"));
            continue;
        }
        let verb = if args.dry_run { "would apply" } else { "applied" };
        out::line(format_args!("{service}: {verb} {}", applied.join(", ")));
        if let Some(backup) = backup {
            out::line(format_args!("{service}: saved before as {}", backup.display()));
        }
    }
    Ok(ExitCode::SUCCESS)
}
