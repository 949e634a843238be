//! Entries and draws, through the real router on real databases.

mod counts;
mod draws;
mod entrants;
mod entries;
mod import;
mod support;
