//! Calls and lanes for people.

use super::views::{Call, Lane, Page};

/// A page of dead letters: what each is, and why it is there.
pub(super) fn page(page: &Page) -> Vec<String> {
    if page.items.is_empty() {
        return vec!["no dead letters".to_owned()];
    }
    let mut lines: Vec<_> = page.items.iter().flat_map(in_short).collect();
    if let Some(next) = &page.next {
        lines.push(format!("more: handsel calls list --after {next}"));
    }
    lines
}

/// Everything that is told of a call.
pub(super) fn call(call: &Call) -> Vec<String> {
    let mut lines = Vec::new();
    let mut row = |name: &str, value: String| lines.push(format!("{name:<18} {value}"));
    row("id", call.id.clone());
    row("lane", call.lane.clone());
    row("method", call.method.clone());
    row("key", call.key.clone().unwrap_or_else(|| "none".to_owned()));
    row("state", call.state.clone());
    if let Some(why) = why(call) {
        row("why", why);
    }
    if let Some(may) = call.may_have_executed {
        row("may have executed", if may { "yes" } else { "no" }.to_owned());
    }
    row("attempts", format!("{}, and {} lost with their worker", call.attempts, call.lost));
    row("submitted", call.submitted_at.to_string());
    if let Some(died_at) = call.died_at {
        row("died", died_at.to_string());
    }
    let length = call.payload_bytes.map_or_else(String::new, |bytes| format!("{bytes} bytes, "));
    row("message", format!("{length}sha256 {}", call.payload_sha256));
    lines
}

/// A table of the lanes.
pub(super) fn lanes(lanes: &[Lane]) -> Vec<String> {
    let mut lines = vec![format!(
        "{:<14} {:>8} {:>8} {:>8} {:>6} {:>12} {:>14} {:>8} {:>10}",
        "lane",
        "ready",
        "later",
        "running",
        "dead",
        "bytes",
        "oldest due ms",
        "expired",
        "answered"
    )];
    for Lane {
        lane,
        ready,
        later,
        running,
        dead,
        waiting_bytes,
        oldest_ready_ms,
        expired,
        answered,
    } in lanes
    {
        let oldest = oldest_ready_ms.map_or_else(|| "-".to_owned(), |ms| ms.to_string());
        lines.push(format!(
            "{lane:<14} {ready:>8} {later:>8} {running:>8} {dead:>6} {waiting_bytes:>12} {oldest:>14} {expired:>8} {answered:>10}"
        ));
    }
    lines
}

fn in_short(call: &Call) -> Vec<String> {
    let died_at = call.died_at.map(|at| format!(", {at:.0}")).unwrap_or_default();
    let mut lines = vec![
        format!("{}  {}{}", call.id, call.lane, call.method),
        format!("  {} after {} attempts{died_at}", call.state, call.attempts),
    ];
    lines.extend(why(call).map(|why| format!("  {why}")));
    lines.extend(call.key.iter().map(|key| format!("  key {key}")));
    lines
}

fn why(call: &Call) -> Option<String> {
    let refusal = call.refusal.as_ref();
    refusal
        .map(|refused| format!("the callee refused: {}: {}", refused.code, refused.message))
        .or_else(|| call.reason.clone())
}
