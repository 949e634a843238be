//! Where a command's result goes: standard output. Logs and progress go to standard error.
//!
//! A reader that has gone away (`handsel audit | head`) is no error, so nothing here fails.

use std::{
    fmt::Display,
    io::{self, Write as _},
};

use serde::Serialize;

/// One line of the result.
pub(crate) fn line(text: impl Display) {
    drop(writeln!(io::stdout().lock(), "{text}"));
}

/// Text of the result as it is, sent on at once.
pub(crate) fn text(text: impl Display) {
    let mut out = io::stdout().lock();
    drop(write!(out, "{text}").and_then(|()| out.flush()));
}

/// The result as JSON, on lines of its own.
pub(crate) fn json(value: &impl Serialize) {
    let mut out = io::stdout().lock();
    let written = serde_json::to_writer_pretty(&mut out, value).map_err(io::Error::from);
    drop(written.and_then(|()| writeln!(out)));
}

/// One of several results, as JSON on a single line.
pub(crate) fn json_line(value: &impl Serialize) {
    let mut out = io::stdout().lock();
    let written = serde_json::to_writer(&mut out, value).map_err(io::Error::from);
    drop(written.and_then(|()| writeln!(out)));
}

/// One line beside the result: progress, hints, errors.
pub(crate) fn aside(text: impl Display) {
    drop(writeln!(io::stderr().lock(), "{text}"));
}

/// Text beside the result as it is, such as progress that is written over.
pub(crate) fn aside_text(text: impl Display) {
    let mut err = io::stderr().lock();
    drop(write!(err, "{text}").and_then(|()| err.flush()));
}
