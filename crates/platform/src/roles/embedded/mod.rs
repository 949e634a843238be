//! The roles of a process that has everything to itself.

mod leases;
mod limits;

pub use leases::EmbeddedLeases;
pub use limits::EmbeddedLimits;
