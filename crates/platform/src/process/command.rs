//! The command line of an application: a file, the environment, and then the work.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context as _;
use clap::Command;

use super::settings::Settings;
use crate::config;

/// It could not do its work.
const EXIT_TROUBLE: u8 = 2;

/// How an application is started, as its command line says.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Start {
    /// Read this file; without it, the application's own in the current folder, if there is one
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Only say whether the configuration can work, before any server is asked
    #[arg(long)]
    pub check: bool,
}

impl Start {
    /// Loads an application's configuration, and runs it until it ends unless it is only to be checked.
    ///
    /// # Errors
    /// Names the key and what is wrong with it, or says why it ended.
    pub fn run<S, F>(self, name: &str, run: impl FnOnce(S) -> F) -> anyhow::Result<()>
    where
        S: Settings,
        F: Future<Output = anyhow::Result<()>>,
    {
        let settings = load(name, self.config.as_deref())?;
        if self.check {
            return Ok(());
        }
        tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .context("cannot start the runtime")?
            .block_on(run(settings))
    }
}

/// Loads an application's configuration: defaults < file < environment. The file `{name}.toml` of the
/// current folder is read if no other is named.
///
/// # Errors
/// Names the key and what is wrong with it.
fn load<S: Settings>(name: &str, file: Option<&Path>) -> anyhow::Result<S> {
    let usual = PathBuf::from(format!("{name}.toml"));
    let settings: S = config::load(file.unwrap_or(&usual), file.is_some(), &[])?;
    settings.check()?;
    Ok(settings)
}

/// The `main` of an application: reads its command line, and runs it until it ends.
pub fn main<A: clap::Args>(
    name: &'static str,
    about: &'static str,
    run: impl FnOnce(A) -> anyhow::Result<()>,
) -> ExitCode {
    let command = A::augment_args(Command::new(name).about(about))
        .version(env!("CARGO_PKG_VERSION"))
        .after_help(
            "Configuration: defaults < FILE < HANDSEL__SECTION__KEY in the environment; secrets also as \
             HANDSEL__SECTION__KEY_FILE.",
        );
    let matches = command.get_matches();
    let outcome = A::from_arg_matches(&matches).map_err(Into::into).and_then(run);
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
