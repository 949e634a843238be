//! The steps of the verifier. Each is a function from what is known so far to a finding; a reason
//! given as an error is a failure.

use super::Options;
use super::report::{Finding, Report, Step, StepName};
use crate::beacon::{Chain, randomness};
use crate::drawing::draw;
use crate::fixed::Digest;
use crate::leaf::{Leaf, Reason};
use crate::manifest::{MANIFEST_VERSION, check_leaves};
use crate::merkle;
use crate::moment::Moment;
use crate::receipt::Receipt;
use crate::schedule::{Appointment, appoint};
use crate::signing;
use crate::succession::{Place, Winners};
use crate::transcript::{FORMAT, Transcript};

/// What a step has to say; `Err` is the reason of its failure.
type Found = Result<Finding, String>;

/// The walk ends here: a step failed.
struct Stopped;

pub(super) fn walk(transcript: &Transcript, options: &Options) -> Report {
    let hash = transcript.manifest.hash();
    let mut report = Report { manifest: Some(hash), ..Report::default() };
    if let Ok(winners) = walk_until_failure(&mut report, transcript, options, &hash) {
        report.winners = winners;
    }
    report
}

fn walk_until_failure(
    report: &mut Report,
    transcript: &Transcript,
    options: &Options,
    hash: &Digest,
) -> Result<Vec<Place>, Stopped> {
    report.take(StepName::Format, format(transcript))?;
    report.take(StepName::Key, key(transcript, options))?;
    report.take(StepName::Signature, signature(transcript, hash))?;
    let chain = report.take_with(StepName::Chain, chain(transcript))?;
    report.take(StepName::Rules, rules(transcript, &chain))?;
    let round_at = report.take_with(StepName::Schedule, schedule(transcript, &chain))?;
    report.take(StepName::CommitmentTime, commitment_time(options, hash, round_at))?;
    report.take(StepName::Leaves, leaves(transcript))?;
    report.take(StepName::Root, root(transcript))?;
    report.take(StepName::Beacon, beacon(transcript, &chain))?;
    report.take(StepName::Draw, picks(transcript))?;
    let winners = report.take_with(StepName::Successions, successions(transcript, round_at))?;
    if let Some(receipt) = &options.receipt {
        report.take(StepName::Receipt, entry(transcript, receipt))?;
    }
    report.add_what_rests_on_trust(transcript, &chain);
    Ok(winners)
}

impl Report {
    fn take(&mut self, step: StepName, found: Found) -> Result<(), Stopped> {
        self.take_with(step, found.map(|finding| (finding, ())))
    }

    /// Notes a step's finding and hands on what it established for the steps after it.
    fn take_with<T>(
        &mut self,
        step: StepName,
        found: Result<(Finding, T), String>,
    ) -> Result<T, Stopped> {
        let (finding, established) = match found {
            Ok((finding, established)) => (finding, Ok(established)),
            Err(reason) => (Finding::Failed(reason), Err(Stopped)),
        };
        self.steps.push(Step { step, finding });
        established
    }

    fn add_what_rests_on_trust(&mut self, transcript: &Transcript, chain: &Chain) {
        if !chain.is_sandbox() {
            self.trust(
                StepName::BeaconOperators,
                "that fewer than a threshold of drand's operators conspired: together they could \
                 have known the round before it was public",
            );
        }
        let replacements = match transcript.successions.len() {
            0 => "that no winner has been replaced without a record here".to_owned(),
            count => format!(
                "that the evidence behind the {count} replacements says what their records say, \
                 and that none is missing here"
            ),
        };
        self.trust(StepName::Completeness, replacements);
        self.trust(
            StepName::Entrants,
            "that entries are real people, and that no entry without a receipt was left out",
        );
    }

    fn trust(&mut self, step: StepName, text: impl Into<String>) {
        self.steps.push(Step { step, finding: Finding::Trusted(text.into()) });
    }
}

fn format(transcript: &Transcript) -> Found {
    if transcript.format != FORMAT {
        return Err(format!("the format is not {FORMAT}"));
    }
    if !transcript.log.is_empty() {
        return Err("log: this version knows no public log, so the list must be empty".to_owned());
    }
    proven(format!("a complete transcript in the format {FORMAT}"))
}

fn key(transcript: &Transcript, options: &Options) -> Found {
    let found = transcript.public_key;
    match options.expected_key {
        None => Ok(Finding::Trusted(format!(
            "that {found} is the key of this instance: compare it with the one it publishes"
        ))),
        Some(expected) if expected == found => proven("the key is the expected one"),
        Some(expected) => Err(format!("the key is {found}, expected {expected}")),
    }
}

fn signature(transcript: &Transcript, hash: &Digest) -> Found {
    let message = transcript.manifest.canonical();
    signing::verify(&transcript.public_key, &message, &transcript.signature)
        .map_err(|error| format!("manifest: {error}"))?;
    proven(format!("the manifest {hash} was signed with this key"))
}

fn chain(transcript: &Transcript) -> Result<(Finding, Chain), String> {
    let beacon = &transcript.beacon;
    let chain = beacon.known_chain().ok_or("the beacon's chain is unknown or not the one named")?;
    if beacon.chain != transcript.manifest.chain {
        return Err(format!("the manifest names the chain {}", transcript.manifest.chain));
    }
    let finding = if chain.is_sandbox() {
        Finding::Warning(
            "sandbox beacon: whoever runs it knows every round in advance, so this was a rehearsal \
             and its fairness is not proven"
                .to_owned(),
        )
    } else {
        Finding::Proven("the randomness is that of drand quicknet, whose key is built in".into())
    };
    Ok((finding, chain))
}

fn rules(transcript: &Transcript, chain: &Chain) -> Found {
    let (rules, manifest) = (&transcript.rules, &transcript.manifest);
    rules.check(chain).map_err(|error| error.to_string())?;
    if manifest.rules != rules.hash() {
        return Err(format!("the manifest names the rules {}", manifest.rules));
    }
    if manifest.version != MANIFEST_VERSION {
        return Err(format!("manifest: version {} is not {MANIFEST_VERSION}", manifest.version));
    }
    if manifest.generation != 0 || manifest.previous != Digest::ZERO {
        return Err("manifest: this version verifies only the first generation".to_owned());
    }
    let agreements = [
        ("draw_id", manifest.draw_id == rules.draw_id),
        ("units", manifest.units == rules.unit_ids()),
        ("alternates", manifest.alternates == rules.alternates),
        ("chain", manifest.chain == rules.chain),
    ];
    if let Some((member, _)) = agreements.iter().find(|(_, agrees)| !agrees) {
        return Err(format!("manifest and rules differ in {member}"));
    }
    proven(format!("the rules are coherent, and the ones signed: {}", manifest.rules))
}

fn schedule(transcript: &Transcript, chain: &Chain) -> Result<(Finding, Moment), String> {
    let (rules, manifest) = (&transcript.rules, &transcript.manifest);
    let (sealed_at, round) = (manifest.sealed_at, manifest.round);
    match rules.freeze_at() {
        Some(freeze_at) if sealed_at >= freeze_at => {}
        _ => return Err("sealed_at: the entries were frozen before the rules say".to_owned()),
    }
    let Some(expected) = appoint(rules, chain, sealed_at) else {
        return Err("sealed_at: no round can follow it".to_owned());
    };
    if expected != (Appointment { round, late: manifest.late }) {
        let kind = if expected.late { "late" } else { "planned" };
        return Err(format!("the rules demand the {kind} round {}", expected.round));
    }
    let round_at = chain.time_of(round).ok_or("round: it is beyond the year 9999")?;
    let finding = if expected.late {
        Finding::Warning(format!(
            "late: the commitment missed the round {} of the rules, so {round} at {round_at} \
             decides; it follows from the instance's own statement of when it committed",
            rules.round
        ))
    } else {
        Finding::Proven(format!(
            "the round {round} at {round_at} was fixed by the rules before the first entry"
        ))
    };
    Ok((finding, round_at))
}

fn commitment_time(options: &Options, hash: &Digest, round_at: Moment) -> Found {
    match options.seen {
        None => Ok(Finding::Warning(
            "time of commitment not proven: nothing shows that the manifest was published before \
             the round was known"
                .to_owned(),
        )),
        Some(seen) if seen == *hash => proven(format!(
            "the manifest is the one seen; if that was before {round_at}, nobody \
                 could know the winners when the entries were fixed"
        )),
        Some(seen) => Err(format!("the manifest is {hash}, but {seen} was seen")),
    }
}

fn leaves(transcript: &Transcript) -> Found {
    let manifest = &transcript.manifest;
    let count = transcript.leaves.len();
    if count as u64 != manifest.leaves {
        return Err(format!("there are {count}, the manifest commits to {}", manifest.leaves));
    }
    let weight =
        check_leaves(&transcript.rules, &transcript.leaves).map_err(|error| error.to_string())?;
    if weight != manifest.weight {
        return Err(format!("they weigh {weight}, the manifest commits to {}", manifest.weight));
    }
    let eligible = transcript.leaves.iter().filter(|leaf| leaf.weight() > 0).count();
    proven(format!("{count} entries, {eligible} of them eligible, sorted and without repetition"))
}

fn root(transcript: &Transcript) -> Found {
    let root = merkle::root(transcript.leaves.iter().map(Leaf::as_bytes));
    if root != transcript.manifest.root {
        return Err(format!("the leaves have the root {root}, which is not the committed one"));
    }
    proven("the entries are exactly those committed to")
}

fn beacon(transcript: &Transcript, chain: &Chain) -> Found {
    let beacon = &transcript.beacon;
    if beacon.round != transcript.manifest.round {
        return Err(format!("round {} is not the one committed to", beacon.round));
    }
    chain.verify(beacon.round, &beacon.signature).map_err(|error| error.to_string())?;
    proven(format!("the signature is that of round {} of this chain", beacon.round))
}

fn picks(transcript: &Transcript) -> Found {
    let randomness = randomness(&transcript.beacon.signature);
    let outcome = draw(&transcript.manifest, &transcript.leaves, &randomness);
    let (claimed, drawn) = (&transcript.picks, &outcome.picks);
    if let Some(place) = claimed.iter().zip(drawn).position(|(claimed, drawn)| claimed != drawn) {
        return Err(format!(
            "pick {} is {}, but the draw gives {}",
            place + 1,
            claimed[place],
            drawn[place]
        ));
    }
    if claimed.len() != drawn.len() {
        let (claimed, drawn) = (claimed.len(), drawn.len());
        return Err(format!("there are {claimed} picks, but the draw gives {drawn}"));
    }
    if (transcript.words, transcript.rejected) != (outcome.words, outcome.rejected) {
        return Err(format!(
            "the draw consumes {} words and rejects {}, not {} and {}",
            outcome.words, outcome.rejected, transcript.words, transcript.rejected
        ));
    }
    let winners = drawn.len().min(transcript.manifest.units.len());
    let alternates = drawn.len() - winners;
    proven(format!(
        "{winners} winners and {alternates} alternates follow from the commitment and the round"
    ))
}

fn successions(transcript: &Transcript, round_at: Moment) -> Result<(Finding, Vec<Place>), String> {
    let Transcript { rules, manifest, picks, public_key, .. } = transcript;
    let mut winners = Winners::drawn(rules, manifest, picks, round_at);
    for (number, record) in transcript.successions.iter().enumerate() {
        winners.apply(record, public_key).map_err(|error| format!("record {number}: {error}"))?;
    }
    let finding = match transcript.successions.len() {
        0 => "no winner was replaced".to_owned(),
        count => format!("{count} winners were replaced, each by the next alternate, as signed"),
    };
    Ok((Finding::Proven(finding), winners.places().to_vec()))
}

fn entry(transcript: &Transcript, receipt: &Receipt) -> Found {
    receipt.verify(&transcript.public_key).map_err(|error| error.to_string())?;
    if receipt.draw_id != transcript.manifest.draw_id {
        return Err(format!("draw_id: the receipt is for the draw {}", receipt.draw_id));
    }
    if receipt.rules != transcript.manifest.rules {
        return Err("rules: they are not those under which the entry was made".to_owned());
    }
    // The leaves are known to be sorted by now.
    let found = transcript.leaves.binary_search_by_key(&receipt.leaf_id, Leaf::id);
    let Ok(number) = found else {
        return Err(format!("leaf_id: {} was left out of the draw", receipt.leaf_id));
    };
    let leaf = &transcript.leaves[number];
    if leaf.person() != receipt.commitment {
        return Err(format!("commitment: the leaf {} is another person's", receipt.leaf_id));
    }
    let part = match leaf.reason() {
        Some(Reason::None) | None => format!("with weight {}", leaf.weight()),
        Some(reason) => format!("without weight, for the reason: {reason}"),
    };
    proven(format!("the entry took part as leaf {number} of {}, {part}", transcript.leaves.len()))
}

fn proven(text: impl Into<String>) -> Found {
    Ok(Finding::Proven(text.into()))
}
