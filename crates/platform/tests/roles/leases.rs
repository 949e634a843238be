//! Who does what only one needs to do.

use std::time::Duration;

use platform::roles::Hold;
use testkit::eventually;

use super::Instances;

const HOUR: Duration = Duration::from_secs(3600);

/// Longer than a slow machine takes for what ends within it.
const LIMIT: Duration = Duration::from_secs(20);

/// The whole suite.
pub(crate) async fn check(instances: &Instances) {
    one_holds(instances).await;
    names_are_apart(instances).await;
    what_ends_is_free(instances).await;
    only_the_holder_gives_back(instances).await;
}

fn fence(hold: Hold) -> u64 {
    let Hold::Ours(fence) = hold else { panic!("not ours: {hold:?}") };
    fence
}

async fn one_holds(Instances { leases: [first, second], .. }: &Instances) {
    let began = fence(first.hold("one", HOUR).await);
    assert_eq!(second.hold("one", HOUR).await, Hold::Others);
    assert_eq!(first.hold("one", HOUR).await, Hold::Ours(began), "it is prolonged");
}

async fn names_are_apart(Instances { leases: [first, second], .. }: &Instances) {
    fence(first.hold("this", HOUR).await);
    fence(second.hold("that", HOUR).await);
}

async fn what_ends_is_free(Instances { leases: [first, second], .. }: &Instances) {
    let began = fence(first.hold("ends", Duration::from_millis(100)).await);
    let taken = eventually(LIMIT, async || match second.hold("ends", HOUR).await {
        Hold::Ours(fence) => Some(fence),
        _ => None,
    });
    assert!(taken.await > began, "a new holder has a higher fence");
    assert_eq!(first.hold("ends", HOUR).await, Hold::Others, "who lost it is told");
}

async fn only_the_holder_gives_back(Instances { leases: [first, second], .. }: &Instances) {
    let began = fence(first.hold("back", HOUR).await);
    second.give_back("back").await;
    assert_eq!(second.hold("back", HOUR).await, Hold::Others);
    first.give_back("back").await;
    assert!(fence(second.hold("back", HOUR).await) > began);
}

#[tokio::test]
async fn embedded() {
    check(&Instances::embedded()).await;
}
