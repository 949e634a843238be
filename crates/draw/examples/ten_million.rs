//! Measures commitment, draw and verification on ten million entries, with peak memory.
//!
//! `cargo run --release -p draw --example ten_million [entries] [winners]`

use std::fs::File;
use std::io::{BufReader, BufWriter, Write, stdout};
use std::num::NonZeroU32;
use std::time::Instant;

use draw::beacon::Sandbox;
use draw::drawing::run;
use draw::fixed::{Hex, sha256};
use draw::ids::{DrawId, UnitId};
use draw::leaf::{Leaf, Reason};
use draw::manifest::commit;
use draw::moment::Moment;
use draw::rules::{Eligibility, PrizeUnit, RULES_VERSION, Rules, WeightRule};
use draw::signing::InstanceKey;
use draw::transcript::{BeaconRecord, Transcript};
use draw::verify::{Options, verify, verify_reader};
use uuid::Uuid;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let mut number = |default: u32| arguments.next().map_or(Ok(default), |text| text.parse());
    let (entries, winners) = (number(10_000_000)?, number(1000)?);

    let sandbox = Sandbox::from_seed(&[1; 32], moment(0)?, NonZeroU32::new(3).ok_or("period")?);
    let chain = sandbox.chain();
    let draw_at = moment(2000)?;
    let unit = |number: u32| -> Result<PrizeUnit, Failure> {
        Ok(PrizeUnit {
            unit: UnitId(Uuid::from_u128(number.into())),
            description: "Gift card".to_owned(),
            value_minor: 1000,
            currency: "EUR".parse()?,
            merchant: "Shop".to_owned(),
        })
    };
    let rules = Rules {
        version: RULES_VERSION,
        draw_id: DrawId(Uuid::from_u128(1)),
        title: "Large".to_owned(),
        units: (0..winners).map(unit).collect::<Result<_, _>>()?,
        alternates: 0,
        weight: WeightRule::Equal {},
        eligibility: Eligibility::default(),
        disqualification: Vec::new(),
        opens_at: moment(0)?,
        closes_at: moment(1000)?,
        review_seconds: 0,
        lead_seconds: 1000,
        draw_at,
        chain: chain.hash(),
        round: chain.round_at_or_after(draw_at),
        further_generation: false,
        claim_seconds: 3600,
    };

    let started = Instant::now();
    let mut leaves: Vec<Leaf> = (0..entries).map(leaf).collect();
    say("entries made", started)?;

    let started = Instant::now();
    leaves.sort_unstable();
    say("sorted", started)?;

    let started = Instant::now();
    let manifest = commit(&rules, &chain, &leaves, moment(1000)?)?;
    say("root and manifest", started)?;

    let signature = sandbox.sign(manifest.round);
    let drawing = Instant::now();
    let outcome = run(&manifest, &leaves, &chain, &signature)?;
    say("root again, and draw", drawing)?;
    say("root, draw: both together", started)?;

    let key = InstanceKey::from_seed(&[2; 32]);
    let (signed, beacon) =
        (manifest.sign(&key), BeaconRecord::new(&chain, manifest.round, signature));
    let public_key = key.public_key();
    let transcript = Transcript::new(rules, manifest, signed, public_key, leaves, beacon, outcome);

    let started = Instant::now();
    let report = verify(&transcript, &Options::default());
    say(&format!("verified in memory: {:?}", report.verdict()), started)?;

    let path = std::env::temp_dir().join(format!("ten_million-{}.transcript", std::process::id()));
    let started = Instant::now();
    transcript.write_compact(BufWriter::new(File::create(&path)?))?;
    say(&format!("compact transcript of {} bytes written", path.metadata()?.len()), started)?;
    drop(transcript);

    let started = Instant::now();
    let report = verify_reader(BufReader::new(File::open(&path)?), &Options::default())?;
    say(&format!("read back and verified: {:?}", report.verdict()), started)?;
    std::fs::remove_file(path)?;
    Ok(())
}

fn moment(seconds: u64) -> Result<Moment, Failure> {
    Ok(Moment::from_unix_seconds(1_800_000_000 + seconds).ok_or("beyond the year 9999")?)
}

fn leaf(number: u32) -> Leaf {
    let hash = sha256(&[&number.to_be_bytes()]);
    let mut id = [0; 16];
    id.copy_from_slice(&hash.0[..16]);
    Leaf::new(Hex(id), hash, 1, Reason::None)
}

fn say(what: &str, started: Instant) -> std::io::Result<()> {
    let (seconds, peak) = (started.elapsed().as_secs_f64(), peak_memory());
    writeln!(stdout(), "{seconds:7.2} s  {peak:>10}  {what}")
}

/// The most memory this process had resident so far, where the system tells.
fn peak_memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.map_or_else(|| "unknown".to_owned(), |kilobytes| kilobytes.trim().to_owned())
}
