//! `handsel config check` and `handsel config show`.

use std::process::ExitCode;

use anyhow::Context as _;

use crate::{
    cli::{ConfigCommand, Sources},
    config::Config,
    out, serve,
};

/// Loads as `serve` would, and says so or shows it. Secrets are masked.
pub(crate) fn run(command: ConfigCommand) -> anyhow::Result<ExitCode> {
    match command {
        ConfigCommand::Check(sources) => {
            load(&sources)?;
            out::line("the configuration is usable");
        }
        ConfigCommand::Show(sources) => {
            let shown = toml::to_string_pretty(&load(&sources)?);
            out::text(shown.context("the configuration cannot be shown")?);
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn load(sources: &Sources) -> anyhow::Result<Config> {
    Config::load(sources.config.as_deref(), &serve::source_flags(sources))
}
