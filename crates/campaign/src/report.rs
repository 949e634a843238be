//! What came out of a campaign, for people.

use crate::{
    campaign::{Failure, Outcome},
    flows::Flow,
    world::Engine,
};

/// Lines of a table: hits of each point, completions of each flow, and how to repeat a failure.
pub fn lines(outcome: &Outcome, engine: Engine, seed: u64) -> Vec<String> {
    let mut lines =
        vec![line("fail point", ["passed", "died", "broke", "filled", "lost"].map(str::to_owned))];
    for (point, hits) in &outcome.hits {
        let counts = [hits.passed, hits.died, hits.broke, hits.filled, hits.lost];
        lines.push(line(point, counts.map(|count| count.to_string())));
    }
    lines.push(String::new());
    for flow in Flow::ALL {
        let done = outcome.completed.get(&flow).copied().unwrap_or(0);
        let points = outcome.points.get(&flow).map_or(0, Vec::len);
        lines.push(format!("{:<10} {done:>7} completed, {points} points", flow.as_str()));
    }
    let struck: Vec<u64> = planned(outcome).map(|point| struck(outcome, point)).collect();
    lines.push(format!(
        "{} cases, {} of {} pairs, {} processes, {} points, each struck {} times at least",
        outcome.cases,
        outcome.pairs.0,
        outcome.pairs.1,
        outcome.starts,
        struck.len(),
        struck.iter().min().copied().unwrap_or(0)
    ));
    match &outcome.failure {
        None => lines.push(format!("no violation on {} with seed {seed}", engine.as_str())),
        Some(Failure { seed, case, wrong }) => {
            lines.push("VIOLATED:".to_owned());
            lines.extend(wrong.iter().map(|wrong| format!("  {wrong}")));
            lines.push(format!(
                "repeat: bin/campaign --engine {} --seed {seed} --repeat '{case}'",
                engine.as_str()
            ));
        }
    }
    lines
}

fn line(point: &str, [passed, died, broke, filled, lost]: [String; 5]) -> String {
    format!("{point:<44} {passed:>9} {died:>7} {broke:>7} {filled:>7} {lost:>7}")
}

/// The points that the enumerator strikes.
fn planned(outcome: &Outcome) -> impl Iterator<Item = &String> {
    let all: std::collections::BTreeSet<&String> = outcome.points.values().flatten().collect();
    all.into_iter()
}

fn struck(outcome: &Outcome, point: &str) -> u64 {
    outcome.hits.get(point).copied().unwrap_or_default().struck()
}
