//! What tests stand on: databases of both engines, ports, and waiting without sleeping blindly.
//!
//! | module | what it gives |
//! |---|---|
//! | `databases` | a migrated database per engine, removed with the value that names it |
//! | [`fleet`] | the applications as processes of their own |
//! | [`guards`] | whether a database refuses what its machines and histories do not allow |
//! | `net` | free ports on the loopback interface |
//! | `poll` | bounded waiting for what another clock decides |
//! | `proxy` | a PostgreSQL that does not answer a commit |
//! | `redis` | a Redis server of a test's own |
//! | [`stripe`] | a server that behaves as Stripe's documentation says |
//! | [`watching`] | people who watch a giveaway, with the official client |
//!
//! The clock that stands still until a test moves it is [`platform::Clock::manual`].

mod databases;
pub mod fleet;
pub mod guards;
mod net;
mod poll;
mod proxy;
mod redis;
pub mod stripe;
pub mod watching;

pub use databases::{
    POSTGRES_ENV, ServerDatabase, TestDb, databases, postgres, server_database, sqlite, unguard,
};
pub use net::{free_port, listener};
pub use poll::{Outcome, eventually};
pub use proxy::Proxy;
pub use redis::RedisServer;
