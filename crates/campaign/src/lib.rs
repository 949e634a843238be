//! Everything at once under faults: whether money survives it.
//!
//! All three applications run as they do in `handsel serve`, in a runtime that can be killed at any
//! moment, on SQLite or PostgreSQL, with the sandbox bank beside them. Every boundary between them and
//! their databases, the provider and each other is a fail point. People put money in, publish, redeem, settle,
//! withdraw, cancel and let time pass over HTTP, and repeat what was not answered. Then everything comes to
//! rest, and the books, the bank's log and both together are asked what is wrong.
//!
//! | module | what it holds |
//! |---|---|
//! | [`points`] | fail points: names, counts, and the plan of what fails |
//! | `provider`, `calls` | the provider and the calls between services, behind fail points |
//! | `bank`, `world` | what survives a process |
//! | `alive`, `process` | a process, and the runtime that is killed with it |
//! | `ground` | what it may lack: room on its disk, the answer to a commit |
//! | [`life`] | a world in which the process is started again and requests are repeated |
//! | `under_way` | what is not over yet |
//! | `cast`, [`flows`], `publishing`, `funding`, `withdrawals`, `voids`, `operating` | who takes part, and what they do |
//! | [`known_bad`] | variants that are wrong on purpose |
//! | [`oracle`] | what must be true at rest |
//! | [`campaign`] | every point, every pair, then chance |
//! | `choice` | what chance plays next |
//! | [`report`] | what came out, for people |
//! | [`fleet`] | the other campaign: separate processes, and what fails around them |

mod alive;
mod bank;
mod calls;
mod cast;
mod choice;
mod funding;
mod ground;
mod operating;
mod process;
mod provider;
mod publishing;
mod under_way;
mod voids;
mod withdrawals;
mod world;

pub mod campaign;
pub mod fleet;
pub mod flows;
pub mod known_bad;
pub mod life;
pub mod oracle;
pub mod points;
pub mod report;

pub use world::Engine;

/// Longer than anything here takes on a busy machine: only a defect runs into it.
pub const PATIENCE: std::time::Duration = std::time::Duration::from_secs(120);
