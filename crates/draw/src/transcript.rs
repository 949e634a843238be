//! The transcript: everything a stranger needs to check a draw, in one document.
//!
//! It is JSON. For draws of millions there is a compact form as well: `"handsel/transcript/v1" ‖
//! 0x00 ‖ u64 length ‖ the JSON with an empty list of leaves ‖ u64 count ‖ 53 bytes per leaf`.
//! [`Transcript::read`] takes both and tells them apart by their first byte.

use std::io::{self, BufRead, Read, Write};

use serde::{Deserialize, Serialize};
use serde_json::error::Category;

use crate::beacon::{Chain, QUICKNET_HASH, SandboxChain};
use crate::canonical::required_option;
use crate::drawing::Outcome;
use crate::fixed::{BeaconSignature, Digest, LeafId, PublicKey, Signature};
use crate::leaf::{LEAF_BYTES, Leaf};
use crate::manifest::Manifest;
use crate::rules::Rules;
use crate::succession::Succession;

/// The name of this format, which every transcript begins with.
pub const FORMAT: &str = "handsel/transcript/v1";

/// How many leaves are made room for on the word of a file alone. Beyond that, memory grows only
/// with what is really there, so a false count cannot exhaust it.
const LEAVES_BELIEVED: usize = 1 << 16;

/// How much of a parser's message is passed on: enough for any honest one.
const MESSAGE_CHARS: usize = 400;

/// A whole draw. Members unknown to this version are refused, so that nothing unverified rides
/// along.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transcript {
    /// [`FORMAT`].
    pub format: String,
    /// The rules, as published before opening.
    pub rules: Rules,
    /// The commitment.
    pub manifest: Manifest,
    /// The instance's signature over the manifest.
    pub signature: Signature,
    /// The key it was made with.
    pub public_key: PublicKey,
    /// The randomness.
    pub beacon: BeaconRecord,
    /// The leaves drawn, in order.
    pub picks: Vec<LeafId>,
    /// Random words consumed, including the rejected ones.
    pub words: u64,
    /// Random words rejected.
    pub rejected: u64,
    /// Replacements since, in order.
    pub successions: Vec<Succession>,
    /// Entries of the public log. There is no log yet, so the list is empty.
    pub log: Vec<serde_json::Value>,
    /// The leaves, sorted.
    pub leaves: Vec<Leaf>,
}

/// One round of a beacon, and which beacon it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BeaconRecord {
    /// The hash of the chain.
    pub chain: Digest,
    /// What has to be known of a sandbox chain; `null` for a chain whose key is built in.
    #[serde(deserialize_with = "required_option")]
    pub sandbox: Option<SandboxChain>,
    /// The round.
    pub round: u64,
    /// Its signature.
    pub signature: BeaconSignature,
}

/// Why a file is not a transcript.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It cannot be read.
    #[error("cannot be read: {0}")]
    Io(#[from] io::Error),
    /// It is neither JSON nor the compact form, or it is cut short.
    #[error("not a transcript: {0}")]
    Malformed(String),
    /// It is JSON, but a member is missing, unknown, or has a value it cannot have.
    #[error("not a transcript of {FORMAT}: {0}")]
    Shape(String),
}

impl Transcript {
    /// The transcript of a draw without replacements; add those to `successions`.
    #[must_use]
    pub fn new(
        rules: Rules,
        manifest: Manifest,
        signature: Signature,
        public_key: PublicKey,
        leaves: Vec<Leaf>,
        beacon: BeaconRecord,
        outcome: Outcome,
    ) -> Self {
        let Outcome { picks, words, rejected } = outcome;
        Self {
            format: FORMAT.to_owned(),
            rules,
            manifest,
            signature,
            public_key,
            beacon,
            picks,
            words,
            rejected,
            successions: Vec::new(),
            log: Vec::new(),
            leaves,
        }
    }

    /// Reads either form to its end.
    ///
    /// # Errors
    /// When it cannot be read or is not a transcript. Whether what it says is true is for
    /// [`crate::verify`] to find out.
    pub fn read(mut reader: impl BufRead) -> Result<Self, ReadError> {
        match reader.fill_buf()?.first() {
            None => Err(ReadError::Malformed("the file is empty".to_owned())),
            Some(first) if *first == FORMAT.as_bytes()[0] => read_compact(reader),
            Some(_) => Ok(serde_json::from_reader(reader)?),
        }
    }

    /// Reads the JSON form.
    ///
    /// # Errors
    /// As [`Transcript::read`].
    pub fn from_json(json: &[u8]) -> Result<Self, ReadError> {
        Ok(serde_json::from_slice(json)?)
    }

    /// Writes the JSON form, without white space, so that every byte of it means something.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn write_json(&self, writer: impl Write) -> io::Result<()> {
        Ok(serde_json::to_writer(writer, self)?)
    }

    /// The JSON form.
    ///
    /// # Panics
    /// Never: a transcript always serializes, and memory does not refuse to be written.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a transcript always serializes")
    }

    /// Writes the compact form.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn write_compact(&self, mut writer: impl Write) -> io::Result<()> {
        let head = serde_json::to_vec(&self.without_leaves())?;
        writer.write_all(FORMAT.as_bytes())?;
        writer.write_all(&[0])?;
        writer.write_all(&(head.len() as u64).to_be_bytes())?;
        writer.write_all(&head)?;
        writer.write_all(&(self.leaves.len() as u64).to_be_bytes())?;
        for leaf in &self.leaves {
            writer.write_all(leaf.as_bytes())?;
        }
        writer.flush()
    }

    /// Everything else, copied: cheap beside the leaves themselves.
    fn without_leaves(&self) -> Self {
        Self {
            format: self.format.clone(),
            rules: self.rules.clone(),
            manifest: self.manifest.clone(),
            beacon: self.beacon.clone(),
            picks: self.picks.clone(),
            successions: self.successions.clone(),
            log: self.log.clone(),
            leaves: Vec::new(),
            ..*self
        }
    }
}

impl BeaconRecord {
    /// The record of a round.
    #[must_use]
    pub fn new(chain: &Chain, round: u64, signature: BeaconSignature) -> Self {
        let sandbox = match chain {
            Chain::Quicknet => None,
            Chain::Sandbox(chain) => Some(*chain),
        };
        Self { chain: chain.hash(), sandbox, round, signature }
    }

    /// The chain, if it is one that can be checked and its hash is right.
    #[must_use]
    pub fn known_chain(&self) -> Option<Chain> {
        match self.sandbox {
            None => (self.chain == QUICKNET_HASH).then_some(Chain::Quicknet),
            Some(sandbox) => (self.chain == sandbox.hash()).then_some(Chain::Sandbox(sandbox)),
        }
    }
}

impl From<serde_json::Error> for ReadError {
    fn from(error: serde_json::Error) -> Self {
        match error.classify() {
            Category::Io => Self::Io(error.into()),
            Category::Syntax | Category::Eof => Self::Malformed(harmless(&error.to_string())),
            Category::Data => Self::Shape(harmless(&error.to_string())),
        }
    }
}

/// A parser's message without control characters and of bounded length. It may quote the file, and
/// whoever forged that must not get to write a verdict of their own onto the reader's terminal.
fn harmless(message: &str) -> String {
    let visible = |c: char| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c };
    message.chars().take(MESSAGE_CHARS).map(visible).collect()
}

fn read_compact(mut reader: impl BufRead) -> Result<Transcript, ReadError> {
    let mut magic = [0; FORMAT.len() + 1];
    read_exact(&mut reader, &mut magic)?;
    let (name, zero) = magic.split_at(FORMAT.len());
    if name != FORMAT.as_bytes() || zero != [0] {
        return Err(ReadError::Malformed(format!("neither JSON nor {FORMAT}")));
    }
    let length = read_u64(&mut reader)?;
    let mut head = Vec::new();
    if reader.by_ref().take(length).read_to_end(&mut head)? as u64 != length {
        return Err(cut_short());
    }
    let mut transcript = Transcript::from_json(&head)?;
    if !transcript.leaves.is_empty() {
        return Err(ReadError::Shape("leaves are both in the head and behind it".to_owned()));
    }
    let count = read_u64(&mut reader)?;
    let believed = usize::try_from(count).map_or(LEAVES_BELIEVED, |n| n.min(LEAVES_BELIEVED));
    transcript.leaves.reserve(believed);
    for _ in 0..count {
        let mut leaf = [0; LEAF_BYTES];
        read_exact(&mut reader, &mut leaf)?;
        transcript.leaves.push(Leaf::from_bytes(leaf));
    }
    if !reader.fill_buf()?.is_empty() {
        return Err(ReadError::Malformed("it goes on after its last leaf".to_owned()));
    }
    Ok(transcript)
}

fn read_u64(reader: &mut impl Read) -> Result<u64, ReadError> {
    let mut bytes = [0; 8];
    read_exact(reader, &mut bytes)?;
    Ok(u64::from_be_bytes(bytes))
}

fn read_exact(reader: &mut impl Read, bytes: &mut [u8]) -> Result<(), ReadError> {
    reader.read_exact(bytes).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => cut_short(),
        _ => ReadError::Io(error),
    })
}

fn cut_short() -> ReadError {
    ReadError::Malformed("it is cut short".to_owned())
}
