//! The calls of a story: each follows from the seed and its number, so that a restarted caller makes
//! the very same call again.

use std::time::Duration;

use prost::Message as _;
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use serde::{Deserialize, Serialize};

use crate::{history::Label, shop::Order};

/// How long most callers wait: longer than a lost lease, so that a wait ends early only when it is
/// meant to.
const LONG_WAIT: Duration = Duration::from_secs(40);
/// How long an impatient caller waits: as long as a call takes, more or less.
const SHORT_WAIT: Duration = Duration::from_millis(10);

/// The method of a call, and what it promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Method {
    /// May be executed again: at least once.
    Reserve,
    /// Not idempotent: at most once.
    Charge,
    /// Idempotent, and the callee records the key together with the effect: one effect.
    Once,
}

impl Method {
    pub(crate) const fn path(self) -> &'static str {
        match self {
            Self::Reserve | Self::Once => "/shop.v1.Till/Reserve",
            Self::Charge => "/shop.v1.Till/Charge",
        }
    }
}

/// What the checker has to know about a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Kind {
    pub(crate) method: Method,
    pub(crate) keyed: bool,
    pub(crate) detached: bool,
    /// Not due while the story lasts.
    pub(crate) later: bool,
}

/// What the callee is asked to do. It travels in the order's note.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Asked {
    pub(crate) once: bool,
    pub(crate) manner: Manner,
}

/// How the callee behaves once the effect is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Manner {
    /// Answers.
    Prompt,
    /// Answers after so many milliseconds.
    Slow(u64),
    /// Refuses.
    Refuse,
    /// Says UNAVAILABLE to the first attempt.
    Flaky,
    /// Never answers the first attempt.
    Hang,
    /// Answers with more than can be kept.
    TooLarge,
}

/// One call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) label: Label,
    pub(crate) kind: Kind,
    pub(crate) manner: Manner,
    pub(crate) wait: Duration,
}

impl Plan {
    /// An awaited, keyed call to which the callee answers promptly.
    pub(crate) const fn simple(label: Label, method: Method) -> Self {
        let kind = Kind { method, keyed: true, detached: false, later: false };
        Self { label, kind, manner: Manner::Prompt, wait: LONG_WAIT }
    }

    pub(crate) fn of(seed: u64, label: Label) -> Self {
        // Neighbouring labels must not have related plans; the generator's seeding sees to that.
        let mut rng = StdRng::seed_from_u64(seed.wrapping_add(u64::from(label) << 32));
        let method = match rng.random_range(0..10) {
            0..4 => Method::Reserve,
            4..7 => Method::Charge,
            _ => Method::Once,
        };
        let keyed = method == Method::Once || rng.random_bool(0.6);
        let detached = rng.random_bool(0.2);
        let later = keyed && detached && rng.random_bool(0.1);
        let short = keyed && !detached && rng.random_bool(0.15);
        let manner = match rng.random_range(0..100) {
            0..25 => Manner::Slow(rng.random_range(1..20)),
            // A refused detached call is a dead letter, and its key runs again. That is no promise
            // to hold a method to that must not run again.
            25..35 if !(detached && method == Method::Charge) => Manner::Refuse,
            35..45 if method != Method::Charge => Manner::Flaky,
            45 => Manner::Hang,
            _ => Manner::Prompt,
        };
        let kind = Kind { method, keyed, detached, later };
        Self { label, kind, manner, wait: if short { SHORT_WAIT } else { LONG_WAIT } }
    }

    pub(crate) fn key(&self) -> Option<String> {
        self.kind.keyed.then(|| format!("order:{}", self.label))
    }

    pub(crate) fn order(&self) -> Order {
        let asked = Asked { once: self.kind.method == Method::Once, manner: self.manner };
        Order { name: self.label.to_string(), note: serde_json::to_vec(&asked).unwrap().into() }
    }
}

/// The label of an encoded order.
pub(crate) fn label_of(payload: &[u8]) -> Label {
    Order::decode(payload).unwrap().name.parse().unwrap()
}
