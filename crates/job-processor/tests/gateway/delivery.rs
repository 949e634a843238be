//! In order and without holes, whatever is lost or late.

use std::sync::Arc;

use job_processor::gateway::GatewayConfig;
use platform::roles::Roles;

use crate::{Running, client::Client, owner::Owner};

const ROOM: &str = "giveaway:a";

fn owner(events: usize) -> Owner {
    let owner = Owner::default();
    owner.open(ROOM);
    for _ in 0..events {
        owner.happen(ROOM, "e");
    }
    owner
}

async fn running(owner: Owner) -> Running {
    Running::with(GatewayConfig::default(), owner, Roles::embedded().bus).await
}

#[tokio::test]
async fn what_happens_comes_once_and_in_order_whatever_is_announced() {
    let running = running(owner(2)).await;
    let mut client = Client::connect(&running.address).await;
    assert_eq!(client.join(ROOM, None).await["seq"], 2);
    for _ in 0..3 {
        running.owner.happen(ROOM, "e");
    }
    // The last first, twice, and one that is not yet.
    for seq in [5, 5, 3, 9] {
        running.publish(ROOM, seq).await;
    }
    assert_eq!(client.seqs("e", 3).await, [3, 4, 5]);
    running.owner.happen(ROOM, "e");
    running.publish(ROOM, 6).await;
    assert_eq!(client.seqs("e", 1).await, [6]);
}

#[tokio::test]
async fn what_was_not_announced_comes_with_the_pulse_and_the_snapshot_after_it() {
    let running = running(owner(0)).await;
    let mut client = Client::connect(&running.address).await;
    client.join(ROOM, None).await;
    running.owner.count(ROOM, 7);
    running.owner.happen(ROOM, "e");
    let event = client.event_named("e").await;
    assert_eq!(
        (&event["seq"], &event["at_ms"], &event["data"]["n"]),
        (&1.into(), &1_001.into(), &1.into())
    );
    let snapshot = loop {
        let snapshot = client.event_named("snapshot").await;
        if snapshot["entrants"] == 7 {
            break snapshot;
        }
    };
    assert_eq!(snapshot["seq"], 1);
    assert!(snapshot["server_time_ms"].as_i64().unwrap() > 0);
}

#[tokio::test]
async fn who_comes_back_gets_what_was_missed() {
    let running = running(owner(5)).await;
    // Somebody else is there, or nobody: the room may be known or not.
    let mut other = Client::connect(&running.address).await;
    for is_known in [false, true] {
        let mut client = Client::connect(&running.address).await;
        let joined = client.join(ROOM, Some(2)).await;
        assert_eq!((&joined["seq"], &joined["reset"]), (&5.into(), &false.into()), "{is_known}");
        assert_eq!(client.seqs("e", 3).await, [3, 4, 5], "{is_known}");
        let mut current = Client::connect(&running.address).await;
        current.join(ROOM, Some(5)).await;
        other.join(ROOM, None).await;
    }
}

#[tokio::test]
async fn who_missed_too_much_is_told_to_read_anew() {
    let owner = owner(150);
    owner.forget(ROOM, 120);
    let running = running(owner).await;
    let cases =
        [(2, true, 0), (119, true, 0), (120, false, 30), (151, true, 0), (i64::MAX, true, 0)];
    for (seq, reset, missed) in cases {
        let mut client = Client::connect(&running.address).await;
        let joined = client.join(ROOM, Some(seq)).await;
        assert_eq!((&joined["seq"], &joined["reset"]), (&150.into(), &reset.into()), "{seq}");
        assert_eq!(client.seqs("e", missed).await.len(), missed, "{seq}");
    }
}

#[tokio::test]
async fn a_hole_at_the_owner_is_told() {
    let running = running(owner(1)).await;
    let mut client = Client::connect(&running.address).await;
    client.join(ROOM, None).await;
    running.owner.set_away(true);
    for _ in 0..3 {
        running.owner.happen(ROOM, "e");
    }
    running.owner.forget(ROOM, 3);
    running.owner.set_away(false);
    assert_eq!(client.event_named("reset").await["seq"], 4);
    running.owner.happen(ROOM, "e");
    assert_eq!(client.seqs("e", 1).await, [5]);
}

#[tokio::test]
async fn many_events_at_once_come_in_parts_that_fit() {
    let running = running(owner(0)).await;
    let mut clients = Vec::new();
    for _ in 0..3 {
        let mut client = Client::connect(&running.address).await;
        client.join(ROOM, None).await;
        clients.push(client);
    }
    for _ in 0..400 {
        running.owner.happen(ROOM, "e");
    }
    running.publish(ROOM, 400).await;
    let expected: Vec<i64> = (1..=400).collect();
    for client in &mut clients {
        assert_eq!(client.seqs("e", 400).await, expected);
    }
}

#[tokio::test]
async fn all_gateways_hear_what_one_is_told() {
    let (owner, bus) = (owner(0), Roles::embedded().bus);
    let first = Running::with(GatewayConfig::default(), owner.clone(), Arc::clone(&bus)).await;
    let second = Running::with(GatewayConfig::default(), owner, bus).await;
    let mut here = Client::connect(&first.address).await;
    let mut there = Client::connect(&second.address).await;
    here.join(ROOM, None).await;
    there.join(ROOM, None).await;
    for seq in 1..=5 {
        first.owner.happen(ROOM, "e");
        first.publish(ROOM, seq).await;
    }
    assert_eq!(here.seqs("e", 5).await, [1, 2, 3, 4, 5]);
    assert_eq!(there.seqs("e", 5).await, [1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn while_the_owner_is_away_nobody_new_comes_in_and_nothing_is_lost() {
    let running = running(owner(0)).await;
    let mut client = Client::connect(&running.address).await;
    client.join(ROOM, None).await;
    running.owner.set_away(true);
    let mut late = Client::connect(&running.address).await;
    running.owner.open("giveaway:b");
    let answer = late.call("join", serde_json::json!({ "room": "giveaway:b" })).await;
    assert_eq!(answer["error"]["code"], "unavailable", "{answer}");
    // A room that is known can be joined.
    late.join(ROOM, None).await;
    running.owner.happen(ROOM, "e");
    running.publish(ROOM, 1).await;
    running.owner.set_away(false);
    assert_eq!(client.seqs("e", 1).await, [1]);
    assert_eq!(late.seqs("e", 1).await, [1]);
}

#[tokio::test]
async fn a_crowd_that_comes_back_is_read_for_once() {
    let running = running(owner(10)).await;
    let mut clients = Vec::new();
    for _ in 0..40 {
        clients.push(Client::connect(&running.address).await);
    }
    let before = running.owner.reads();
    let joins = clients.iter_mut().map(|client| client.join(ROOM, Some(7)));
    futures::future::join_all(joins).await;
    // One for all of them, and a pulse or more meanwhile.
    assert!(running.owner.reads() - before < 20, "{} reads", running.owner.reads() - before);
    for client in &mut clients {
        assert_eq!(client.seqs("e", 3).await, [8, 9, 10]);
    }
}

#[tokio::test]
async fn who_has_left_hears_nothing_more() {
    let running = running(owner(0)).await;
    running.owner.open("giveaway:b");
    let mut client = Client::connect(&running.address).await;
    client.join(ROOM, None).await;
    client.join("giveaway:b", None).await;
    let mut other = Client::connect(&running.address).await;
    other.join(ROOM, None).await;
    client.call("leave", serde_json::json!({ "room": ROOM })).await;
    running.owner.happen(ROOM, "e");
    other.event_named("e").await;
    running.owner.happen("giveaway:b", "e");
    assert_eq!(client.event_named("e").await["room"], "giveaway:b");
}
