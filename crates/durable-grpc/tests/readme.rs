//! What the README shows is compiled and run: it is the example `readme`, line by line.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

const README: &str = include_str!("../README.md");
const EXAMPLE: &str = include_str!("../examples/readme.rs");

/// What is said to fit.
const MOST_LINES: usize = 30;

#[test]
fn the_readme_shows_the_example() {
    let shown = between(README, "```rust\n", "```\n");
    let compiled = between(EXAMPLE, "// README: from here …\n", "// … to here.\n");
    assert_eq!(shown, compiled, "copy the part of examples/readme.rs into README.md");
    let lines = shown.lines().filter(|line| !line.is_empty()).count();
    assert!(lines < MOST_LINES, "the README promises fewer than {MOST_LINES} lines, not {lines}");
}

fn between<'a>(text: &'a str, from: &str, to: &str) -> &'a str {
    text.split_once(from).unwrap().1.split_once(to).unwrap().0
}
