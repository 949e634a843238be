//! `handsel keys`: what the applications of a fleet share.

use std::process::ExitCode;

use ledger::Mode;
use platform::{keys::KeyDir, process};

use crate::{
    cli::KeysCommand,
    node::secrets::{ADMIN_TOKEN_FILE, write_secret},
    out,
};

/// Those that belong to no application alone.
const SHARED: [&str; 2] = ["service", "admin"];

/// Makes what is missing.
pub(crate) fn run(command: KeysCommand) -> anyhow::Result<ExitCode> {
    let KeysCommand::Make { dir } = command;
    let keys = KeyDir::open(&dir)?;
    let names = SHARED.into_iter().chain(giveaway_api::process::KEYS).chain(giftcard_api::KEYS);
    for name in names {
        out::line(format_args!("{name}: {}", keys.key(name)?.id()));
    }
    // There is no live mode yet: its token would begin otherwise.
    let token = process::admin_token(Mode::Test.as_str(), &keys.key("admin")?);
    let file = dir.join(ADMIN_TOKEN_FILE);
    write_secret(&file, token.reveal())?;
    out::line(format_args!("the administrator's token is in {}", file.display()));
    Ok(ExitCode::SUCCESS)
}
