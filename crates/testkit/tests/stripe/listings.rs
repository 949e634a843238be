//! The port promises a listing in the order of the last change; Stripe has lists of objects, and
//! events for thirty days.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use platform::provider::{Provider as _, Transfer, TransferStatus};
use testkit::stripe::Stripe;

use super::{World, asked};

/// More than any listing here has.
const MAX_PAGES: usize = 20;

impl World {
    async fn send(&self, numbers: std::ops::Range<usize>) {
        for number in numbers {
            let sent = self.provider.transfer(asked(&format!("stl_{number}_1"), 100)).await;
            assert_eq!(super::word(&sent), "paid");
        }
    }

    /// Reads on from the cursor to the end, and keeps the cursor as a sweep does.
    async fn read(&self, cursor: &mut Option<String>) -> Vec<Transfer> {
        let mut read = Vec::new();
        for _ in 0..MAX_PAGES {
            let page = self.provider.transfers(cursor.as_deref()).await.unwrap();
            read.extend(page.items);
            assert!(page.cursor.is_some());
            *cursor = page.cursor;
            if !page.has_more {
                return read;
            }
        }
        panic!("the listing has no end");
    }
}

fn references(transfers: &[Transfer]) -> BTreeSet<&str> {
    transfers.iter().map(|transfer| transfer.provider_ref.as_str()).collect()
}

fn id_of(stripe: &Stripe, reference: &str) -> String {
    let transfers = stripe.transfers();
    let found = transfers.iter().find(|transfer| transfer["transfer_group"] == reference);
    found.unwrap()["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn every_object_is_seen_and_then_every_change() {
    let world = World::new().await;
    world.send(0..230).await;
    let mut cursor = None;
    let all = world.read(&mut cursor).await;
    assert_eq!((all.len(), references(&all).len()), (230, 230));
    assert_eq!(world.read(&mut cursor).await, []);

    world.send(230..232).await;
    world.stripe.reverse_transfer(&id_of(&world.stripe, "stl_7_1"), 100);
    let changes = world.read(&mut cursor).await;
    let order: Vec<_> = changes.iter().map(|transfer| &*transfer.provider_ref).collect();
    assert_eq!(order, ["stl_230_1", "stl_231_1", "stl_7_1"], "in the order of their last change");
    assert_eq!(changes[2].status, TransferStatus::Reversed);
    assert_eq!(world.read(&mut cursor).await, []);
    // Nothing new: a page that may be asked for again and again.
    let page = world.provider.transfers(cursor.as_deref()).await.unwrap();
    assert_eq!((page.items.len(), page.cursor, page.has_more), (0, cursor, false));
}

#[tokio::test]
async fn many_changes_come_page_by_page_and_none_is_skipped() {
    let world = World::new().await;
    let mut cursor = None;
    assert_eq!(world.read(&mut cursor).await, [], "an empty account");
    world.send(0..1).await;
    assert_eq!(world.read(&mut cursor).await.len(), 1, "the first event ever");
    world.send(1..181).await;
    let first = world.provider.transfers(cursor.as_deref()).await.unwrap();
    assert!(first.has_more);
    assert_eq!(first.items[0].provider_ref, "stl_1_1", "the oldest first");
    let read = world.read(&mut cursor).await;
    assert_eq!((read.len(), references(&read).len()), (180, 180));
}

#[tokio::test]
async fn more_than_a_page_of_first_events_is_seen_too() {
    let world = World::new().await;
    let mut cursor = None;
    world.read(&mut cursor).await;
    world.send(0..120).await;
    let read = world.read(&mut cursor).await;
    assert_eq!(references(&read).len(), 120);
}

#[tokio::test]
async fn what_changes_while_the_objects_are_listed_is_seen_after() {
    let world = World::new().await;
    world.send(0..150).await;
    let page = world.provider.transfers(None).await.unwrap();
    assert_eq!(page.items.len(), 100, "the newest");
    let listed = page.items[0].clone();
    // One that was listed already comes back, and a new one is made before the rest is listed.
    world.stripe.reverse_transfer(&listed.id, 100);
    world.send(150..151).await;
    let mut cursor = page.cursor;
    let rest = world.read(&mut cursor).await;
    let seen = references(&rest);
    assert!(seen.contains("stl_0_1") && seen.contains("stl_150_1"));
    let again = rest.iter().find(|transfer| transfer.id == listed.id).unwrap();
    assert_eq!(again.status, TransferStatus::Reversed);
}

#[tokio::test]
async fn a_cursor_older_than_stripes_memory_begins_anew_and_misses_nothing() {
    let world = World::new().await;
    world.send(0..3).await;
    let mut cursor = None;
    world.read(&mut cursor).await;
    // For two months nobody lists. What happened first is no event any more.
    world.stripe.reverse_transfer(&id_of(&world.stripe, "stl_1_1"), 100);
    world.clock.advance(SignedDuration::from_hours(60 * 24)).unwrap();
    world.send(3..4).await;
    let read = world.read(&mut cursor).await;
    assert_eq!(references(&read).len(), 4);
    let reversed = read.iter().find(|transfer| transfer.provider_ref == "stl_1_1").unwrap();
    assert_eq!(reversed.status, TransferStatus::Reversed);
    assert_eq!(world.read(&mut cursor).await, []);
}

#[tokio::test]
async fn a_cursor_of_another_provider_is_none() {
    let world = World::new().await;
    world.send(0..1).await;
    let mut cursor = Some("17".to_owned());
    assert_eq!(world.read(&mut cursor).await.len(), 1);
    assert_ne!(cursor.as_deref(), Some("17"));
}

#[tokio::test]
async fn a_failing_fetch_leaves_the_cursor_where_it_was() {
    let world = World::new().await;
    let mut cursor = None;
    world.send(0..1).await;
    world.read(&mut cursor).await;
    world.send(1..2).await;
    let before = cursor.clone();
    let stranger =
        platform::provider::StripeProvider::new(world.stripe.url(), "sk_test_revoked", "whsec_1")
            .unwrap();
    assert!(stranger.transfers(cursor.as_deref()).await.is_err());
    assert_eq!(cursor, before);
    assert_eq!(world.read(&mut cursor).await.len(), 1);
}
