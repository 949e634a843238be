//! The command line of an application: a file, the environment, and then the work.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context as _;
use clap::{Args as _, Command, FromArgMatches as _};

use super::settings::Settings;
use crate::config;

/// It could not do its work.
const EXIT_TROUBLE: u8 = 2;

#[derive(Debug, clap::Args)]
struct Args {
    /// Read this file; without it, the application's own in the current folder, if there is one
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Only say whether the configuration can work, before any server is asked
    #[arg(long)]
    check: bool,
}

/// Loads an application's configuration: defaults < file < environment. The file `{name}.toml` of the
/// current folder is read if no other is named.
///
/// # Errors
/// Names the key and what is wrong with it.
pub fn load<S: Settings>(name: &str, file: Option<&Path>) -> anyhow::Result<S> {
    let usual = PathBuf::from(format!("{name}.toml"));
    let settings: S = config::load(file.unwrap_or(&usual), file.is_some(), &[])?;
    settings.check()?;
    Ok(settings)
}

/// The `main` of an application: loads what it is told, and runs it until it ends.
pub fn main<S, F>(name: &'static str, about: &'static str, run: impl FnOnce(S) -> F) -> ExitCode
where
    S: Settings,
    F: Future<Output = anyhow::Result<()>>,
{
    let command = Args::augment_args(Command::new(name).about(about))
        .version(env!("CARGO_PKG_VERSION"))
        .after_help(
            "Configuration: defaults < FILE < HANDSEL__SECTION__KEY in the environment; secrets also as \
             HANDSEL__SECTION__KEY_FILE.",
        );
    let matches = command.get_matches();
    let outcome = Args::from_arg_matches(&matches).map_err(Into::into).and_then(|args| {
        let settings = load(name, args.config.as_deref())?;
        if args.check {
            return Ok(());
        }
        tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .context("cannot start the runtime")?
            .block_on(run(settings))
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report(&error);
            ExitCode::from(EXIT_TROUBLE)
        }
    }
}

#[expect(clippy::print_stderr, reason = "whoever started it reads this, whatever is logged")]
fn report(error: &anyhow::Error) {
    eprintln!("error: {error:#}");
}
