//! The verifier: recomputes a draw from its transcript, step by step, without any network.
//!
//! The steps come in a fixed order, and the first that fails ends the verification and is named.
//! Each finding says what is proven and what rests on trust, because a draw that claims more than
//! it proves is not fair either.

mod report;
mod steps;

use std::io::BufRead;

pub use report::{Finding, Report, Step, StepName, Verdict};

use crate::fixed::{Digest, PublicKey};
use crate::receipt::Receipt;
use crate::transcript::{ReadError, Transcript};

/// What the person who checks knows from elsewhere. Each makes the verdict say more.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The instance's public key, from a source other than the transcript.
    pub expected_key: Option<PublicKey>,
    /// The hash of the manifest, as seen before the round was public.
    pub seen: Option<Digest>,
    /// One's own receipt.
    pub receipt: Option<Receipt>,
}

/// Verifies a transcript.
#[must_use]
pub fn verify(transcript: &Transcript, options: &Options) -> Report {
    steps::walk(transcript, options)
}

/// Reads a transcript in either form and verifies it. Something that has the syntax of a
/// transcript but members it cannot have is rejected at the step [`StepName::Format`].
///
/// # Errors
/// When it cannot be read, or is not even JSON.
pub fn verify_reader(reader: impl BufRead, options: &Options) -> Result<Report, ReadError> {
    match Transcript::read(reader) {
        Ok(transcript) => Ok(verify(&transcript, options)),
        Err(ReadError::Shape(reason)) => Ok(Report::rejected_at_format(reason)),
        Err(error) => Err(error),
    }
}
