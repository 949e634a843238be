//! What came of the calls of the last few seconds.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

/// Into how many parts a window is divided: it slides in steps of a tenth.
const PARTS: u32 = 10;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) attempts: u32,
    pub(super) failed: u32,
    pub(super) slow: u32,
}

#[derive(Debug)]
pub(super) struct Window {
    length: Duration,
    /// When each part began, and what was counted in it. The oldest comes first.
    parts: VecDeque<(Instant, Counts)>,
}

impl Window {
    pub(super) const fn new(length: Duration) -> Self {
        Self { length, parts: VecDeque::new() }
    }

    pub(super) fn add(&mut self, failed: bool, slow: bool, now: Instant) {
        while let Some((began, _)) = self.parts.front()
            && now.saturating_duration_since(*began) >= self.length
        {
            self.parts.pop_front();
        }
        let part = self.length / PARTS;
        if self.parts.back().is_none_or(|(began, _)| now.saturating_duration_since(*began) >= part)
        {
            self.parts.push_back((now, Counts::default()));
        }
        if let Some((_, counts)) = self.parts.back_mut() {
            counts.attempts = counts.attempts.saturating_add(1);
            counts.failed = counts.failed.saturating_add(u32::from(failed));
            counts.slow = counts.slow.saturating_add(u32::from(slow));
        }
    }

    /// What has been counted, as of the last addition.
    pub(super) fn counts(&self) -> Counts {
        self.parts.iter().fold(Counts::default(), |sum, (_, part)| Counts {
            attempts: sum.attempts.saturating_add(part.attempts),
            failed: sum.failed.saturating_add(part.failed),
            slow: sum.slow.saturating_add(part.slow),
        })
    }

    pub(super) fn clear(&mut self) {
        self.parts.clear();
    }
}
