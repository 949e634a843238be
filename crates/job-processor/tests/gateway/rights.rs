//! Private rooms.

use serde_json::json;

use crate::{Running, client::Client};

const ROOM: &str = "host:h";

#[tokio::test]
async fn a_private_room_takes_a_token_that_may_see_it() {
    let running = Running::start().await;
    for room in [ROOM, "merchant:m", "admin"] {
        running.owner.open(room);
        running.owner.grant("good", room);
    }
    for (token, code) in [(None, "forbidden"), (Some("bad"), "forbidden"), (Some("good"), "")] {
        let mut client = Client::connect_as(&running.address, token).await;
        for room in [ROOM, "merchant:m", "admin"] {
            let answer = client.call("join", json!({ "room": room })).await;
            let found = answer["error"]["code"].as_str().unwrap_or_default();
            assert_eq!(found, code, "{room} with {token:?}: {answer}");
        }
    }
    let mut client = Client::connect_as(&running.address, Some("good")).await;
    running.owner.set_away(true);
    let answer = client.call("join", json!({ "room": ROOM })).await;
    assert_eq!(answer["error"]["code"], "unavailable", "{answer}");
}

#[tokio::test]
async fn who_is_signed_in_watches_on_pages_of_ours_alone() {
    let running = Running::start().await;
    running.owner.open(ROOM);
    running.owner.grant("session", ROOM);
    let own = format!("http://{}", running.address);
    let cases = [
        ("handsel=session", own.as_str(), ""),
        ("a=b; __Host-handsel=session", own.as_str(), ""),
        ("handsel=another", own.as_str(), "forbidden"),
        ("handsel=session", "http://other.example", "forbidden"),
        ("handsel=session", "null", "forbidden"),
    ];
    for (cookie, origin, code) in cases {
        let headers = [("cookie", cookie), ("origin", origin)];
        let (mut client, _) = Client::open_with(&running.address, &headers).await;
        client.send("40").await;
        client.is_connected().await;
        let answer = client.call("join", json!({ "room": ROOM })).await;
        let found = answer["error"]["code"].as_str().unwrap_or_default();
        assert_eq!(found, code, "{cookie} from {origin}: {answer}");
    }
}

#[tokio::test]
async fn a_right_that_is_lost_ends_the_stay() {
    let running = Running::start().await;
    running.owner.open(ROOM);
    running.owner.open("giveaway:a");
    running.owner.grant("good", ROOM);
    let mut client = Client::connect_as(&running.address, Some("good")).await;
    client.join(ROOM, None).await;
    client.join("giveaway:a", None).await;
    running.owner.revoke_all();
    // Somebody else keeps the room alive.
    running.owner.grant("other", ROOM);
    let mut other = Client::connect_as(&running.address, Some("other")).await;
    other.join(ROOM, None).await;
    assert_eq!(client.event_named("left").await, json!({ "room": ROOM, "code": "forbidden" }));
    running.owner.happen(ROOM, "e");
    other.event_named("e").await;
    running.owner.happen("giveaway:a", "e");
    assert_eq!(client.event_named("e").await["room"], "giveaway:a");
}

/// Whoever goes and comes back over the same connection while it is being let in is not in by the back door.
#[tokio::test]
async fn who_goes_while_it_is_let_in_is_not_in() {
    let running = Running::start().await;
    running.owner.open(ROOM);
    running.owner.grant("good", ROOM);
    let mut other = Client::connect_as(&running.address, Some("good")).await;
    other.join(ROOM, None).await;
    let mut client = Client::connect_as(&running.address, Some("good")).await;
    let join = json!(["join", { "room": ROOM }]);
    client.send(&format!("42{join}")).await;
    client.send("41").await;
    client.send("40").await;
    client.is_connected().await;
    running.owner.open("giveaway:a");
    client.join("giveaway:a", None).await;
    running.owner.happen(ROOM, "e");
    other.event_named("e").await;
    running.owner.happen("giveaway:a", "e");
    assert_eq!(client.event_named("e").await["room"], "giveaway:a");
}
