//! Due times are rows: the loops that look for them, once a second and when woken. Every step
//! compare-and-sets, so it does not matter how many instances look at the same time.

use std::sync::Arc;

use crate::service::Service;

/// Starts every loop.
pub(crate) fn start(_service: &Arc<Service>) {}
