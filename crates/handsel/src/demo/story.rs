//! How the story is printed: headings, sentences, timings.

use std::{
    fmt::Display,
    io::{IsTerminal as _, stdout},
    path::Path,
    time::Duration,
};

use super::{phases::Phase, report::Report};
use crate::{config::Config, out};

/// The width of the text, comfortable to read in a terminal of 80 columns.
const WIDTH: usize = 78;
/// How far sentences are set in below their heading.
const INDENT: &str = "    ";

/// Prints the story, or keeps quiet, and tells programs where it is.
#[derive(Debug)]
pub(crate) struct Story {
    quiet: bool,
    progress: bool,
    styled: bool,
    number: usize,
}

impl Story {
    /// A story; a quiet one prints nothing. With `progress` each phase is named on standard error.
    pub(crate) fn new(quiet: bool, progress: bool) -> Self {
        let styled = stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Self { quiet, progress, styled, number: 0 }
    }

    /// The title. A server of our own was ready after so long.
    pub(crate) fn begin(&self, data_dir: &Path, ready: Option<Duration>, is_fresh: bool) {
        self.print(self.strong("Handsel, told in one go"));
        self.print(self.faint(&format!(
            "{}; test money only. Everything is in {}.",
            ready.map_or_else(
                || "A fleet".to_owned(),
                |ready| format!("A real server, ready after {}", span(ready))
            ),
            data_dir.display()
        )));
        if !is_fresh {
            self.print(
                self.faint("An earlier run stopped in between; the story goes on where it was."),
            );
        }
    }

    /// A phase begins.
    pub(crate) fn phase(&mut self, phase: Phase) {
        self.number += 1;
        if self.progress {
            out::aside(format_args!("phase: {}", phase.name()));
        }
        self.print("");
        self.print(self.strong(&format!("{:>2}  {}", self.number, phase.heading())));
    }

    /// A phase that an earlier run finished.
    pub(crate) fn already(&mut self, phase: Phase) {
        self.number += 1;
        self.print(self.faint(&format!("{:>2}  {} (earlier)", self.number, phase.heading())));
    }

    /// A sentence.
    pub(crate) fn say(&self, sentence: impl Display) {
        for line in wrapped(&sentence.to_string(), WIDTH - INDENT.len()) {
            self.print(format_args!("{INDENT}{line}"));
        }
    }

    /// How long the phase took.
    pub(crate) fn took(&self, took: Duration) {
        let time = span(took);
        self.print(self.faint(&format!("{time:>WIDTH$}")));
    }

    /// What it came to.
    pub(crate) fn sums(&self, report: &Report, took: Duration) {
        self.print("");
        self.print(self.strong(&format!("Told in {}", span(took))));
        let rows = [
            ("entries", thousands(report.persons)),
            ("eligible", thousands(report.eligible)),
            ("winners", report.winners.to_string()),
            (
                "alternates who stepped in",
                format!("{} of {}", report.successions, report.alternates),
            ),
            ("cards issued", report.cards_issued.to_string()),
            ("redeemed", money(report.redeemed_minor)),
            ("paid to merchants", money(report.settled_minor)),
            ("audit", report.audit.to_string()),
            ("transcript", report.transcript.display().to_string()),
        ];
        for (name, value) in rows {
            self.print(format_args!("{INDENT}{name:<28}{value}"));
        }
        self.print("");
    }

    /// The sums, and where to go from here.
    pub(crate) fn end(
        &self,
        report: &Report,
        config: &Config,
        public_url: &str,
        took: Duration,
        try_it: Option<&Path>,
    ) {
        self.sums(report, took);
        let Some(try_it) = try_it else {
            self.print(format_args!("{INDENT}handsel verify {}", report.transcript.display()));
            let elsewhere = match config.giveaway.database.url.is_empty() {
                true => "",
                false => ", with the URL as HANDSEL__{GIVEAWAY,GIFTCARD}__DATABASE__URL",
            };
            let data = config.data_dir.display();
            self.print(format_args!("{INDENT}handsel audit --data {data}{elsewhere}"));
            return;
        };
        self.print(self.strong("The server is still running"));
        let giveaway = &report.giveaway;
        let links = [
            ("the giveaway's page", format!("{public_url}/g/{giveaway}")),
            ("every mail that was sent", format!("{public_url}/dev/mail")),
            ("the merchants' till", format!("{public_url}/till")),
            (
                "the transcript",
                format!("{public_url}/api/giveaway/v1/giveaways/{giveaway}/transcript"),
            ),
        ];
        for (name, link) in links {
            self.print(format_args!("{INDENT}{name:<28}{link}"));
        }
        let file = try_it.display();
        self.print(format_args!("{INDENT}{:<28}{file}", "tokens, and cards to spend"));
        self.print(self.faint("    Stop it with Ctrl-C."));
    }

    fn print(&self, line: impl Display) {
        if !self.quiet {
            out::line(line);
        }
    }

    fn strong(&self, text: &str) -> String {
        if self.styled { format!("\x1b[1m{text}\x1b[0m") } else { text.to_owned() }
    }

    fn faint(&self, text: &str) -> String {
        if self.styled { format!("\x1b[2m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// An amount of the story's currency.
pub(crate) fn money(minor: i64) -> String {
    let sign = if minor < 0 { "−" } else { "" };
    let minor = minor.unsigned_abs();
    format!("{sign}€{}.{:02}", thousands(minor / 100), minor % 100)
}

/// A number with its thousands set apart.
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A time as people say it.
fn span(time: Duration) -> String {
    match time.as_millis() {
        ms @ 0..1_000 => format!("{ms} ms"),
        _ => format!("{:.1} s", time.as_secs_f64()),
    }
}

/// Breaks a sentence into lines at spaces.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut().expect("there is always a line");
        if line.is_empty() {
            line.push_str(word);
        } else if line.chars().count() + 1 + word.chars().count() <= width {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_and_numbers_are_readable() {
        assert_eq!(money(0), "€0.00");
        assert_eq!(money(123_456_705), "€1,234,567.05");
        assert_eq!(money(-5), "−€0.05");
        assert_eq!(thousands(999), "999");
        assert_eq!(thousands(1_000), "1,000");
    }

    #[test]
    fn lines_break_between_words() {
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(wrapped("incomprehensible", 5), ["incomprehensible"]);
    }
}
