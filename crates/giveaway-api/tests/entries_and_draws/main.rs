//! Entries and draws, through the real router on real databases.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod cache;
mod counts;
mod draws;
mod entrants;
mod entries;
mod import;
mod pages;
mod public_pages;
mod rooms;
mod support;
