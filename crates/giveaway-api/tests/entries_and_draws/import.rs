//! A host's file: counted right, entered once, and refused where it should be.

use std::io::Cursor;

use axum::{
    body::{Body, Bytes},
    http::{Request, StatusCode},
};
use draw::rules::Eligibility;
use giveaway_api::{
    Error,
    actions::import_entries::{Imported, import_entries},
    domain::giveaway::GiveawayState,
    ids::{GiveawayId, HostId},
    sample::{self, Truth},
    store::{entry_count, giveaway},
};

use crate::{
    entrants::TEN_THOUSAND,
    support::{Bed, OPEN_SECONDS, Plan},
};

/// The demo's rules.
fn adults_outside_china() -> Plan {
    let eligibility = Eligibility {
        birth_year_max: Some(2008),
        countries_allowed: None,
        countries_excluded: vec!["CN".parse().unwrap()],
    };
    Plan { eligibility, ..Plan::default() }
}

async fn import(bed: &Bed, id: GiveawayId, csv: &[u8]) -> Result<Imported, Error> {
    let host = giveaway::find(bed.db.read(), id).await.unwrap().unwrap().host_id;
    import_entries(bed.service(), HostId(host), id, Cursor::new(csv.to_vec())).await
}

#[tokio::test]
async fn a_file_is_entered_once_and_counted_as_it_was_made() {
    for bed in Bed::all().await {
        for seed in [1, 2, 3] {
            let id = bed.giveaway(adults_outside_china()).await;
            let sample = sample::entrants(seed, 2_500);
            check(&bed, id, &sample.csv, sample.truth).await;
        }
    }
}

#[tokio::test]
async fn the_file_of_ten_thousand_is_entered_right() {
    for bed in Bed::all().await {
        let id = bed.giveaway(adults_outside_china()).await;
        let truth = Truth {
            rows: 10_000,
            malformed: 206,
            persons: 8_549,
            duplicates: 1_245,
            persons_verified: 7_628,
            eligible: 6_579,
        };
        check(&bed, id, TEN_THOUSAND, truth).await;
    }
}

/// Imports a file twice: the second time adds nothing, neither entries nor mails.
async fn check(bed: &Bed, id: GiveawayId, csv: &[u8], truth: Truth) {
    let (receipts, questions) = (bed.mailed("receipt").await, bed.mailed("confirm_entry").await);
    let first = import(bed, id, csv).await.unwrap();
    assert_eq!(counted(&first), truth, "{}", bed.db);
    assert_eq!(first.persons_new, truth.persons);
    let counts = entry_count::read(bed.db.read(), id).await.unwrap();
    let stored = (counts.entries, counts.verified, counts.eligible);
    let number = |n: u64| i64::try_from(n).unwrap();
    let expected = (number(truth.persons), number(truth.persons_verified), number(truth.eligible));
    assert_eq!(stored, expected, "{}", bed.db);
    let written = bed.mailed("receipt").await - receipts;
    assert_eq!(written as u64, truth.persons_verified);
    // Someone who is verified by a later row of another chunk was asked to confirm before.
    let asked = bed.mailed("confirm_entry").await - questions;
    let unverified = truth.persons - truth.persons_verified;
    assert_eq!(asked as u64, unverified + first.persons_newly_verified);

    let mails = bed.mails().await.len();
    let second = import(bed, id, csv).await.unwrap();
    assert_eq!(counted(&second), truth);
    assert_eq!((second.persons_new, second.persons_newly_verified), (0, 0));
    assert_eq!(entry_count::read(bed.db.read(), id).await.unwrap(), counts);
    assert_eq!(bed.mails().await.len(), mails);
}

fn counted(imported: &Imported) -> Truth {
    crate::entrants::truth(&imported.report)
}

#[tokio::test]
async fn a_row_can_verify_somebody_who_entered_before() {
    const HEADER: &str = "entered_at,email,name,country,birth_year,ip,verified,referred_by\n";
    for bed in Bed::all().await {
        let id = bed.giveaway(adults_outside_china()).await;
        let unverified = format!("{HEADER}1,anna@example.org,,DE,1990,,false,\n");
        assert_eq!(import(&bed, id, unverified.as_bytes()).await.unwrap().persons_new, 1);
        // The first row decided country and year of birth; the second can only verify.
        let verified = format!("{HEADER}1,Anna+x@example.org,,CN,2015,,true,\n");
        let second = import(&bed, id, verified.as_bytes()).await.unwrap();
        assert_eq!((second.persons_new, second.persons_newly_verified), (0, 1));
        let counts = entry_count::read(bed.db.read(), id).await.unwrap();
        assert_eq!((counts.entries, counts.verified, counts.eligible), (1, 1, 1), "{}", bed.db);
    }
}

#[tokio::test]
async fn a_wrong_header_stops_the_import_before_anything_is_written() {
    for bed in Bed::all().await {
        let id = bed.giveaway(Plan::default()).await;
        let csv = String::from_utf8(sample::entrants(1, 50).csv).unwrap();
        let wrong = csv.replacen("birth_year", "year", 1);
        let refused = import(&bed, id, wrong.as_bytes()).await.unwrap_err();
        assert_eq!(refused.code(), "invalid_input");
        assert!(
            matches!(&refused, Error::Invalid(errors) if errors[0].detail.contains("\"year\""))
        );
        assert_eq!(import(&bed, id, b"").await.unwrap_err().code(), "invalid_input");
        assert_eq!(entry_count::read(bed.db.read(), id).await.unwrap().entries, 0);
        assert!(bed.mails().await.is_empty());
    }
}

#[tokio::test]
async fn only_the_host_imports_and_only_until_closing() {
    for bed in Bed::all().await {
        let csv = sample::entrants(1, 10).csv;
        let check = async |state, code: Option<&str>| {
            let id = bed.giveaway(Plan { state, ..Plan::default() }).await;
            let told = import(&bed, id, &csv).await.err();
            assert_eq!(told.as_ref().map(Error::code), code, "{state}");
        };
        check(GiveawayState::Draft, Some("not_found")).await;
        check(GiveawayState::Scheduled, None).await;
        check(GiveawayState::Open, None).await;
        check(GiveawayState::Closed, Some("giveaway_closed")).await;
        check(GiveawayState::Cancelling, Some("giveaway_cancelled")).await;
        let id = bed.giveaway(Plan::default()).await;
        let file = Cursor::new(csv.clone());
        let other = import_entries(bed.service(), HostId::new(), id, file).await.unwrap_err();
        assert_eq!(other.code(), "not_found");
        bed.advance_to(OPEN_SECONDS);
        check(GiveawayState::Open, Some("giveaway_closed")).await;
    }
}

#[tokio::test]
async fn a_host_sends_a_file_and_looks_through_the_entries() {
    for bed in Bed::all().await {
        let id = bed.giveaway(adults_outside_china()).await;
        let sample = sample::entrants(4, 150);
        let path = format!("/api/giveaway/v1/giveaways/{id}/entries");
        let post = || Request::post(format!("{path}/import")).header("content-type", "text/csv");
        let file = || Body::from(sample.csv.clone());

        let stranger = bed.send(post().body(file()).unwrap()).await;
        assert_eq!(stranger.status, StatusCode::UNAUTHORIZED, "{}", bed.db);
        let token = bed.host_token(id).await;
        let json =
            Request::post(format!("{path}/import")).header("content-type", "application/json");
        let wrong_kind = bed.as_host(&token, json, file()).await;
        assert_eq!(wrong_kind.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
        let imported = bed.as_host(&token, post(), file()).await;
        assert_eq!(imported.status, StatusCode::OK, "{:?}", imported.body);
        assert_eq!(imported.body["persons"], sample.truth.persons);
        assert_eq!(imported.body["malformed_count"], sample.truth.malformed);
        let malformed = imported.body["malformed"].as_array().unwrap();
        assert!(malformed[0]["line"].as_u64().unwrap() > 1);

        let mut listed = Vec::new();
        let mut after = String::new();
        loop {
            let page = Request::get(format!("{path}?limit=40{after}"));
            let page = bed.as_host(&token, page, Body::empty()).await;
            assert_eq!(page.status, StatusCode::OK, "{:?}", page.body);
            listed.extend(page.body["items"].as_array().unwrap().clone());
            let Some(next) = page.body["next"].as_str() else { break };
            after = format!("&after={next}");
        }
        assert_eq!(listed.len() as u64, sample.truth.persons);
        let eligible = listed.iter().filter(|entry| entry["reason"] == "none").count();
        assert_eq!(eligible as u64, sample.truth.eligible);
        let other = bed.giveaway(Plan::default()).await;
        let foreign = Request::get(format!("/api/giveaway/v1/giveaways/{other}/entries"));
        let foreign = bed.as_host(&token, foreign, Body::empty()).await;
        assert_eq!(foreign.status, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn a_file_that_breaks_off_can_be_sent_again() {
    for bed in Bed::all().await {
        let id = bed.giveaway(adults_outside_china()).await;
        let token = bed.host_token(id).await;
        let sample = sample::entrants(5, 2_500);
        let path = format!("/api/giveaway/v1/giveaways/{id}/entries/import");
        let post = || Request::post(&path).header("content-type", "text/csv");
        // Most of the file, and then the connection is gone.
        let most = sample.csv[..sample.csv.len() * 9 / 10].to_vec();
        let parts = [Ok(Bytes::from(most)), Err(std::io::Error::other("gone"))];
        let broken = Body::from_stream(futures::stream::iter(parts));
        let answer = bed.as_host(&token, post(), broken).await;
        assert_eq!(answer.code(), "invalid_input", "{} {:?}", bed.db, answer.body);
        let counts = entry_count::read(bed.db.read(), id).await.unwrap();
        assert!(counts.entries > 0, "what came before was entered");
        let again = bed.as_host(&token, post(), Body::from(sample.csv.clone())).await;
        assert_eq!(again.body["persons"], sample.truth.persons);
        let persons = i64::try_from(sample.truth.persons).unwrap();
        assert_eq!(again.body["persons_new"], persons - counts.entries);
        assert_eq!(entry_count::read(bed.db.read(), id).await.unwrap().entries, persons);
    }
}

#[tokio::test]
async fn a_file_that_is_too_large_is_told_from_one_that_breaks_off() {
    let bed = Bed::all().await.remove(0);
    let id = bed.giveaway(Plan::default()).await;
    let token = bed.host_token(id).await;
    let path = format!("/api/giveaway/v1/giveaways/{id}/entries/import");
    let header = sample::entrants(1, 0).csv;
    // One row that never ends: sixty-five mebibytes of a quoted name.
    let start = [header.as_slice(), b"1,anna@example.org,\""].concat();
    let parts = std::iter::once(Bytes::from(start))
        .chain(std::iter::repeat_n(Bytes::from(vec![b'a'; 1 << 20]), 65))
        .map(Ok::<_, std::io::Error>);
    let body = Body::from_stream(futures::stream::iter(parts));
    let post = Request::post(&path).header("content-type", "text/csv");
    let answer = bed.as_host(&token, post, body).await;
    assert_eq!(answer.code(), "invalid_input", "{:?}", answer.body);
    let detail = answer.body["errors"][0]["detail"].as_str().unwrap();
    assert!(detail.contains("too large"), "{detail}");
}
