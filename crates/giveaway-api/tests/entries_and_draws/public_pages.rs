//! The code from the mail, the link that is passed on, and the pages for strangers and other sites.

use crate::{
    pages::{Page, enter, get, post, send},
    support::{Bed, Plan},
};
use axum::{
    body::Body,
    http::{Request, StatusCode, header},
};
use giveaway_api::{
    domain::{entry_code::code_at, referral::referral_of},
    ids::GiveawayId,
    store::entry,
};

const ANNA: &str = "anna@example.org";

async fn entry_of(bed: &Bed, id: GiveawayId, address: &str) -> entry::Model {
    entry::of_person(bed.db.read(), id, address).await.unwrap().unwrap()
}

async fn type_code(bed: &Bed, id: GiveawayId, email: &str, code: &str) -> Page {
    post(bed, &format!("/g/{id}/code"), &[("email", email), ("code", code)]).await
}

#[tokio::test]
async fn the_code_of_the_mail_confirms_as_its_link_does() {
    for bed in Bed::all().await {
        let id = bed.giveaway(Plan::default()).await;
        enter(&bed, id, ANNA).await.says("autocomplete=\"one-time-code\"");
        let entry = entry_of(&bed, id, ANNA).await;
        let code = code_at(&bed.service().link_key, entry.entry_id(), bed.clock.now());
        let wrong = type_code(&bed, id, ANNA, "12345").await;
        assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
        wrong.says("This code is not right").says("aria-describedby=\"code-error\"");
        assert!(entry_of(&bed, id, ANNA).await.verified_at.is_none());
        // The address as somebody writes it, and the code as mail programs show it.
        let shown = format!("{} {}", &code[..3], &code[3..]);
        let page = type_code(&bed, id, " Anna@Example.org ", &shown).await;
        assert_eq!(page.status, StatusCode::OK, "{}", bed.db);
        page.says("You are in").says("leaf_id").says("/confirm/receipt").says("?ref=");
        page.says_nothing_of(&code);
        assert!(entry_of(&bed, id, ANNA).await.verified_at.is_some());
        type_code(&bed, id, ANNA, &code).await.says("You are in");
    }
}

#[tokio::test]
async fn guessing_codes_ends_soon_and_tells_nothing_about_who_entered() {
    for bed in Bed::all().await {
        let id = bed.giveaway(Plan::default()).await;
        enter(&bed, id, ANNA).await;
        let mut answers = Vec::new();
        for address in [ANNA, "nobody@example.org"] {
            let mut of_one = Vec::new();
            for _ in 0..7 {
                let page = type_code(&bed, id, address, "000000x").await;
                of_one.push((page.status, page.html.replace(address, "")));
            }
            assert_eq!(of_one[5].0, StatusCode::UNPROCESSABLE_ENTITY);
            assert_eq!(of_one[6].0, StatusCode::TOO_MANY_REQUESTS);
            answers.push(of_one);
        }
        assert_eq!(answers[0][0], answers[1][0], "a stranger learns who entered");
        // The right one comes too late as well.
        let entry = entry_of(&bed, id, ANNA).await;
        let code = code_at(&bed.service().link_key, entry.entry_id(), bed.clock.now());
        assert_eq!(type_code(&bed, id, ANNA, &code).await.status, StatusCode::TOO_MANY_REQUESTS);
    }
}

#[tokio::test]
async fn who_came_through_a_link_is_counted_for_who_passed_it_on() {
    for bed in Bed::all().await {
        let id = bed.giveaway(Plan::default()).await;
        enter(&bed, id, ANNA).await;
        let anna = entry_of(&bed, id, ANNA).await;
        let name = referral_of(&bed.service().link_key, anna.entry_id());
        let page = get(&bed, &format!("/g/{id}?ref={name}")).await;
        page.says(&format!("name=\"referred_by\" value=\"{name}\"")).says_nothing_of("anna@");
        let friend = |email, by| {
            [
                ("email", email),
                ("name", ""),
                ("country", "DE"),
                ("birth_year", "1990"),
                ("referred_by", by),
            ]
        };
        let path = format!("/g/{id}/enter");
        post(&bed, &path, &friend("ben@example.org", &name)).await;
        assert_eq!(entry_of(&bed, id, "ben@example.org").await.referred_by.as_deref(), Some(ANNA));
        // A link of another giveaway says nothing here.
        let other = bed.giveaway(Plan::default()).await;
        post(&bed, &format!("/g/{other}/enter"), &friend("ben@example.org", &name)).await;
        assert_eq!(entry_of(&bed, other, "ben@example.org").await.referred_by, None);
    }
}

#[tokio::test]
async fn strangers_and_other_sites_are_welcome() {
    let bed = Bed::all().await.remove(0);
    get(&bed, "/").await.says("Funded before launch").says("/register").says("og:title");
    let id = bed.giveaway(Plan::default()).await;
    let raw = async |path: &str| send(&bed, Request::get(path).body(Body::empty()).unwrap()).await;
    raw(&format!("/verify?giveaway={id}"))
        .await
        .says(&format!("transcript=\"/api/giveaway/v1/giveaways/{id}/transcript\""));
    raw("/verify?giveaway=%22%3E%3Cscript%3E").await.says_nothing_of("transcript=\"");
    let widget = raw(&format!("/embed/{id}")).await;
    widget.says("Summer").says("Enter the giveaway").says("noindex");
    let policy = widget.header(header::CONTENT_SECURITY_POLICY);
    assert!(policy.contains("frame-ancestors *") && policy.contains("script-src 'self'"));
    assert_eq!(raw(&format!("/embed/{}", GiveawayId::new())).await.status, StatusCode::NOT_FOUND);
    let page = get(&bed, &format!("/g/{id}")).await;
    assert!(!page.headers.contains_key(header::CONTENT_SECURITY_POLICY), "the edge adds it");
    page.says("og:description").says("<hs-countdown").says("data-live=\"entrants\"");
}
