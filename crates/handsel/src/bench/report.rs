//! What a bench prints.

use serde::Serialize;

use super::{
    args::{CalleeKind, CallsArgs, StoreKind},
    load::Measured,
    setup::Setup,
};

/// What was run.
#[derive(Debug, Serialize)]
pub(super) struct Run {
    what: &'static str,
    /// `null` where nothing is kept.
    store: Option<StoreKind>,
    /// What the store does before it says that a call is kept; `null` where that is not known.
    durability: Option<&'static str>,
    callee: CalleeKind,
    in_flight: u32,
    seconds: u32,
    payload_bytes: u32,
    /// What one fsync costs where the files are.
    fsync_us: u64,
}

/// What was measured of one side.
#[derive(Debug, Serialize)]
pub(super) struct Figures {
    per_s: f64,
    p50_us: u64,
    p99_us: u64,
    max_us: u64,
    calls: u64,
    errors: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_error: Option<String>,
}

/// One side.
#[derive(Debug, Serialize)]
pub(super) struct Single {
    #[serde(flatten)]
    pub(super) run: Run,
    #[serde(flatten)]
    pub(super) figures: Figures,
}

/// Two sides that were measured in turn.
#[derive(Debug, Serialize)]
pub(super) struct Compared {
    #[serde(flatten)]
    pub(super) run: Run,
    pub(super) durable: Figures,
    pub(super) direct: Figures,
    /// Durable calls for each direct one, over the whole run.
    pub(super) ratio: f64,
    /// The same for each round: how steady it is.
    pub(super) ratios: Vec<f64>,
}

impl Run {
    pub(super) fn new(what: &'static str, args: &CallsArgs, setup: &Setup) -> Self {
        let keeps = setup.durable.is_some();
        Self {
            what,
            store: keeps.then_some(args.store),
            durability: setup.durability,
            callee: args.callee,
            in_flight: args.in_flight,
            seconds: args.seconds,
            payload_bytes: args.payload,
            fsync_us: u64::try_from(setup.fsync.as_micros()).unwrap_or(u64::MAX),
        }
    }

    fn lines(&self) -> Vec<String> {
        let callee = match self.callee {
            CalleeKind::Process => "callee in a process of its own",
            CalleeKind::InProcess => "callee in the worker's process",
        };
        let store = match self.store {
            None => "nothing is kept",
            Some(StoreKind::Sqlite) => "kept in SQLite",
            Some(StoreKind::Redis) => "kept in Redis",
        };
        let durability = self.durability.map(|how| format!(" ({how})")).unwrap_or_default();
        let Self { in_flight, seconds, payload_bytes, fsync_us, .. } = self;
        vec![
            format!("{store}{durability}, {callee}"),
            format!(
                "{in_flight} in flight, {payload_bytes} bytes each way, {seconds} s; one fsync takes {fsync_us} µs"
            ),
        ]
    }
}

impl Figures {
    pub(super) fn of(measured: &Measured) -> Self {
        let latencies = &measured.latencies;
        Self {
            per_s: rounded(measured.per_s(), 1),
            p50_us: latencies.value_at_quantile(0.5),
            p99_us: latencies.value_at_quantile(0.99),
            max_us: latencies.max(),
            calls: latencies.len(),
            errors: measured.errors,
            first_error: measured.first_error.clone(),
        }
    }

    /// Whether there is something to trust.
    pub(super) fn is_sound(&self) -> bool {
        self.errors == 0 && self.calls > 0
    }

    fn lines(&self, what: &str) -> Vec<String> {
        let Self { per_s, p50_us, p99_us, max_us, errors, .. } = self;
        let mut lines = vec![format!(
            "{what:<8} {per_s:>9.0} calls/s   p50 {p50_us:>6} µs   p99 {p99_us:>6} µs   max {max_us:>7} µs   {errors} errors"
        )];
        lines.extend(self.first_error.iter().map(|error| format!("  the first error: {error}")));
        lines
    }
}

impl Single {
    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines = self.run.lines();
        lines.extend(self.figures.lines(self.run.what));
        lines
    }
}

impl Compared {
    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines = self.run.lines();
        lines.extend(self.durable.lines("durable"));
        lines.extend(self.direct.lines("direct"));
        let rounds: Vec<_> = self.ratios.iter().map(|ratio| format!("{ratio:.3}")).collect();
        lines.push(format!("ratio    {:>9.3}   by rounds: {}", self.ratio, rounds.join(" ")));
        lines
    }
}

/// Durable calls for each direct one; zero when there were no direct ones.
pub(super) fn ratio(durable: &Measured, direct: &Measured) -> f64 {
    let direct = direct.per_s();
    if direct > 0.0 { rounded(durable.per_s() / direct, 4) } else { 0.0 }
}

/// More digits than this say nothing.
pub(super) fn rounded(value: f64, digits: i32) -> f64 {
    let factor = 10_f64.powi(digits);
    (value * factor).round() / factor
}
