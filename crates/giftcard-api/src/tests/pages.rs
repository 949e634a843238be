//! The pages as a browser without JavaScript uses them: forms, redirects and a cookie.

use axum::{body::Body, response::Response};
use http::{Request, StatusCode, header};
use http_body_util::BodyExt as _;
use jiff::SignedDuration;

use super::world::{ADMIN, Shop, World, text};

/// A browser with one cookie.
struct Browser<'a> {
    world: &'a World,
    cookie: String,
}

/// A page.
struct Seen {
    status: StatusCode,
    location: Option<String>,
    html: String,
}

impl Seen {
    #[track_caller]
    fn shows(&self, words: &str) {
        assert!(self.html.contains(words), "{words:?} in {}", self.html);
    }

    /// The value of a hidden or text field.
    #[track_caller]
    fn field(&self, name: &str) -> String {
        let from = self.html.find(&format!("name=\"{name}\"")).expect(name);
        let rest = &self.html[from..];
        let from = rest.find("value=\"").expect(name) + "value=\"".len();
        rest[from..].split('"').next().unwrap().to_owned()
    }
}

impl<'a> Browser<'a> {
    async fn signed_in(world: &'a World, shop: &Shop) -> Self {
        let mut browser = Self { world, cookie: String::new() };
        let answer = browser.raw("POST", "/till/session", &[("token", &shop.token)]).await;
        assert_eq!(answer.status(), StatusCode::SEE_OTHER);
        let cookie = answer.headers()[header::SET_COOKIE].to_str().unwrap().to_owned();
        for needed in ["HttpOnly", "SameSite=Strict", "Path=/;"] {
            assert!(cookie.contains(needed), "{cookie}");
        }
        browser.cookie = cookie.split(';').next().unwrap().to_owned();
        browser
    }

    async fn raw(&self, method: &str, path: &str, fields: &[(&str, &str)]) -> Response {
        let body: Vec<String> =
            fields.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::COOKIE, &self.cookie)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(body.join("&")))
            .unwrap();
        self.world.send(request).await
    }

    async fn see(answer: Response) -> Seen {
        let (status, headers) = (answer.status(), answer.headers().clone());
        let bytes = answer.into_body().collect().await.unwrap().to_bytes();
        if status == StatusCode::OK {
            assert_eq!(headers[header::CACHE_CONTROL], "no-store");
        }
        Seen {
            status,
            location: headers.get(header::LOCATION).map(|to| to.to_str().unwrap().to_owned()),
            html: String::from_utf8(bytes.to_vec()).unwrap(),
        }
    }

    async fn get(&self, path: &str) -> Seen {
        Self::see(self.raw("GET", path, &[]).await).await
    }

    async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Seen {
        Self::see(self.raw("POST", path, fields).await).await
    }
}

pub(super) fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => {
                char::from(byte).to_string()
            }
            byte => format!("%{byte:02X}"),
        })
        .collect()
}

#[tokio::test]
async fn a_merchant_redeems_takes_back_and_is_paid() {
    for world in World::each().await {
        let shop = world.shop().await;
        let (_, code) = world.card_code(&shop, 2_500).await;
        let browser = Browser::signed_in(&world, &shop).await;
        browser.get("/till").await.shows("Café Sonne");
        let card = browser.post("/till/card", &[("code", &code.to_lowercase())]).await;
        card.shows("25.00 EUR");
        assert!(!card.html.contains(&code), "the code does not come back");
        assert_eq!(card.field("amount"), "25.00");
        let ticket = card.field("ticket");

        // The form is sent twice: one redemption, one receipt.
        let mut receipts = Vec::new();
        for _ in 0..2 {
            let sent = browser
                .post("/till/redemptions", &[("ticket", &ticket), ("amount", "10,50")])
                .await;
            assert_eq!(sent.status, StatusCode::SEE_OTHER, "{}", sent.html);
            receipts.push(sent.location.unwrap());
        }
        // And once more with another amount.
        let sent = browser.post("/till/redemptions", &[("ticket", &ticket), ("amount", "1")]).await;
        receipts.push(sent.location.unwrap());
        receipts.dedup();
        assert_eq!(receipts.len(), 1);
        let receipt = browser.get(&receipts[0]).await;
        receipt.shows("10.50 EUR");
        receipt.shows("14.50 EUR");

        let form = receipt.field("form");
        for _ in 0..2 {
            let path = format!("{}/reversals", receipts[0]);
            let sent = browser.post(&path, &[("form", &form), ("amount", "0.50")]).await;
            assert_eq!(sent.status, StatusCode::SEE_OTHER, "{}", sent.html);
        }
        browser.get(&receipts[0]).await.shows("15.00 EUR");
        browser.get("/till").await.shows("0.50 EUR");

        let settlements = browser.get("/till/settlements").await;
        settlements.shows("10.00 EUR");
        let form = settlements.field("form");
        for _ in 0..2 {
            let sent =
                browser.post("/till/settlements", &[("form", &form), ("currency", "EUR")]).await;
            assert_eq!(sent.status, StatusCode::SEE_OTHER, "{}", sent.html);
        }
        world.send_due().await;
        let settlements = browser.get("/till/settlements").await;
        settlements.shows(">paid");
        statement_says_the_same(&world, &browser, &settlements, &receipts[0]).await;
        settlements.shows("Nothing waits");
        assert_eq!(world.bank.paid_minor(), 1_000);
        world.assert_sound().await;
    }
}

/// The statement of the one settlement, as a page and as a file.
async fn statement_says_the_same(world: &World, browser: &Browser<'_>, list: &Seen, receipt: &str) {
    let path = list.html.split("href=\"/till/settlements/").nth(1).unwrap();
    let path = format!("/till/settlements/{}", path.split('"').next().unwrap());
    let page = browser.get(&path).await;
    for words in [receipt, ">redeemed<", ">taken back<", "10.50 EUR", "-0.50 EUR", "paid"] {
        page.shows(words);
    }
    let file = browser.get(&format!("{path}/statement.csv")).await;
    assert_eq!(file.html.lines().count(), 1 + 2 + 1 + 1, "{}", file.html);
    let stranger = Browser::signed_in(world, &world.shop().await).await;
    for path in [path.clone(), format!("{path}/statement.csv")] {
        assert_eq!(stranger.get(&path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn mistakes_are_told_beside_a_fresh_form() {
    let world = &World::sqlite().await;
    let shop = world.shop().await;
    let (_, code) = world.card_code(&shop, 500).await;
    let browser = Browser::signed_in(world, &shop).await;
    let seen = browser.post("/till/card", &[("code", "7777")]).await;
    assert_eq!(seen.status, StatusCode::UNPROCESSABLE_ENTITY);
    seen.shows("27 characters");
    let card = browser.post("/till/card", &[("code", &code)]).await;
    for (amount, words) in
        [("5,01", "The card has 5.00 EUR left"), ("abc", "amount such as"), ("0", "more than 0")]
    {
        let seen = browser
            .post("/till/redemptions", &[("ticket", &card.field("ticket")), ("amount", amount)])
            .await;
        assert_eq!(seen.status, StatusCode::UNPROCESSABLE_ENTITY);
        seen.shows(words);
        assert_ne!(seen.field("ticket"), card.field("ticket"));
    }
    let seen = browser.post("/till/redemptions", &[("ticket", &card.field("ticket"))]).await;
    assert_eq!(seen.status, StatusCode::BAD_REQUEST);
    world.pass(SignedDuration::from_mins(15));
    let late = [("ticket", card.field("ticket")), ("amount", "1".to_owned())];
    let late = late.each_ref().map(|(name, value)| (*name, value.as_str()));
    assert_eq!(browser.post("/till/redemptions", &late).await.status, StatusCode::GONE);
}

#[tokio::test]
async fn the_till_is_its_merchants_own_and_the_session_ends() {
    let world = &World::sqlite().await;
    let (ours, theirs) = (world.shop().await, world.shop().await);
    let (_, code) = world.card_code(&ours, 500).await;
    let redeemed = world.redeem(&ours, &code, 100).await.expect(StatusCode::CREATED);
    let receipt = format!("/till/redemptions/{}", text(&redeemed, "id"));
    let (us, them) =
        (Browser::signed_in(world, &ours).await, Browser::signed_in(world, &theirs).await);
    assert_eq!(them.get(&receipt).await.status, StatusCode::NOT_FOUND);
    assert_eq!(
        them.post("/till/card", &[("code", &code)]).await.status,
        StatusCode::UNPROCESSABLE_ENTITY
    );
    let ticket = us.post("/till/card", &[("code", &code)]).await.field("ticket");
    let stolen = them.post("/till/redemptions", &[("ticket", &ticket), ("amount", "1")]).await;
    assert_eq!(stolen.status, StatusCode::NOT_FOUND);

    assert_eq!(us.get(&receipt).await.status, StatusCode::OK);
    assert_eq!(us.post("/till/sign-out", &[]).await.status, StatusCode::SEE_OTHER);
    assert_eq!(us.get(&receipt).await.location.as_deref(), Some("/till"));
    world.pass(SignedDuration::from_hours(12));
    assert_eq!(them.get("/till/settlements").await.location.as_deref(), Some("/till"));
    let stranger = Browser { world, cookie: String::new() };
    stranger.get("/till").await.shows("Your access token");
    let seen = stranger.post("/till/session", &[("token", "hs_test_guess")]).await;
    assert_eq!(seen.status, StatusCode::UNAUTHORIZED);
    for path in ["/till/card", "/till/redemptions", "/till/settlements"] {
        assert_eq!(stranger.post(path, &[]).await.location.as_deref(), Some("/till"), "{path}");
    }
}

#[tokio::test]
async fn a_winner_sees_the_card_once() {
    let world = &World::sqlite().await;
    let shop = world.shop().await;
    let card_id = world.card(&shop, 500).await;
    let request = contracts::giftcard::MintRevealTokenRequest { card_id };
    let token = world.rpc().mint_reveal_token(request).await.unwrap().into_inner().token;
    let winner = Browser { world, cookie: String::new() };
    for _ in 0..2 {
        let asked = winner.get(&format!("/card?token={token}")).await;
        assert_eq!(asked.field("token"), token, "opening the link uses nothing up");
    }
    winner.get("/card").await.shows("The token that you got");
    let seen = winner.post("/card", &[("token", &token)]).await;
    seen.shows("<svg");
    seen.shows("5.00 EUR");
    seen.shows("Café Sonne");
    let inline = seen.html.replace(r#"<script type="module" src="/assets/"#, "");
    assert!(!inline.contains("style=") && !inline.contains("<script"), "the policy forbids both");
    let again = winner.post("/card", &[("token", &token)]).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    again.shows("used already");
    let css =
        seen.html.split("rel=\"stylesheet\" href=\"").nth(1).unwrap().split('"').next().unwrap();
    let css = winner.raw("GET", css, &[]).await;
    assert_eq!(css.headers()[header::CONTENT_TYPE], "text/css; charset=utf-8");
}

#[tokio::test]
async fn a_winner_is_told_that_a_card_was_cancelled() {
    let world = &World::sqlite().await;
    let shop = world.shop().await;
    let card_id = world.card(&shop, 500).await;
    let request = contracts::giftcard::MintRevealTokenRequest { card_id: card_id.clone() };
    let token = world.rpc().mint_reveal_token(request).await.unwrap().into_inner().token;
    let note = serde_json::json!({ "note": "the shop burned down" });
    let voided = world.post(&format!("/admin/cards/{card_id}/void"), ADMIN, "v", note).await;
    voided.expect(StatusCode::OK);
    let winner = Browser { world, cookie: String::new() };
    let seen = winner.post("/card", &[("token", &token)]).await;
    seen.shows("This card was cancelled");
    seen.shows("0.00 EUR");
    assert!(!seen.html.contains("to be spent at"), "{}", seen.html);
}
