//! How the workers of a lane see its target, taken together.

use std::time::Duration;

use crate::store::TargetHealth;

/// Whether a lane takes calls from those who wait for the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// At least one worker executes calls.
    Up,
    /// A worker waits for one call to try its target with.
    Trial,
    /// Every worker leaves its target alone.
    Down {
        /// The shortest time after which one of them lets a call try.
        retry_after: Duration,
    },
    /// No worker has been heard of lately.
    Unserved,
}

impl Standing {
    pub(crate) fn of(workers: &[TargetHealth]) -> Self {
        let shortest = workers
            .iter()
            .map(|health| match health {
                TargetHealth::Up => None,
                TargetHealth::Down { retry_after } => Some(*retry_after),
            })
            .min();
        match shortest {
            None => Self::Unserved,
            // `None` sorts first: any worker that is up decides.
            Some(None) => Self::Up,
            // Workers report no wait while they look for a call to try with, and only then.
            Some(Some(Duration::ZERO)) => Self::Trial,
            Some(Some(retry_after)) => Self::Down { retry_after },
        }
    }

    /// As the gauge shows it.
    pub(crate) const fn as_number(self) -> f64 {
        match self {
            Self::Up => 0.0,
            Self::Trial => 1.0,
            Self::Down { .. } | Self::Unserved => 2.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_worker_that_is_up_suffices_and_none_is_as_good_as_down() {
        fn check(workers: &[TargetHealth], expected: Standing) {
            assert_eq!(Standing::of(workers), expected, "{workers:?}");
        }
        let down = |seconds| TargetHealth::Down { retry_after: Duration::from_secs(seconds) };
        check(&[], Standing::Unserved);
        check(&[TargetHealth::Up], Standing::Up);
        check(&[down(3), TargetHealth::Up, down(0)], Standing::Up);
        check(&[down(9), down(3)], Standing::Down { retry_after: Duration::from_secs(3) });
        check(&[down(9), down(0)], Standing::Trial);
    }
}
