//! The roles of a process that has everything to itself.

mod bus;
mod cache;
mod leases;
mod limits;

pub use bus::EmbeddedBus;
pub use cache::EmbeddedCache;
pub use leases::EmbeddedLeases;
pub use limits::EmbeddedLimits;
