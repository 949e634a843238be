//! `handsel verify`: checks a draw from its transcript alone, without any network.

use std::fs::{self, File};
use std::io::{self, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use draw::fixed::{Digest, PublicKey};
use draw::receipt::Receipt;
use draw::verify::{Finding, Options, Report, StepName, Verdict, verify_reader};
use serde_json::{Value, json};

/// Check a draw from its transcript, without any network
///
/// Recomputes every step of the draw, from the locked rules to the winners after replacements, and
/// says of each what is proven and what rests on trust. The first step that fails is named.
#[derive(Args, Debug)]
#[command(after_long_help = HELP)]
pub(crate) struct VerifyArgs {
    /// The transcript, as published with the giveaway: JSON, or the compact form of large draws
    transcript: PathBuf,

    /// The instance's public key, in hexadecimal or as a file that holds it
    ///
    /// Without it, anybody could have signed the transcript. Take the key from where the instance
    /// publishes it, not from the transcript.
    #[arg(long, value_name = "HEX|FILE")]
    key: Option<String>,

    /// The hash of the manifest, as you saw it before the draw
    ///
    /// It is shown on the giveaway's page and mailed to entrants before the round is public. Only
    /// with it is it proven that the entries were fixed before anybody could know the winners.
    #[arg(long, value_name = "HASH")]
    seen: Option<Digest>,

    /// Your receipt: checks that your entry took part
    #[arg(long, value_name = "FILE")]
    receipt: Option<PathBuf>,

    /// Print one JSON object instead of a table
    #[arg(long)]
    json: bool,
}

const HELP: &str = "\
Exit codes:
  0  valid
  1  rejected; the first step that failed is named
  2  the transcript or another input cannot be read
  3  valid, but drawn with a sandbox beacon: a rehearsal that proves nothing about fairness

Examples:
  handsel verify transcript.json
  handsel verify transcript.json --key instance.pub --seen 92382734…01d --receipt mine.json";

/// For inputs that are missing or are not what they should be.
const EXIT_BAD_INPUT: u8 = 2;

/// For draws that are valid but only rehearsed.
const EXIT_SANDBOX: u8 = 3;

/// The width of the table, which most terminals have room for.
const TABLE_COLUMNS: usize = 100;

/// Verifies and prints; fails only if nothing can be printed.
pub(crate) fn run(args: VerifyArgs) -> anyhow::Result<ExitCode> {
    let mut out = io::stdout().lock();
    let (printed, code) = match check(&args) {
        Ok(report) if args.json => {
            (writeln!(out, "{}", as_json(&report)), exit_code(report.verdict()))
        }
        Ok(report) => (write_table(&mut out, &report), exit_code(report.verdict())),
        Err(error) => {
            let message = format!("{error:#}");
            let printed = if args.json {
                writeln!(out, "{}", json!({"verdict": "bad_input", "error": message}))
            } else {
                writeln!(io::stderr(), "error: {message}")
            };
            (printed, ExitCode::from(EXIT_BAD_INPUT))
        }
    };
    match printed {
        // Whoever stopped reading, as `head` does, still gets the exit code.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(code),
    }
}

/// Reads all inputs and verifies; an error is one of the inputs', never of the draw.
fn check(args: &VerifyArgs) -> anyhow::Result<Report> {
    let options = Options {
        expected_key: args.key.as_deref().map(read_key).transpose()?,
        seen: args.seen,
        receipt: args.receipt.as_deref().map(read_receipt).transpose()?,
    };
    let path = args.transcript.display();
    let file = File::open(&args.transcript).with_context(|| format!("transcript {path}"))?;
    verify_reader(BufReader::new(file), &options).with_context(|| format!("transcript {path}"))
}

fn read_key(key: &str) -> anyhow::Result<PublicKey> {
    if let Ok(key) = key.parse() {
        return Ok(key);
    }
    let text = fs::read_to_string(key)
        .with_context(|| format!("--key: {key} is neither a key in hexadecimal nor a file"))?;
    text.trim().parse().with_context(|| format!("--key: the file {key}"))
}

fn read_receipt(path: &Path) -> anyhow::Result<Receipt> {
    let json = fs::read(path).with_context(|| format!("--receipt: {}", path.display()))?;
    Receipt::from_json(&json).with_context(|| format!("--receipt: {}", path.display()))
}

fn exit_code(verdict: Verdict) -> ExitCode {
    match verdict {
        Verdict::Accepted => ExitCode::SUCCESS,
        Verdict::Rejected => ExitCode::FAILURE,
        Verdict::Sandbox => ExitCode::from(EXIT_SANDBOX),
    }
}

fn as_json(report: &Report) -> Value {
    json!({
        "verdict": report.verdict(),
        "failed_step": report.failed().map(|(step, _)| step),
        "reason": report.failed().map(|(_, reason)| reason),
        "manifest": report.manifest,
        "steps": report.steps,
        "winners": report.winners,
    })
}

fn write_table(out: &mut impl Write, report: &Report) -> io::Result<()> {
    for step in &report.steps {
        write_row(out, label(&step.finding), step.step.as_str(), step.finding.text())?;
    }
    if !report.winners.is_empty() {
        writeln!(out, "\nWinners")?;
    }
    for place in &report.winners {
        let winner = place.winner.map_or_else(|| "nobody".to_owned(), |leaf| leaf.to_string());
        let history = match place.replacements {
            0 => String::new(),
            1 => "  (after 1 replacement)".to_owned(),
            count => format!("  (after {count} replacements)"),
        };
        writeln!(out, "  unit {}  leaf {winner}{history}", place.unit)?;
    }
    writeln!(out, "\n{}", conclusion(report))
}

fn conclusion(report: &Report) -> String {
    if let Some((step, reason)) = report.failed() {
        return format!("REJECTED at the step {step}: {reason}");
    }
    let undated = match report.has_warning(StepName::CommitmentTime) {
        true => "; time of commitment not proven (give --seen)",
        false => "",
    };
    match report.verdict() {
        Verdict::Sandbox => format!("VALID, but drawn with a sandbox beacon: a rehearsal{undated}"),
        _ => format!("VALID{undated}"),
    }
}

fn label(finding: &Finding) -> &'static str {
    match finding {
        Finding::Proven(_) => "proven",
        Finding::Trusted(_) => "on trust",
        Finding::Warning(_) => "WARNING",
        Finding::Failed(_) => "FAILED",
    }
}

fn write_row(out: &mut impl Write, label: &str, step: &str, text: &str) -> io::Result<()> {
    let (mut label, mut step) = (label, step);
    for line in wrapped(text, TABLE_COLUMNS - 28) {
        writeln!(out, "{label:<8}  {step:<16}  {line}")?;
        (label, step) = ("", "");
    }
    Ok(())
}

/// The text in lines of at most `columns` characters, broken at spaces; a longer word has a line
/// of its own.
fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        let needed = line.chars().count() + 1 + word.chars().count();
        if !line.is_empty() && needed > columns {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_broken_at_spaces() {
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(wrapped("one incomprehensibility", 5), ["one", "incomprehensibility"]);
        assert_eq!(wrapped("", 5), [""]);
    }

    #[test]
    fn a_key_is_given_in_hexadecimal_or_as_a_file() {
        let key = "ab".repeat(32);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("instance.pub");
        fs::write(&file, format!("{key}\n")).unwrap();
        assert_eq!(read_key(&key).unwrap().to_string(), key);
        assert_eq!(read_key(file.to_str().unwrap()).unwrap().to_string(), key);
        fs::write(&file, "not a key").unwrap();
        let error = format!("{:#}", read_key(file.to_str().unwrap()).unwrap_err());
        assert!(error.contains("64 lowercase hexadecimal digits"), "{error}");
        read_key("no such file").unwrap_err();
    }

    #[test]
    fn input_that_cannot_be_read_is_no_verdict_about_the_draw() {
        let folder = tempfile::tempdir().unwrap();
        let transcript = folder.path().join("transcript.json");
        let args = VerifyArgs {
            transcript: transcript.clone(),
            key: None,
            seen: None,
            receipt: None,
            json: false,
        };
        assert!(check(&args).is_err(), "no such file");
        fs::write(&transcript, "{\"format\":").unwrap();
        assert!(check(&args).is_err(), "not JSON");
        fs::write(&transcript, "{\"format\":\"another\"}").unwrap();
        let report = check(&args).unwrap();
        assert_eq!(report.failed().map(|(step, _)| step), Some(StepName::Format));
        assert!(conclusion(&report).starts_with("REJECTED at the step format: "));
        assert_eq!(as_json(&report)["failed_step"], "format");
    }
}
