//! What the pages of all applications have in common: the frame around them, and the page that says why there
//! is none. The templates are in this crate's folder `pages/`; those of the applications extend `base.html`.
//! What pages look like is in `assets/`; docs/design-system.md tells its parts.

mod frame;
pub mod office;
mod problem;
mod sentence;

pub use frame::Frame;
pub(crate) use problem::for_people;
pub use problem::{Way, problem_page};
pub use sentence::sentence;
