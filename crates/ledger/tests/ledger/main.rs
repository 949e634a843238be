//! The ledger on every engine: SQLite always, PostgreSQL when `HANDSEL_TEST_POSTGRES` names a server.

#[cfg(test)]
mod audits;
#[cfg(test)]
mod crowd;
#[cfg(test)]
mod guards;
#[cfg(test)]
mod holds;
#[cfg(test)]
mod idempotency;
#[cfg(test)]
mod model;
#[cfg(test)]
mod postings;
#[cfg(test)]
mod world;
