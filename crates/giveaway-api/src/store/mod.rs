//! Entities and queries: the only place with SQL. A function that decides nothing and starts no
//! transaction of its own takes whatever connection its caller has.

pub mod event;
pub mod giveaway;
pub mod unit;
