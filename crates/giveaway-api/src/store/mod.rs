//! Entities and queries: the only place with SQL. A function that decides nothing and starts no
//! transaction of its own takes whatever connection its caller has.

pub mod counter_delta;
pub mod draw;
pub mod entry;
pub mod entry_count;
pub mod event;
pub mod giveaway;
pub mod unit;
