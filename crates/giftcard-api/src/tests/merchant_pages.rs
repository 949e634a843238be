//! What a merchant sees of itself: with the till's token, and with an account.

use std::sync::{Arc, Mutex};

use axum::body::Body;
use contracts::giveaway::{
    SignOutRequest, SignOutResponse, SignedIn, WhoIsRequest, WhoIsResponse,
    account_service_server::{AccountService, AccountServiceServer},
};
use durable_grpc::Target;
use http::{Request, StatusCode, header};
use http_body_util::BodyExt as _;
use jiff::SignedDuration;
use tonic::{Response, Status};

use super::{
    pages::encoded,
    world::{DESTINATION, Shop, World, text},
};

/// Whoever is signed in.
#[derive(Clone, Default)]
pub(super) struct Accounts(pub(super) Arc<Mutex<SignedIn>>);

#[tonic::async_trait]
impl AccountService for Accounts {
    async fn who_is(
        &self,
        _: tonic::Request<WhoIsRequest>,
    ) -> Result<Response<WhoIsResponse>, Status> {
        let signed_in = Some(self.0.lock().unwrap().clone());
        Ok(Response::new(WhoIsResponse { signed_in }))
    }

    async fn sign_out(
        &self,
        _: tonic::Request<SignOutRequest>,
    ) -> Result<Response<SignOutResponse>, Status> {
        Ok(Response::new(SignOutResponse {}))
    }
}

/// What came back: status, where to, and the text.
pub(super) type Came = (StatusCode, String, String);

/// A request with this cookie.
pub(super) async fn ask(
    world: &World,
    cookie: &str,
    path: &str,
    form: Option<&[(&str, &str)]>,
) -> Came {
    let method = if form.is_some() { "POST" } else { "GET" };
    let fields = form.unwrap_or_default().iter();
    let body: Vec<String> =
        fields.map(|(name, value)| format!("{name}={}", encoded(value))).collect();
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::COOKIE, cookie)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from(body.join("&")));
    let response = world.send(request.unwrap()).await;
    let place = response.headers().get(header::LOCATION);
    let place = place.map(|place| place.to_str().unwrap().to_owned()).unwrap_or_default();
    let status = response.status();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    (status, place, String::from_utf8(bytes.to_vec()).unwrap())
}

/// Connects accounts; whoever has the cookie `handsel` is signed in as what is set.
pub(super) fn accounts(world: &World) -> Accounts {
    let accounts = Accounts::default();
    let server = AccountServiceServer::new(accounts.clone());
    world.app.connect_accounts(Target::in_process(server).channel());
    accounts
}

async fn till_cookie(world: &World, shop: &Shop) -> String {
    let body = Body::from(format!("token={}", shop.token));
    let request = Request::post("/till/session")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(body);
    let answer = world.send(request.unwrap()).await;
    let cookie = answer.headers()[header::SET_COOKIE].to_str().unwrap();
    cookie.split(';').next().unwrap().to_owned()
}

/// The value of the hidden field `csrf`.
pub(super) fn csrf(html: &str) -> String {
    let rest = html.split("name=\"csrf\" value=\"").nth(1).expect("no form");
    rest.split('"').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_merchant_finds_its_redemptions_day_by_day() {
    for world in World::each().await {
        let world = &world;
        let shop = world.shop().await;
        let (_, code) = world.card_code(&shop, 5_000).await;
        let cookie = &till_cookie(world, &shop).await;
        let (_, _, empty) = ask(world, cookie, "/merchant", None).await;
        assert!(empty.contains("None yet") && !empty.contains("<rect"), "{empty}");
        world.redeem(&shop, &code, 100).await.expect(StatusCode::CREATED);
        let first = world.clock.now().strftime("%Y-%m-%d").to_string();
        world.pass(SignedDuration::from_hours(24));
        let cookie = &till_cookie(world, &shop).await;
        for _ in 0..51 {
            world.redeem(&shop, &code, 10).await.expect(StatusCode::CREATED);
        }
        let second = world.clock.now().strftime("%Y-%m-%d").to_string();

        let (_, _, home) = ask(world, cookie, "/merchant", None).await;
        assert_eq!(home.matches("<rect").count(), 2, "{home}");
        assert!(home.contains("6.10 EUR") && home.contains("at most 5.10 EUR"), "{home}");

        let rows = |html: &str| html.matches("the receipt of").count();
        let (_, _, newest) = ask(world, cookie, "/till/redemptions", None).await;
        assert_eq!(rows(&newest), 50);
        let older = newest.split("&amp;after=").nth(1).unwrap().split('"').next().unwrap();
        let path = format!("/till/redemptions?day=&after={older}");
        assert_eq!(rows(&ask(world, cookie, &path, None).await.2), 2);
        for (day, count) in [(&first, 1), (&second, 51)] {
            let path = format!("/till/redemptions?day={day}");
            assert_eq!(rows(&ask(world, cookie, &path, None).await.2), count.min(50), "{day}");
            let path = format!("/till/redemptions.csv?day={day}");
            let (_, _, file) = ask(world, cookie, &path, None).await;
            assert_eq!(file.lines().count(), count + 1, "{file}");
        }
        let (_, _, all) = ask(world, cookie, "/till/redemptions.csv", None).await;
        assert_eq!(all.lines().count(), 53);

        let (status, _, page) = ask(world, cookie, "/till/redemptions?day=soon", None).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(page.contains("A day looks like"), "{page}");
        let other = till_cookie(world, &world.shop().await).await;
        let (_, _, theirs) = ask(world, &other, "/till/redemptions.csv", None).await;
        assert_eq!(theirs.lines().count(), 1, "{theirs}");
    }
}

#[tokio::test]
async fn products_are_offered_and_closed_by_forms_of_the_page() {
    let world = &World::sqlite().await;
    let shop = world.shop().await;
    let cookie = &till_cookie(world, &shop).await;
    let (_, _, page) = ask(world, cookie, "/till/products", None).await;
    let token = csrf(&page);
    let form = |token: &str, min: &str| {
        [
            ("csrf", token),
            ("name", "Tea for <two>"),
            ("currency", "EUR"),
            ("min", min),
            ("max", "20"),
            ("years", "5"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
    };
    let send = async |token: &str, min: &str| {
        let form = form(token, min);
        let form = form.each_ref().map(|(name, value)| (name.as_str(), value.as_str()));
        ask(world, cookie, "/till/products", Some(&form)).await
    };
    assert_eq!(send("guess", "5").await.0, StatusCode::FORBIDDEN);
    let (status, _, page) = send(&token, "50").await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.contains("The largest value must be at least"), "{page}");
    assert!(page.contains("value=\"50\""), "what was typed stays: {page}");
    assert_eq!(send(&token, "5").await.0, StatusCode::SEE_OTHER);
    let (_, _, page) = ask(world, cookie, "/till/products", None).await;
    assert!(
        page.contains("Tea for &#60;two&#62;") && page.contains("5.00 EUR to 20.00 EUR"),
        "{page}"
    );

    let close = format!("/till/products/{}/close", shop.product);
    let (_, _, asked) = ask(world, cookie, &close, None).await;
    assert!(asked.contains("cannot be opened again"), "{asked}");
    let (status, ..) = ask(world, cookie, &close, Some(&[("csrf", "guess")])).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    let theirs = &till_cookie(world, &world.shop().await).await;
    let other = csrf(&ask(world, theirs, "/till/products", None).await.2);
    assert_eq!(ask(world, theirs, &close, None).await.0, StatusCode::NOT_FOUND);
    let (status, ..) = ask(world, theirs, &close, Some(&[("csrf", &other)])).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let listed = world.get("/products", &shop.token).await.expect(StatusCode::OK);
    assert!(!listed.to_string().contains("closed"), "{listed}");
    let (status, ..) = ask(world, cookie, &close, Some(&[("csrf", &token)])).await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    let listed = world.get("/products", &shop.token).await.expect(StatusCode::OK);
    assert!(listed.to_string().contains("closed"), "{listed}");
}

#[tokio::test]
async fn where_a_merchant_is_paid_only_a_person_changes_who_was_just_asked() {
    let world = &World::sqlite().await;
    let shop = world.shop().await;
    let till = &till_cookie(world, &shop).await;
    let change = "/till/payouts/change";
    let (_, _, seen) = ask(world, till, "/till/payouts", None).await;
    assert!(seen.contains(DESTINATION) && !seen.contains(change), "{seen}");
    let token = csrf(&ask(world, till, "/till/products", None).await.2);
    let named = [("csrf", token.as_str()), ("destination", "acct_thief")];
    assert_eq!(ask(world, till, change, Some(&named)).await.0, StatusCode::FORBIDDEN);

    let accounts = accounts(world);
    let signed_in = |is_recent| SignedIn {
        merchant_id: shop.merchant.clone(),
        form_token: "f0".to_owned(),
        is_recent,
        ..SignedIn::default()
    };
    let cookie = "handsel=hs_session_1";
    let named = [("csrf", "f0"), ("destination", "acct_new")];
    *accounts.0.lock().unwrap() = signed_in(false);
    for form in [None, Some(&named[..])] {
        let (status, place, _) = ask(world, cookie, change, form).await;
        assert_eq!(status, StatusCode::SEE_OTHER);
        assert_eq!(place, "/confirm-it-is-you?next=/till/payouts/change");
    }
    *accounts.0.lock().unwrap() = signed_in(true);
    assert_eq!(csrf(&ask(world, cookie, change, None).await.2), "f0");
    let forged = [("csrf", "f1"), ("destination", "acct_thief")];
    assert_eq!(ask(world, cookie, change, Some(&forged)).await.0, StatusCode::FORBIDDEN);
    let bad = [("csrf", "f0"), ("destination", "a b")];
    let (status, _, page) = ask(world, cookie, change, Some(&bad)).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.contains("without spaces"), "{page}");
    let me = async || world.get("/merchants/me", &shop.token).await.expect(StatusCode::OK);
    assert_eq!(me().await["next_payout_destination"], serde_json::Value::Null);
    assert_eq!(ask(world, cookie, change, Some(&named)).await.0, StatusCode::SEE_OTHER);
    assert_eq!(text(&me().await["next_payout_destination"], "destination"), "acct_new");
    let (_, _, seen) = ask(world, cookie, "/till/payouts", None).await;
    assert!(seen.contains("acct_new") && seen.contains(DESTINATION), "{seen}");
    let (status, ..) = ask(world, cookie, "/till/payouts/keep", Some(&[("csrf", "f0")])).await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    assert_eq!(me().await["next_payout_destination"], serde_json::Value::Null);
}
