//! What a verification found.

use std::fmt;

use serde::Serialize;

use crate::fixed::Digest;
use crate::succession::Place;

/// The findings in the order of the steps; after a failed one there are no more.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The steps taken.
    pub steps: Vec<Step>,
    /// The hash of the manifest: what to compare with witnesses. Known once the format is.
    pub manifest: Option<Digest>,
    /// Who holds which unit, after all replacements. Empty unless every step was passed.
    pub winners: Vec<Place>,
}

/// One step and what it found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// Which step.
    pub step: StepName,
    /// What it found.
    #[serde(flatten)]
    pub finding: Finding,
}

/// The steps, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StepName {
    /// The document is a transcript of a known version.
    Format,
    /// Whose signatures these are.
    Key,
    /// The manifest is signed.
    Signature,
    /// Which beacon decides.
    Chain,
    /// The rules are coherent and the ones the manifest names.
    Rules,
    /// The round follows from the rules.
    Schedule,
    /// The commitment was made before the round was public.
    CommitmentTime,
    /// The leaves are sorted, unique, consistent, and as many as committed to.
    Leaves,
    /// They have the committed root.
    Root,
    /// The round's signature is the chain's.
    Beacon,
    /// The picks follow from commitment and round.
    Draw,
    /// Replacements followed the order of the alternates.
    Successions,
    /// The receipt's entry is among the leaves.
    Receipt,
    /// Nobody knew the round in advance.
    BeaconOperators,
    /// The replacements are all there, and for the reasons given.
    Completeness,
    /// The entries are people, and none was left out.
    Entrants,
}

/// What a step found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "finding", content = "text", rename_all = "snake_case")]
pub enum Finding {
    /// Follows from the transcript and what the verifier was given.
    Proven(String),
    /// Cannot be checked here; says whom one has to believe what.
    Trusted(String),
    /// Checked as far as possible, with something to worry about.
    Warning(String),
    /// Not so.
    Failed(String),
}

/// The result in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Every step holds.
    Accepted,
    /// Every step holds, but the randomness came from a sandbox beacon, which proves nothing about
    /// fairness.
    Sandbox,
    /// A step failed.
    Rejected,
}

impl Report {
    /// The result in one word.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        if self.failed().is_some() {
            Verdict::Rejected
        } else if self.has_warning(StepName::Chain) {
            Verdict::Sandbox
        } else {
            Verdict::Accepted
        }
    }

    /// The step that failed, and why.
    #[must_use]
    pub fn failed(&self) -> Option<(StepName, &str)> {
        self.steps.iter().find_map(|step| match &step.finding {
            Finding::Failed(reason) => Some((step.step, reason.as_str())),
            _ => None,
        })
    }

    /// What a step found, if it was reached.
    #[must_use]
    pub fn finding(&self, name: StepName) -> Option<&Finding> {
        self.steps.iter().find(|step| step.step == name).map(|step| &step.finding)
    }

    /// Whether a step found something to worry about.
    #[must_use]
    pub fn has_warning(&self, name: StepName) -> bool {
        matches!(self.finding(name), Some(Finding::Warning(_)))
    }

    pub(super) fn rejected_at_format(reason: String) -> Self {
        let step = Step { step: StepName::Format, finding: Finding::Failed(reason) };
        Self { steps: vec![step], ..Self::default() }
    }
}

impl StepName {
    /// The name in messages and JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Format => "format",
            Self::Key => "key",
            Self::Signature => "signature",
            Self::Chain => "chain",
            Self::Rules => "rules",
            Self::Schedule => "schedule",
            Self::CommitmentTime => "commitment_time",
            Self::Leaves => "leaves",
            Self::Root => "root",
            Self::Beacon => "beacon",
            Self::Draw => "draw",
            Self::Successions => "successions",
            Self::Receipt => "receipt",
            Self::BeaconOperators => "beacon_operators",
            Self::Completeness => "completeness",
            Self::Entrants => "entrants",
        }
    }
}

impl Finding {
    /// The kind of finding, as in JSON.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Proven(_) => "proven",
            Self::Trusted(_) => "trusted",
            Self::Warning(_) => "warning",
            Self::Failed(_) => "failed",
        }
    }

    /// What was found.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::Proven(text) | Self::Trusted(text) | Self::Warning(text) | Self::Failed(text) => {
                text
            }
        }
    }
}

impl fmt::Display for StepName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_same_in_messages_and_json() {
        use StepName::*;
        for name in [
            Format,
            Key,
            Signature,
            Chain,
            Rules,
            Schedule,
            CommitmentTime,
            Leaves,
            Root,
            Beacon,
            Draw,
            Successions,
            Receipt,
            BeaconOperators,
            Completeness,
            Entrants,
        ] {
            assert_eq!(serde_json::to_value(name).unwrap(), name.as_str());
        }
        let finding = Finding::Failed("why".to_owned());
        let json = serde_json::json!({"finding": finding.kind(), "text": finding.text()});
        assert_eq!(serde_json::to_value(&finding).unwrap(), json);
    }
}
