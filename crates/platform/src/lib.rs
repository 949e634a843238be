//! What every Handsel application stands on. It knows nothing of giveaways or cards.
//!
//! | module | what it gives |
//! |---|---|
//! | [`boundary`] | the named moments at which a transaction may die, for those who watch |
//! | [`clock`] | the time, passed in: system, manual (tests), shifted (demo) |
//! | [`config`] | layered, typed configuration: defaults < file < environment < flags |
//! | [`db`] | one handle for SQLite and PostgreSQL, with the write path made safe |
//! | [`document`] | the OpenAPI document of an API, made from its code |
//! | [`grpc`] | a gRPC port behind the verification of callers |
//! | [`health`] | whether a process runs, and whether it can work |
//! | [`http`] | the HTTP edge: problem+json errors, idempotent bodies, bearer tokens, headers |
//! | [`id`] | typed, prefixed UUIDv7 ids |
//! | [`keys`] | key files: made at first start, mode 0600, each with a key id |
//! | [`metrics`] | what is counted in a process, for the administrator |
//! | [`outbox`] | calls that must happen because state changed |
//! | [`pages`] | what the pages of all applications have in common |
//! | [`process`] | one application of a fleet: what it stands on, how it starts and ends |
//! | [`provider`] | the payment-provider port and its sandbox adapter |
//! | [`quarantine`] | a restored database holds still until it matches the world |
//! | [`roles`] | what instances share besides rows: limits and leases, embedded or on Redis |
//! | [`rooms`] | what a service has to tell those who watch |
//! | [`rpc`] | what proves that an RPC comes from one of our services |
//! | [`scan`] | due times are rows: the loop that looks for them |
//! | [`shutdown`] | stop accepting, finish, stop, within a limit |
//! | [`telemetry`] | tracing as text or JSON |
//! | [`token`] | bearer tokens (hashed at rest) and signed links (not stored at all) |

pub mod boundary;
pub mod clock;
pub mod config;
pub mod db;
pub mod document;
pub mod grpc;
pub mod health;
pub mod http;
pub mod id;
pub mod keys;
pub mod metrics;
pub mod outbox;
pub mod pages;
pub mod process;
pub mod provider;
pub mod quarantine;
pub mod roles;
pub mod rooms;
pub mod rpc;
pub mod scan;
pub mod shutdown;
pub mod telemetry;
pub mod token;
mod tx;

pub use clock::Clock;
pub use db::Db;
pub use shutdown::Shutdown;
pub use tx::Tx;
