//! The roles of a process that is one of several, on the Redis that they share.
//!
//! | key | what it holds |
//! |---|---|
//! | `handsel:limit:NAME:HASH` | when all attempts of a key will be refilled, in microseconds; ends at that time |
//! | `handsel:lease:NAME` | who holds a lease; ends with it |
//! | `handsel:fence:NAME` | how often it was taken; stays |
//! | `handsel:bus:NAME` | a channel for messages, which are not kept |
//! | `handsel:cache:KEY` | a value, or the permit to work it out; ends by itself |
//!
//! Keys of limits are hashed: they are addresses and ids of people. Time is the server's.

mod bus;
mod cache;
mod leases;
mod limits;
mod link;

pub use bus::RedisBus;
pub use cache::RedisCache;
pub use leases::RedisLeases;
pub use limits::RedisLimits;
pub use link::Link;
