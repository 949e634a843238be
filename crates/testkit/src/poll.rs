//! Bounded waiting for what another clock decides: a server's start, a lease's end.

use std::{
    panic::Location,
    time::{Duration, Instant},
};

/// Between two looks; short against every timeout, long against a look.
const PAUSE: Duration = Duration::from_millis(10);

/// What a look found: `bool`, or an `Option` or `Result` with the value waited for.
pub trait Outcome {
    /// What is returned in the end.
    type Value;

    /// The value, or what to say about its absence.
    ///
    /// # Errors
    /// When it is not there yet.
    fn found(self) -> Result<Self::Value, String>;
}

impl Outcome for bool {
    type Value = ();

    fn found(self) -> Result<(), String> {
        self.then_some(()).ok_or_else(|| "still false".to_owned())
    }
}

impl<T> Outcome for Option<T> {
    type Value = T;

    fn found(self) -> Result<T, String> {
        self.ok_or_else(|| "still nothing".to_owned())
    }
}

impl<T, E: std::fmt::Debug> Outcome for Result<T, E> {
    type Value = T;

    fn found(self) -> Result<T, String> {
        self.map_err(|error| format!("{error:?}"))
    }
}

/// Looks again and again until `look` finds what it looks for, and returns that.
///
/// # Panics
/// When it is not there in time; the message has the place of the call and the last look's outcome.
#[track_caller]
pub fn eventually<O: Outcome>(
    timeout: Duration,
    mut look: impl AsyncFnMut() -> O,
) -> impl Future<Output = O::Value> {
    let place = Location::caller();
    async move {
        let deadline = Instant::now() + timeout;
        loop {
            match look().await.found() {
                Ok(value) => return value,
                Err(_) if Instant::now() < deadline => tokio::time::sleep(PAUSE).await,
                Err(last) => panic!("not within {timeout:?} at {place}: {last}"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_looks_until_it_finds() {
        let mut looks = 0;
        let third = eventually(Duration::from_secs(5), async || {
            looks += 1;
            (looks == 3).then_some("third")
        });
        assert_eq!(third.await, "third");
    }

    #[tokio::test]
    #[should_panic(expected = "src/poll.rs")]
    async fn it_gives_up_and_says_where() {
        eventually(Duration::ZERO, async || false).await;
    }
}
