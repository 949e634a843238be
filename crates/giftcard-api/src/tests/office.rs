//! What administrators see and do on pages here, and that nobody else does.

use contracts::giftcard::CountMattersRequest;
use contracts::giveaway::SignedIn;
use http::StatusCode;

use super::{
    bank::Next,
    merchant_pages::{accounts, ask, csrf},
    world::{World, text},
};

const COOKIE: &str = "handsel=hs_session_1";

fn admin(is_recent: bool) -> SignedIn {
    SignedIn { is_admin: true, form_token: "f0".to_owned(), is_recent, ..SignedIn::default() }
}

/// The name of a form, under which what it does is done once.
fn name_of(html: &str) -> String {
    html.split("name=\"form\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
}

#[tokio::test]
async fn only_administrators_see_the_pages_of_administrators() {
    let world = &World::sqlite().await;
    let shop = world.shop().await;
    let pages = ["/admin/merchants", "/admin/settlements", "/admin/transfers", "/admin/alerts"];
    let accounts = accounts(world);
    for path in pages {
        let (status, place, _) = ask(world, "", path, None).await;
        assert_eq!((status, place), (StatusCode::SEE_OTHER, format!("/sign-in?next={path}")));
    }
    let merchant = SignedIn { merchant_id: shop.merchant.clone(), ..SignedIn::default() };
    *accounts.0.lock().unwrap() = merchant;
    for path in pages.into_iter().chain(["/admin/merchants/new"]) {
        assert_eq!(ask(world, COOKIE, path, None).await.0, StatusCode::NOT_FOUND, "{path}");
    }
    *accounts.0.lock().unwrap() = admin(true);
    for path in pages {
        let (status, _, html) = ask(world, COOKIE, path, None).await;
        assert_eq!(status, StatusCode::OK, "{path}");
        assert!(html.contains("aria-current"), "{html}");
    }
    let (_, _, html) = ask(world, COOKIE, "/admin/merchants", None).await;
    assert!(html.contains(&shop.merchant), "{html}");
    assert_eq!(ask(world, COOKIE, "/admin/settlements/odd", None).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_merchant_is_made_once_and_somebody_is_invited_to_its_till() {
    let world = &World::sqlite().await;
    let accounts = accounts(world);
    let new = "/admin/merchants/new";
    *accounts.0.lock().unwrap() = admin(false);
    let (_, place, _) = ask(world, COOKIE, new, None).await;
    assert_eq!(place, "/confirm-it-is-you?next=/admin/merchants/new");
    *accounts.0.lock().unwrap() = admin(true);
    let (_, _, page) = ask(world, COOKIE, new, None).await;
    let (token, form) = (csrf(&page), name_of(&page));
    let send = async |token: &str, email: &str| {
        let fields = [
            ("csrf", token),
            ("form", form.as_str()),
            ("name", "Tea & Co"),
            ("email", email),
            ("payout_destination", "acct_tea"),
        ];
        ask(world, COOKIE, new, Some(&fields)).await
    };
    assert_eq!(send("guess", "tea@example.org").await.0, StatusCode::FORBIDDEN);
    let (status, _, page) = send(&token, "tea").await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.contains("must be an email address"), "{page}");
    let (_, _, list) = ask(world, COOKIE, "/admin/merchants", None).await;
    assert!(!list.contains("Tea"), "{list}");
    let (status, first, _) = send(&token, "tea@example.org").await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    assert!(first.starts_with("/account/invite?merchant_id=mer_"), "{first}");
    assert_eq!(send(&token, "tea@example.org").await.1, first, "sent twice, made once");
    let (_, _, list) = ask(world, COOKIE, "/admin/merchants", None).await;
    assert_eq!(list.matches("tea@example.org").count(), 1, "{list}");
}

#[tokio::test]
async fn a_failed_settlement_is_given_up_with_a_reason() {
    for world in World::each().await {
        let world = &world;
        let accounts = accounts(world);
        *accounts.0.lock().unwrap() = admin(true);
        let shop = world.shop().await;
        let (_, code) = world.card_code(&shop, 2_000).await;
        world.redeem(&shop, &code, 1_500).await.expect(StatusCode::CREATED);
        let requested = world.request_settlement(&shop).await.body;
        let id = text(&requested, "id");
        let path = format!("/admin/settlements/{id}");
        let (_, _, page) = ask(world, COOKIE, &path, None).await;
        assert!(!page.contains("Give it up") && page.contains("Resolve"), "{page}");
        world.bank.script([Next::Refuse("closed_account")]);
        world.send_due().await;
        let told = world.rpc().count_matters(CountMattersRequest {}).await.unwrap().into_inner();
        assert_eq!(told.failed_settlements, 1);
        let (_, _, page) = ask(world, COOKIE, &path, None).await;
        assert!(page.contains("Give it up") && !page.contains("Resolve"), "{page}");
        let cancel = format!("{path}/cancel");
        let (_, _, page) = ask(world, COOKIE, &cancel, None).await;
        let form = name_of(&page);
        let send = async |token: &str, note: &str| {
            let fields = [("csrf", token), ("form", form.as_str()), ("note", note)];
            ask(world, COOKIE, &cancel, Some(&fields)).await
        };
        assert_eq!(send("guess", "closed account").await.0, StatusCode::FORBIDDEN);
        assert_eq!(send("f0", " ").await.0, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(world.settlement(&shop, &id).await["state"], "failed");
        for _ in 0..2 {
            assert_eq!(send("f0", "closed account").await.1, path);
        }
        assert_eq!(world.settlement(&shop, &id).await["state"], "cancelled");
        let (_, _, page) = ask(world, COOKIE, &cancel, None).await;
        let again = [("csrf", "f0"), ("form", &super::office::name_of(&page)), ("note", "again")];
        let (status, _, page) = ask(world, COOKIE, &cancel, Some(&again)).await;
        assert_eq!(status, StatusCode::CONFLICT);
        assert!(page.contains("cancelled already"), "{page}");
        let told = world.rpc().count_matters(CountMattersRequest {}).await.unwrap().into_inner();
        assert_eq!(told.failed_settlements, 0);
    }
}
