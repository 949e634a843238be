//! Attempts and their quotas.

use std::{num::NonZeroU32, time::Duration};

use futures::future::join_all;
use platform::roles::Quota;
use testkit::eventually;

use super::Instances;

const HOUR: Duration = Duration::from_secs(3600);

/// Longer than a slow machine takes for what has to refill within it.
const LIMIT: Duration = Duration::from_secs(20);

const fn quota(name: &'static str, burst: u32, per: Duration) -> Quota {
    Quota::new(name, NonZeroU32::new(burst).unwrap(), per)
}

/// The whole suite.
pub(crate) async fn check(instances: &Instances) {
    instances_count_together(instances).await;
    keys_and_names_count_apart(instances).await;
    a_look_counts_nothing(instances).await;
    what_is_refused_does_not_count(instances).await;
    no_more_pass_at_the_same_time(instances).await;
}

async fn instances_count_together(Instances { limits: [first, second], .. }: &Instances) {
    const QUOTA: Quota = quota("together", 3, HOUR);
    for (limits, attempts) in [(first, 2), (second, 1), (first, 0)] {
        let left = limits.attempt(&QUOTA, "key").await.unwrap();
        assert_eq!(left.attempts, attempts);
        let used = HOUR / 3 * (3 - attempts);
        assert!(left.refilled_in > used - HOUR / 12 && left.refilled_in <= used, "{left:?}");
    }
    for limits in [first, second] {
        let used_up = limits.attempt(&QUOTA, "key").await.unwrap_err();
        assert_eq!(used_up.quota, QUOTA);
        let wait = used_up.wait;
        assert!(wait > HOUR / 4 && wait <= HOUR / 3, "{wait:?}");
    }
}

async fn keys_and_names_count_apart(Instances { limits: [first, _], .. }: &Instances) {
    const QUOTA: Quota = quota("apart", 1, HOUR);
    const OTHER: Quota = quota("apart-too", 1, HOUR);
    first.attempt(&QUOTA, "key").await.unwrap();
    first.attempt(&QUOTA, "another key").await.unwrap();
    first.attempt(&OTHER, "key").await.unwrap();
    first.attempt(&QUOTA, "key").await.unwrap_err();
}

async fn a_look_counts_nothing(Instances { limits: [first, second], .. }: &Instances) {
    const QUOTA: Quota = quota("look", 1, HOUR);
    for limits in [first, second, first] {
        limits.look(&QUOTA, "key").await.unwrap();
    }
    first.attempt(&QUOTA, "key").await.unwrap();
    let wait = second.look(&QUOTA, "key").await.unwrap_err().wait;
    assert!(wait > HOUR / 2 && wait <= HOUR, "{wait:?}");
}

async fn what_is_refused_does_not_count(Instances { limits: [first, second], .. }: &Instances) {
    const QUOTA: Quota = quota("refill", 1, Duration::from_millis(200));
    first.attempt(&QUOTA, "key").await.unwrap();
    // Whoever asks all the time waits no longer than whoever waits.
    eventually(LIMIT, async || second.attempt(&QUOTA, "key").await).await;
}

async fn no_more_pass_at_the_same_time(Instances { limits, .. }: &Instances) {
    const QUOTA: Quota = quota("same-time", 10, HOUR);
    let attempts = (0..40).map(|n| limits[n % 2].attempt(&QUOTA, "key"));
    let passed = join_all(attempts).await.into_iter().filter(Result::is_ok).count();
    assert_eq!(passed, 10);
}

#[tokio::test]
async fn embedded() {
    check(&Instances::embedded()).await;
}
