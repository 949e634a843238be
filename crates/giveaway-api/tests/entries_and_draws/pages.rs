//! The pages, as a browser without scripts gets them.

use axum::{
    body::Body,
    http::{HeaderMap, Request, StatusCode, header},
};
use draw::receipt::Receipt;
use giveaway_api::{
    actions::{
        claim_prize::CLAIM, commit_draw::commit_due, confirm_entry::CONFIRM, draw_winners::draw_due,
    },
    domain::{giveaway::GiveawayState, winner::WinnerState},
    ids::GiveawayId,
    store::{entry, entry_count, giveaway, winner},
};
use http_body_util::BodyExt as _;
use jiff::SignedDuration;
use platform::token::mint_link;
use sea_orm::{ActiveModelTrait as _, ActiveValue::Set, IntoActiveModel as _};
use tower::ServiceExt as _;

use crate::support::{Bed, CLAIM_SECONDS, LEAD_SECONDS, OPEN_SECONDS, Plan, REVIEW_SECONDS};

const FREEZE: i64 = OPEN_SECONDS + REVIEW_SECONDS as i64;
/// The round is public a period after the draw time at the latest.
const DRAW: i64 = FREEZE + LEAD_SECONDS as i64 + 3;

/// What somebody could write to run a script on a page.
const HOSTILE: &str = "</title></textarea>\"'><script>alert(1)</script>";

/// An answer that is a page, or a file.
pub(crate) struct Page {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) html: String,
}

impl Page {
    pub(crate) fn header(&self, name: header::HeaderName) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    #[track_caller]
    pub(crate) fn says(&self, text: &str) -> &Self {
        assert!(self.html.contains(text), "{text:?} is not on the page:\n{}", self.html);
        self
    }

    #[track_caller]
    pub(crate) fn says_nothing_of(&self, text: &str) -> &Self {
        assert!(!self.html.contains(text), "{text:?} is on the page:\n{}", self.html);
        self
    }

    /// What every page must be, whatever was written into it.
    #[track_caller]
    fn is_well_made(&self) {
        let html = &self.html;
        assert!(self.header(header::CONTENT_TYPE).starts_with("text/html"), "{html}");
        // The content security policy forbids all of these, and hostile text would need them.
        let ours = [r#"<script type="module" src="/assets/"#, r#"<script src="/assets/"#];
        let html = &ours.iter().fold(html.clone(), |html, ours| html.replace(ours, ""));
        for forbidden in ["<script", "<style", " style=", " onclick", " onload", "javascript:"] {
            assert!(!html.contains(forbidden), "{forbidden}: {html}");
        }
        assert_eq!(html.matches("<h1").count(), 1, "{html}");
        assert!(
            html.contains("<html lang=\"en\">") && html.contains("class=\"skip\" href=\"#main\"")
        );
        // Every field that is seen has a label, and every form goes back to us.
        for field in ["<input id=\"", "<select id=\"", "<textarea id=\""] {
            for after in html.split(field).skip(1) {
                let id = after.split('"').next().unwrap();
                assert!(html.contains(&format!("<label for=\"{id}\"")), "{id}: {html}");
            }
        }
        let hidden = html.matches("<input type=\"hidden\"").count();
        assert_eq!(html.matches("<input").count(), hidden + html.matches("<input id=").count());
        assert_eq!(
            html.matches("<form").count(),
            html.matches("method=\"post\" action=\"/").count()
        );
    }
}

pub(crate) async fn send(bed: &Bed, request: Request<Body>) -> Page {
    let response = bed.app.router.clone().oneshot(request).await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    // A token in the address of a redirect would stand in histories and logs.
    assert!(!headers.contains_key(header::LOCATION));
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    Page { status, headers, html: String::from_utf8(bytes.to_vec()).unwrap() }
}

pub(crate) async fn get(bed: &Bed, path: &str) -> Page {
    let page = send(bed, Request::get(path).body(Body::empty()).unwrap()).await;
    page.is_well_made();
    page
}

async fn post_raw(bed: &Bed, path: &str, fields: &[(&str, &str)]) -> Page {
    let mut form = String::new();
    for (name, value) in fields {
        let value: String = value.bytes().map(|byte| format!("%{byte:02X}")).collect();
        form.push_str(&format!("{}{name}={value}", if form.is_empty() { "" } else { "&" }));
    }
    let request = Request::post(path)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from(form));
    send(bed, request.unwrap()).await
}

pub(crate) async fn post(bed: &Bed, path: &str, fields: &[(&str, &str)]) -> Page {
    let page = post_raw(bed, path, fields).await;
    page.is_well_made();
    assert_eq!(page.header(header::CACHE_CONTROL), "no-store", "{path}");
    page
}

pub(crate) async fn enter(bed: &Bed, id: GiveawayId, email: &str) -> Page {
    let fields = [
        ("email", email),
        ("name", "Anna"),
        ("country", "DE"),
        ("birth_year", "1990"),
        ("referred_by", ""),
    ];
    post(bed, &format!("/g/{id}/enter"), &fields).await
}

async fn change(bed: &Bed, id: GiveawayId, edit: impl FnOnce(&mut giveaway::ActiveModel)) {
    let row = giveaway::find(bed.db.read(), id).await.unwrap().unwrap();
    let mut row = row.into_active_model();
    edit(&mut row);
    row.update(bed.db.write()).await.unwrap();
}

/// Brings a giveaway with that many verified entrants to its draw.
async fn drawn(bed: &Bed, plan: Plan, persons: u32) -> GiveawayId {
    let id = bed.giveaway(plan).await;
    bed.enter_verified(id, persons).await;
    bed.advance_to(FREEZE);
    bed.close(id).await;
    commit_due(bed.service()).await.unwrap();
    bed.advance_to(DRAW);
    draw_due(bed.service()).await.unwrap();
    assert_eq!(bed.state(id).await, GiveawayState::Drawn);
    id
}

/// The link in a winner's mail.
fn claim_link(bed: &Bed, winner: &winner::Model, seconds: i64) -> String {
    let end = bed.clock.now() + SignedDuration::from_secs(seconds);
    mint_link(&bed.service().link_key, CLAIM, winner.id, end)
}

#[tokio::test]
async fn the_page_of_an_open_giveaway_says_what_can_be_won_and_lets_one_enter() {
    for bed in Bed::all().await {
        let id = bed.giveaway(Plan::default()).await;
        enter(&bed, id, "anna@example.org").await;
        let page = get(&bed, &format!("/g/{id}")).await;
        assert_eq!(page.status, StatusCode::OK, "{}", bed.db);
        assert_eq!(page.header(header::CACHE_CONTROL), "no-cache");
        page.says("<title>Summer · Handsel</title>")
            .says("Open for entries")
            .says("<dt>in prizes</dt><dd>€50</dd>")
            .says("<dt>entries</dt><dd data-live=\"entrants\">1</dd>")
            .says("<dt>confirmed</dt><dd data-live=\"verified\">0</dd>")
            .says("Gift card for Bookshop")
            .says("Prize funds reserved.")
            .says("Test mode.")
            .says("<time datetime=\"2027-01-15T09:00:00Z\">15 January 2027, 09:00 UTC</time>")
            .says(&format!("action=\"/g/{id}/enter\""))
            .says("<option value=\"DE\">Germany</option>")
            .says("proves nothing about fairness");
        let rules = giveaway::find(bed.db.read(), id).await.unwrap().unwrap().rules().unwrap();
        page.says(&rules.hash().to_string()).says(&format!("Round {}", rules.round));
        for word in ["bank", "trust", "guarantee"] {
            assert!(!page.html.to_lowercase().contains(word), "{word}");
        }
    }
}

#[tokio::test]
async fn each_state_has_its_words_and_only_an_open_giveaway_a_form() {
    for bed in Bed::all().await {
        let check = async |state, words: &str, is_funded: bool| {
            let id = bed.giveaway(Plan { state, ..Plan::default() }).await;
            let page = get(&bed, &format!("/g/{id}")).await;
            assert_eq!(page.status, StatusCode::OK, "{state}");
            page.says(words);
            assert_eq!(page.html.contains("Prize funds reserved."), is_funded, "{state}");
            let takes_entries = state == GiveawayState::Open;
            assert_eq!(page.html.contains("/enter\""), takes_entries, "{state}");
        };
        check(GiveawayState::Scheduled, "Opens soon", true).await;
        check(GiveawayState::Open, "Open for entries", true).await;
        check(GiveawayState::Closed, "Entries are closed", true).await;
        check(GiveawayState::Cancelling, "Called off", false).await;
        check(GiveawayState::Cancelled, "Called off", false).await;
        check(GiveawayState::Completed, "Completed", false).await;
        for state in [GiveawayState::Draft, GiveawayState::Funding] {
            let id = bed.giveaway(Plan { state, ..Plan::default() }).await;
            let page = get(&bed, &format!("/g/{id}")).await;
            assert_eq!(page.status, StatusCode::NOT_FOUND, "{state}");
        }
        assert_eq!(get(&bed, "/g/gvw_1").await.status, StatusCode::NOT_FOUND);
        assert_eq!(
            get(&bed, &format!("/g/{}", GiveawayId::new())).await.status,
            StatusCode::NOT_FOUND
        );
    }
}

#[tokio::test]
async fn what_others_write_stays_text() {
    for bed in Bed::all().await {
        let id = bed.giveaway(Plan::default()).await;
        change(&bed, id, |row| {
            row.title = Set(HOSTILE.to_owned());
            row.description = Set(format!("One\n\n{HOSTILE}"));
        })
        .await;
        let escaped = "&#60;script&#62;alert(1)&#60;/script&#62;";
        // Every request ends in the check that there is no script on the page.
        get(&bed, &format!("/g/{id}?ref=%22%3E%3Cscript%3E")).await.says(escaped);
        let fields =
            [("email", HOSTILE), ("name", HOSTILE), ("country", HOSTILE), ("birth_year", HOSTILE)];
        post(&bed, &format!("/g/{id}/enter"), &fields).await.says(escaped);
        enter(&bed, id, "anna@example.org").await.says(escaped);
        let entry = entry::of_person(bed.db.read(), id, "anna@example.org").await.unwrap().unwrap();
        let end = bed.clock.now() + SignedDuration::from_hours(1);
        let token = mint_link(&bed.service().link_key, CONFIRM, entry.id, end);
        get(&bed, &format!("/confirm?t={token}")).await.says(escaped);
        post(&bed, "/confirm", &[("t", &token)]).await.says(escaped);
        get(&bed, "/confirm?t=%22%3E%3Cscript%3E").await;
        get(&bed, "/claim?t=%22%3E%3Cscript%3E").await;
        post(&bed, "/claim", &[("t", HOSTILE)]).await;
    }
}

#[tokio::test]
async fn what_is_wrong_stands_beside_the_field_and_nothing_written_is_lost() {
    for bed in Bed::all().await {
        let id = bed.giveaway(Plan::default()).await;
        let path = format!("/g/{id}/enter");
        let fields = [
            ("email", "anna"),
            ("name", "Anna"),
            ("country", "FR"),
            ("birth_year", "1800"),
            ("referred_by", "ben@example.org"),
        ];
        let page = post(&bed, &path, &fields).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", bed.db);
        page.says("<title>Please check your entry: Summer")
            .says("role=\"alert\"")
            .says("<a href=\"#email\">The address has no @.</a>")
            .says("value=\"anna\" aria-invalid=\"true\" aria-describedby=\"email-error\" autofocus>")
            .says("<p class=\"wrong\" id=\"email-error\">The address has no @.</p>")
            .says("value=\"1800\" aria-invalid=\"true\" aria-describedby=\"birth_year-error\">")
            .says("id=\"birth_year-error\">The birth year is not a year from 1900 to 2027.</p>")
            .says("name=\"name\" type=\"text\" autocomplete=\"name\" maxlength=\"200\" value=\"Anna\">")
            .says("<option value=\"FR\" selected>France</option>")
            .says("name=\"referred_by\" value=\"ben@example.org\"")
            .says_nothing_of("country-error");
        post(&bed, &path, &[("email", "a@example.org"), ("birth_year", "1990")])
            .await
            .says("<p class=\"wrong wide\" id=\"country-error\">The country is needed.</p>");
        assert_eq!(entry_count::read(bed.db.read(), id).await.unwrap().entries, 0);

        let json = Request::post(&path)
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from("{}"));
        let page = send(&bed, json.unwrap()).await;
        page.is_well_made();
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
        let huge = "x".repeat(20_000);
        let page = post(&bed, &path, &[("name", &huge)]).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);

        bed.advance_to(OPEN_SECONDS);
        let late = enter(&bed, id, "anna@example.org").await;
        assert_eq!(late.status, StatusCode::CONFLICT);
        late.says("The giveaway takes no more entries.");
    }
}

#[tokio::test]
async fn entering_looks_the_same_for_a_known_address() {
    for bed in Bed::all().await {
        let id = bed.giveaway(Plan::default()).await;
        let first = enter(&bed, id, " anna@example.org ").await;
        assert_eq!(first.status, StatusCode::OK, "{}", bed.db);
        first.says("Check your mail").says("<strong class=\"address\">anna@example.org</strong>");
        let again = enter(&bed, id, "anna@example.org").await;
        assert_eq!((again.status, again.html), (first.status, first.html));
        assert_eq!(entry_count::read(bed.db.read(), id).await.unwrap().entries, 1);
    }
}

#[tokio::test]
async fn only_a_button_confirms_and_the_receipt_can_be_kept() {
    for bed in Bed::all().await {
        let id = bed.giveaway(Plan::default()).await;
        enter(&bed, id, "anna@example.org").await;
        let row = entry::of_person(bed.db.read(), id, "anna@example.org").await.unwrap().unwrap();
        let end = bed.clock.now() + SignedDuration::from_hours(1);
        let token = mint_link(&bed.service().link_key, CONFIRM, row.id, end);
        let verified = async || entry_count::read(bed.db.read(), id).await.unwrap().verified;

        let link = format!("/confirm?t={token}");
        let asked = get(&bed, &link).await;
        assert_eq!(asked.header(header::CACHE_CONTROL), "no-store");
        asked
            .says("Confirm your entry")
            .says("Summer")
            .says(&format!("name=\"t\" value=\"{token}\""));
        assert_eq!(verified().await, 0, "{}: a link was followed, no button pressed", bed.db);

        let confirmed = post(&bed, "/confirm", &[("t", &token)]).await;
        assert_eq!((confirmed.status, verified().await), (StatusCode::OK, 1));
        confirmed.says("You are in");
        let text = confirmed.html.split("spellcheck=\"false\">").nth(1).unwrap();
        let text = text.split("</textarea>").next().unwrap().replace("&#34;", "\"");
        let receipt = Receipt::from_json(text.as_bytes()).unwrap();
        receipt.verify(&bed.service().instance_key.public_key()).unwrap();
        assert!(receipt.opens_to("anna@example.org"));

        let file = post_raw(&bed, "/confirm/receipt", &[("t", &token)]).await;
        assert_eq!(
            file.header(header::CONTENT_DISPOSITION),
            "attachment; filename=\"receipt.json\""
        );
        assert_eq!(file.header(header::CACHE_CONTROL), "no-store");
        assert_eq!(Receipt::from_json(file.html.as_bytes()).unwrap(), receipt);

        get(&bed, &link).await.says("Your entry is confirmed");
        assert_eq!(get(&bed, "/confirm").await.status, StatusCode::NOT_FOUND);
        bed.advance_to(3_600);
        let expired = get(&bed, &link).await;
        assert_eq!(expired.status, StatusCode::GONE);
        expired.says("The link has expired; enter once more.");
    }
}

#[tokio::test]
async fn after_the_draw_the_page_shows_the_winners_and_how_to_check_them() {
    for bed in Bed::all().await {
        let id = drawn(&bed, Plan { units: 3, alternates: 1, ..Plan::default() }, 2).await;
        let winners = winner::of_giveaway(bed.db.read(), id).await.unwrap();
        assert_eq!(winners.len(), 2, "{}", bed.db);
        let page = get(&bed, &format!("/g/{id}")).await;
        for winner in &winners {
            page.says(&format!("<code>{}</code>", winner.leaf()));
        }
        let transcript = format!("/api/giveaway/v1/giveaways/{id}/transcript");
        page.says("Winners are drawn")
            .says("not claimed yet")
            .says("nobody was left to win it")
            .says(&format!("href=\"{transcript}\" download"))
            .says(&format!("--key {}", bed.service().instance_key.public_key()))
            .says("What it cannot prove");
        let answer = bed.get(&format!("/giveaways/{id}/manifest")).await;
        page.says(answer.body["hash"].as_str().unwrap());
        assert_eq!(bed.get(&format!("/giveaways/{id}/transcript")).await.status, StatusCode::OK);
        // Nobody's address is anywhere.
        page.says_nothing_of("example.org");
    }
}

#[tokio::test]
async fn declining_is_asked_twice_and_the_page_tells_who_followed() {
    for bed in Bed::all().await {
        let id = drawn(&bed, Plan { units: 1, alternates: 1, ..Plan::default() }, 5).await;
        let winner = winner::of_giveaway(bed.db.read(), id).await.unwrap().remove(0);
        let token = claim_link(&bed, &winner, i64::from(CLAIM_SECONDS));
        let state = async || {
            winner::find(bed.db.read(), winner.winner_id()).await.unwrap().unwrap().state().unwrap()
        };

        let offered = get(&bed, &format!("/claim?t={token}")).await;
        assert_eq!(offered.header(header::CACHE_CONTROL), "no-store");
        offered
            .says("You have won")
            .says("€25")
            .says("Gift card for Bookshop")
            .says("(in 1 day)")
            .says("action=\"/claim\"")
            .says("action=\"/claim/decline\"");
        post(&bed, "/claim/decline", &[("t", &token)]).await.says("Decline the prize?");
        assert_eq!(state().await, WinnerState::Selected, "{}", bed.db);
        post(&bed, "/claim/decline", &[("t", &token), ("sure", "yes")])
            .await
            .says("You have declined");
        assert_eq!(state().await, WinnerState::Declined);

        let over = get(&bed, &format!("/claim?t={token}")).await;
        assert_eq!(over.status, StatusCode::GONE);
        over.says("You have declined this prize; it has passed on.");
        let claim = post(&bed, "/claim", &[("t", &token)]).await;
        assert_eq!(claim.status, StatusCode::GONE);
        let winners = winner::of_giveaway(bed.db.read(), id).await.unwrap();
        get(&bed, &format!("/g/{id}"))
            .await
            .says(&format!(
                "<code>{}</code>\n            <span class=\"tag wait\">",
                winners[1].leaf()
            ))
            .says(&format!("Before: <code>{}</code> declined", winner.leaf()));
    }
}

#[tokio::test]
async fn an_old_link_is_exchanged_and_a_stranger_learns_nothing() {
    for bed in Bed::all().await {
        let id = drawn(&bed, Plan { units: 1, ..Plan::default() }, 5).await;
        let winner = winner::of_giveaway(bed.db.read(), id).await.unwrap().remove(0);
        let token = claim_link(&bed, &winner, 10);
        bed.advance_to(DRAW + 20);
        let expired = get(&bed, &format!("/claim?t={token}")).await;
        assert_eq!(expired.status, StatusCode::GONE, "{}", bed.db);
        expired.says("This link has expired").says(&format!("name=\"t\" value=\"{token}\""));
        assert_eq!(post(&bed, "/claim", &[("t", &token)]).await.status, StatusCode::GONE);

        let mails = bed.mailed("winner").await;
        let told = post(&bed, "/claim/resend", &[("t", &token)]).await;
        assert_eq!((told.status, bed.mailed("winner").await), (StatusCode::OK, mails + 1));
        let id = id.to_string();
        for stranger in [
            vec![("t", "made-up")],
            vec![],
            vec![("giveaway", id.as_str()), ("email", "nobody@example.org")],
            vec![("giveaway", id.as_str()), ("email", "no address")],
        ] {
            let page = post(&bed, "/claim/resend", &stranger).await;
            assert_eq!((page.status, &page.html), (told.status, &told.html));
        }
        assert_eq!(bed.mailed("winner").await, mails + 1);
        assert_eq!(get(&bed, "/claim?t=made-up").await.status, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn a_network_that_asks_too_often_has_to_wait() {
    for bed in Bed::all().await {
        let mut last = None;
        for _ in 0..200 {
            let page = get(&bed, "/confirm?t=made-up").await;
            let is_refused = page.status == StatusCode::TOO_MANY_REQUESTS;
            last = Some(page);
            if is_refused {
                break;
            }
        }
        let refused = last.unwrap();
        assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS, "{}", bed.db);
        assert!(refused.header(header::RETRY_AFTER).parse::<u64>().unwrap() >= 1);
        // Other pages of this kind are counted together; the giveaway itself can always be seen.
        let id = bed.giveaway(Plan::default()).await;
        assert_eq!(enter(&bed, id, "anna@example.org").await.status, StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(get(&bed, &format!("/g/{id}")).await.status, StatusCode::OK);
    }
}
