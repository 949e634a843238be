//! What administrators see and do on pages, and that nobody else does.

use std::{convert::Infallible, time::Duration};

use contracts::lane;
use durable_grpc::{CallId, RawCall, Target, Worker, store::CallState};
use giveaway_api::{ids::HostId, store::host};
use http::StatusCode;
use tonic::{Status, body::Body};
use uuid::Uuid;

use crate::{administrators::first_admin, browser::Browser, house::House};

/// Every page that is only looked at.
const PAGES: [&str; 8] = [
    "/admin",
    "/admin/people",
    "/admin/hosts",
    "/admin/giveaways",
    "/admin/sagas",
    "/admin/money",
    "/admin/calls",
    "/admin/audit",
];

/// What a call carries here. It must never be shown.
const CARRIED: &str = "winner@example.org";

const LIMIT: Duration = Duration::from_secs(60);

fn key() -> String {
    Uuid::new_v4().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn administrators_see_the_installation_and_others_do_not() {
    for house in House::all().await {
        let mut ada = Browser::of(&house, "ada@example.org").await;
        let mut root = first_admin(&house).await;
        for path in PAGES {
            let page = Browser::at(&house).get(path).await;
            assert_eq!(page.leads_to(), format!("/sign-in?next={path}"), "{}", house.db);
            assert_eq!(ada.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
            let page = root.get(path).await;
            assert_eq!(page.status, StatusCode::OK, "{path}: {page:?}");
            let here = format!("<a href=\"{path}\" aria-current=\"page\">");
            assert!(page.text.contains(&here), "{path}: {page:?}");
        }
        // The neighbour is away: its numbers are not guessed.
        assert!(root.get("/admin").await.text.contains("not known right now"));
        assert!(root.get("/account").await.text.contains("href=\"/admin\""));
        assert!(!ada.get("/account").await.text.contains("href=\"/admin\""));
        let hosts = root.get("/admin/hosts").await;
        assert!(hosts.text.contains("ada@example.org"), "{hosts:?}");
        for state in ["draft", "completed"] {
            let page = root.get(&format!("/admin/giveaways?state={state}")).await;
            assert!(page.text.contains(&format!("<option selected>{state}")), "{page:?}");
        }
        let page = root.get("/admin/giveaways?state=odd").await;
        assert_eq!(page.status, StatusCode::NOT_FOUND);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_finds_somebody_and_shuts_their_account() {
    for house in House::all().await {
        let mut ada = Browser::of(&house, "ada@example.org").await;
        let mut root = first_admin(&house).await;
        let found = root.fill("/admin/people/find", &[("email", "ADA@example.org")]).await;
        assert!(found.text.contains("ada@example.org"), "{found:?}");
        assert!(!found.text.contains("root@example.org"), "{found:?}");
        let nobody = root.fill("/admin/people/find", &[("email", "eve@example.org")]).await;
        assert!(nobody.text.contains("Nobody has an account like that"), "{nobody:?}");
        let wrong = root.fill("/admin/people/find", &[("email", "ada")]).await;
        assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);

        let id = house.account("ada@example.org").await.unwrap().account_id();
        let path = format!("/admin/people/{id}/disable");
        let form = key();
        let forged = [("csrf", "guess"), ("form", form.as_str())];
        assert_eq!(root.post(&path, &forged).await.status, StatusCode::FORBIDDEN);
        let token = ada.get("/account").await.token();
        let own = [("csrf", token.as_str()), ("form", form.as_str())];
        assert_eq!(ada.post(&path, &own).await.status, StatusCode::NOT_FOUND);
        assert_eq!(ada.get("/account").await.status, StatusCode::OK, "{}", house.db);

        let page = root.fill(&path, &[]).await;
        assert_eq!(page.leads_to(), "/admin/people", "{page:?}");
        assert_eq!(ada.get("/account").await.status, StatusCode::SEE_OTHER);
        assert!(root.get("/admin/people").await.text.contains("disabled"));
        let log = house.log().await;
        assert!(log.iter().any(|entry| entry.contains("account_disabled")), "{log:?}");

        let me = house.account("root@example.org").await.unwrap().account_id();
        let page = root.fill(&format!("/admin/people/{me}/disable"), &[]).await;
        assert_eq!(page.status, StatusCode::CONFLICT);
        assert!(page.text.contains("omebody else has to"), "{page:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_moves_money_asks_first_who_is_there() {
    for house in House::all().await {
        let mut root = first_admin(&house).await;
        let host = HostId::new();
        let (name, email) = ("Bo".to_owned(), "bo@example.org".to_owned());
        host::insert(house.db.write(), host, name, email, house.clock.now()).await.unwrap();
        let path = format!("/admin/hosts/{host}/unblock");
        let page = root.fill(&path, &[]).await;
        assert_eq!(page.status, StatusCode::CONFLICT, "{page:?}");
        assert!(page.text.contains("are not blocked"), "{page:?}");
        let assign = "/admin/suspense/pay_1/assign";
        let wrong = root.fill(assign, &[("host_id", "bo"), ("note", "his")]).await;
        assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
        let host = host.to_string();
        let page = root.fill(assign, &[("host_id", host.as_str()), ("note", " ")]).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{page:?}");
        let page = root.fill(assign, &[("host_id", host.as_str()), ("note", "his")]).await;
        assert_eq!(page.status, StatusCode::NOT_FOUND, "there is no such payment: {page:?}");
        house.minutes(11);
        for path in [path.as_str(), assign] {
            let page = root.get(path).await;
            assert_eq!(page.leads_to(), format!("/confirm-it-is-you?next={path}"));
        }
    }
}

/// A call that was refused for good, and what it carries.
async fn dead_letter(house: &House) -> CallId {
    let calls = &house.service().calls;
    let call = RawCall::new(lane::GIFTCARD, contracts::method::ISSUE_CARD, CARRIED.as_bytes());
    let id = calls.submit_raw(call).await.unwrap();
    let refuse = tower::service_fn(async |_: http::Request<Body>| {
        Ok::<_, Infallible>(Status::failed_precondition("the escrow is spent").into_http::<Body>())
    });
    let worker = Worker::builder(calls).lane(lane::GIFTCARD, Target::in_process(refuse)).spawn();
    testkit::eventually(LIMIT, async || {
        let state = calls.lookup(id).await.unwrap().map(|call| call.state);
        matches!(state, Some(CallState::Ended(_)))
    })
    .await;
    worker.shutdown().await;
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_is_shown_without_its_message_replayed_and_discarded() {
    for house in House::all().await {
        let mut root = first_admin(&house).await;
        let (replayed, discarded) = (dead_letter(&house).await, dead_letter(&house).await);
        let list = root.get("/admin/calls").await;
        for id in [replayed, discarded] {
            assert!(list.text.contains(&id.to_string()), "{list:?}");
            let one = root.get(&format!("/admin/calls/{id}")).await;
            assert!(one.text.contains(contracts::method::ISSUE_CARD), "{one:?}");
            assert!(!one.text.contains(CARRIED) && !list.text.contains(CARRIED), "{one:?}");
        }
        let forged = [("csrf", "guess")];
        let path = format!("/admin/calls/{discarded}/discard");
        assert_eq!(root.post(&path, &forged).await.status, StatusCode::FORBIDDEN);
        assert_eq!(house.service().calls.stats().await.unwrap()[0].dead, 2);
        for (id, way) in [(replayed, "replay"), (discarded, "discard")] {
            let path = format!("/admin/calls/{id}/{way}");
            assert_eq!(root.fill(&path, &[]).await.leads_to(), "/admin/calls", "{way}");
            let again = root.fill(&path, &[]).await;
            assert_eq!(again.status, StatusCode::CONFLICT, "{again:?}");
            assert!(again.text.contains("no dead letter"), "{again:?}");
        }
        let stats = house.service().calls.stats().await.unwrap();
        assert_eq!((stats[0].dead, stats[0].ready), (0, 1), "{}", house.db);
        let nothing = root.get("/admin/calls/odd").await;
        assert_eq!(nothing.status, StatusCode::NOT_FOUND);
    }
}
