//! Entering through the form, and confirming the address.

use axum::http::StatusCode;
use draw::receipt::Receipt;
use giveaway_api::{
    actions::confirm_entry::CONFIRM,
    domain::giveaway::GiveawayState,
    ids::GiveawayId,
    store::{entry, entry_count},
};
use jiff::{SignedDuration, Timestamp};
use platform::token::mint_link;
use serde_json::json;

use crate::support::{Answer, Bed, OPEN_SECONDS, Plan, REVIEW_SECONDS};

async fn enter(bed: &Bed, id: GiveawayId, email: &str) -> Answer {
    let body = json!({"email": email, "name": "Anna", "country": "DE", "birth_year": 1990});
    bed.post(&format!("/giveaways/{id}/entries"), body).await
}

async fn confirm(bed: &Bed, token: &str) -> Answer {
    bed.post("/entries/confirm", json!({"token": token})).await
}

async fn link(bed: &Bed, id: GiveawayId, address: &str, expires_at: Timestamp) -> String {
    let entry = entry::of_person(bed.db.read(), id, address).await.unwrap().unwrap();
    mint_link(&bed.service().link_key, CONFIRM, entry.id, expires_at)
}

fn later(bed: &Bed) -> Timestamp {
    bed.clock.now() + SignedDuration::from_hours(24 * 365)
}

#[tokio::test]
async fn an_entry_counts_once_its_address_is_confirmed() {
    for bed in Bed::all().await {
        let id = bed.giveaway(Plan::default()).await;
        let entered = enter(&bed, id, "anna@example.org").await;
        assert_eq!(entered.status, StatusCode::ACCEPTED, "{} {entered:?}", bed.db);
        assert_eq!(entered.body["status"], "confirm_address");
        assert_eq!(bed.mailed("confirm_entry").await, 1);
        let counts = entry_count::read(bed.db.read(), id).await.unwrap();
        assert_eq!((counts.entries, counts.verified, counts.eligible), (1, 0, 0));

        let token = link(&bed, id, "anna@example.org", later(&bed)).await;
        let confirmed = confirm(&bed, &token).await;
        assert_eq!(confirmed.status, StatusCode::OK, "{confirmed:?}");
        let receipt = Receipt::from_json(&confirmed.bytes).unwrap();
        receipt.verify(&bed.service().instance_key.public_key()).unwrap();
        assert!(receipt.opens_to("anna@example.org"));
        let counts = entry_count::read(bed.db.read(), id).await.unwrap();
        assert_eq!((counts.entries, counts.verified, counts.eligible), (1, 1, 1));

        // The same link again changes nothing and answers the same, also when everything is over.
        assert_eq!(confirm(&bed, &token).await, confirmed);
        bed.advance_to(OPEN_SECONDS + i64::from(REVIEW_SECONDS) + 1);
        assert_eq!(confirm(&bed, &token).await, confirmed);
        assert_eq!(entry_count::read(bed.db.read(), id).await.unwrap(), counts);
        assert_eq!(bed.mailed("receipt").await, 1);
    }
}

#[tokio::test]
async fn entering_again_answers_the_same_and_enters_nobody() {
    for bed in Bed::all().await {
        let id = bed.giveaway(Plan::default()).await;
        let first = enter(&bed, id, "anna.b@gmail.com").await;
        let again = enter(&bed, id, " AnnaB+more@googlemail.com ").await;
        assert_eq!(again, first, "{}", bed.db);
        assert_ne!(enter(&bed, id, "ben@example.org").await.body["id"], first.body["id"]);
        assert_eq!(entry_count::read(bed.db.read(), id).await.unwrap().entries, 2);
        assert_eq!(bed.mailed("confirm_entry").await, 2);

        // After a while they are written to again: for a confirmation, or, confirmed, the receipt.
        bed.advance_to(700);
        assert_eq!(enter(&bed, id, "annab@gmail.com").await, first);
        assert_eq!(enter(&bed, id, "annab@gmail.com").await, first);
        assert_eq!(bed.mailed("confirm_entry").await, 3);
        let token = link(&bed, id, "annab@gmail.com", later(&bed)).await;
        assert_eq!(confirm(&bed, &token).await.status, StatusCode::OK);
        bed.advance_to(1_400);
        assert_eq!(enter(&bed, id, "annab@gmail.com").await, first);
        assert_eq!((bed.mailed("confirm_entry").await, bed.mailed("receipt").await), (3, 2));
    }
}

#[tokio::test]
async fn people_who_enter_at_once_share_a_commit() {
    for bed in Bed::all().await {
        let id = bed.giveaway(Plan::default()).await;
        let entering = (0..300).map(|n| {
            let bed = &bed;
            // Twenty of them are the same person.
            let email = format!("person{}@example.org", if n < 20 { 0 } else { n });
            async move { enter(bed, id, &email).await }
        });
        for answer in futures::future::join_all(entering).await {
            assert_eq!(answer.status, StatusCode::ACCEPTED, "{} {answer:?}", bed.db);
        }
        assert_eq!(entry_count::read(bed.db.read(), id).await.unwrap().entries, 281);
        // A batch of n entries asks for its mails in ⌈n / 100⌉ calls: had each entry had a commit of
        // its own, there would be a call for each.
        let calls = bed.mails().await;
        assert_eq!(calls.iter().map(|call| call.subjects.len()).sum::<usize>(), 281);
        assert!(calls.len() <= 10, "{}: {} calls", bed.db, calls.len());
    }
}

#[tokio::test]
async fn what_is_wrong_is_named() {
    for bed in Bed::all().await {
        let id = bed.giveaway(Plan::default()).await;
        let path = format!("/giveaways/{id}/entries");
        let body = json!({"email": "no", "country": "Germany", "birth_year": 1800});
        let answer = bed.post(&path, body).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        let fields: Vec<_> = answer.body["errors"]
            .as_array()
            .unwrap()
            .iter()
            .map(|error| error["pointer"].as_str().unwrap())
            .collect();
        assert_eq!(fields, ["/email", "/country", "/birth_year"]);
        let body = json!({"email": "a@example.org", "country": "", "birth_year": 1990});
        assert_eq!(bed.post(&path, body).await.body["errors"][0]["pointer"], "/country");
        let nowhere = enter(&bed, GiveawayId::new(), "a@example.org").await;
        assert_eq!((nowhere.status, nowhere.code()), (StatusCode::NOT_FOUND, "not_found"));
        let no_id = bed.post("/giveaways/gvw_1/entries", json!({})).await;
        assert_eq!((no_id.status, no_id.code()), (StatusCode::NOT_FOUND, "not_found"));
        assert!(bed.mails().await.is_empty());
    }
}

#[tokio::test]
async fn a_giveaway_takes_entries_only_while_it_is_open() {
    for bed in Bed::all().await {
        let check = async |state, code| {
            let id = bed.giveaway(Plan { state, ..Plan::default() }).await;
            assert_eq!(enter(&bed, id, "a@example.org").await.code(), code, "{state}");
            assert_eq!(entry_count::read(bed.db.read(), id).await.unwrap().entries, 0);
        };
        check(GiveawayState::Draft, "not_found").await;
        check(GiveawayState::Scheduled, "giveaway_not_open").await;
        check(GiveawayState::Closed, "giveaway_closed").await;
        check(GiveawayState::Drawn, "giveaway_closed").await;
        check(GiveawayState::Cancelled, "giveaway_cancelled").await;
        bed.advance_to(OPEN_SECONDS);
        check(GiveawayState::Open, "giveaway_closed").await;
    }
}

#[tokio::test]
async fn a_link_is_ours_in_time_and_before_the_freeze() {
    for bed in Bed::all().await {
        let id = bed.giveaway(Plan::default()).await;
        enter(&bed, id, "anna@example.org").await;
        let short =
            link(&bed, id, "anna@example.org", bed.clock.now() + SignedDuration::from_secs(5))
                .await;
        let long = link(&bed, id, "anna@example.org", later(&bed)).await;
        assert_eq!(confirm(&bed, "made-up").await.code(), "not_found");
        bed.advance_to(10);
        let expired = confirm(&bed, &short).await;
        assert_eq!((expired.status, expired.code()), (StatusCode::GONE, "link_expired"));
        bed.advance_to(OPEN_SECONDS + i64::from(REVIEW_SECONDS));
        let late = confirm(&bed, &long).await;
        assert_eq!((late.status, late.code()), (StatusCode::CONFLICT, "entries_frozen"));
        assert_eq!(entry_count::read(bed.db.read(), id).await.unwrap().verified, 0);
    }
}
