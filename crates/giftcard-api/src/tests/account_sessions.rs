//! The till of somebody who is signed in with an account. Accounts are giveaway-api's; what it answers is
//! chosen here, so that each answer can be.

use std::sync::{Arc, Mutex};

use axum::body::Body;
use contracts::giveaway::{
    SignOutRequest, SignOutResponse, SignedIn, WhoIsRequest, WhoIsResponse,
    account_service_server::{AccountService, AccountServiceServer},
};
use durable_grpc::Target;
use http::{Request, StatusCode, header};
use http_body_util::BodyExt as _;
use platform::token::hash_bearer;
use tonic::{Response, Status};

use super::world::World;

const COOKIE: &str = "hs_session_1";

/// Who is signed in with [`COOKIE`]: the merchant's id, nobody, or no answer at all.
#[derive(Clone, Default)]
struct Accounts(Arc<Mutex<Option<Option<String>>>>);

impl Accounts {
    fn answer(&self, answer: Option<Option<&str>>) {
        *self.0.lock().unwrap() = answer.map(|merchant| merchant.map(ToOwned::to_owned));
    }
}

#[tonic::async_trait]
impl AccountService for Accounts {
    async fn who_is(
        &self,
        request: tonic::Request<WhoIsRequest>,
    ) -> Result<Response<WhoIsResponse>, Status> {
        assert_eq!(request.into_inner().session_hash[..], hash_bearer(COOKIE));
        let answer = self.0.lock().unwrap().clone();
        let merchant = answer.ok_or_else(|| Status::unavailable("down"))?;
        let signed_in = merchant.map(|merchant_id| SignedIn { merchant_id, ..SignedIn::default() });
        Ok(Response::new(WhoIsResponse { signed_in }))
    }

    async fn sign_out(
        &self,
        _: tonic::Request<SignOutRequest>,
    ) -> Result<Response<SignOutResponse>, Status> {
        self.answer(Some(None));
        Ok(Response::new(SignOutResponse {}))
    }
}

async fn send(world: &World, method: &str, path: &str, site: &str) -> (StatusCode, String) {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::COOKIE, format!("other=1; handsel={COOKIE}"))
        .header("sec-fetch-site", site)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from("code=nonsense"));
    let response = world.send(request.unwrap()).await;
    let status = response.status();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8_lossy(&bytes).into_owned())
}

#[tokio::test]
async fn who_is_signed_in_for_a_merchant_is_at_its_till() {
    let world = &World::sqlite().await;
    let shop = world.shop().await;
    let accounts = Accounts::default();
    let till = async || send(world, "GET", "/till", "same-origin").await;
    assert!(till().await.1.contains("Your access token"), "nobody is connected yet");
    let server = AccountServiceServer::new(accounts.clone());
    world.app.connect_accounts(Target::in_process(server).channel());

    accounts.answer(Some(None));
    assert!(till().await.1.contains("Your access token"));
    accounts.answer(Some(Some("")));
    assert!(till().await.1.contains("Your access token"), "signed in, and at no till");
    accounts.answer(Some(Some(&shop.merchant)));
    let (status, page) = till().await;
    assert_eq!(status, StatusCode::OK);
    assert!(page.contains("Recent redemptions"), "{page}");

    // A form of the till, and the same sent by a page of another site.
    let (status, page) = send(world, "POST", "/till/card", "same-origin").await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{page}");
    for site in ["cross-site", "same-site"] {
        let (status, page) = send(world, "POST", "/till/card", site).await;
        assert_eq!(status, StatusCode::FORBIDDEN);
        assert!(page.contains("a page of another site"), "{page}");
        send(world, "POST", "/till/sign-out", site).await;
    }
    assert!(till().await.1.contains("Recent redemptions"), "nobody else signs them out");

    // What is not known is not guessed.
    accounts.answer(None);
    let (status, page) = till().await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(page.contains("Please try again"), "{page}");

    accounts.answer(Some(Some(&shop.merchant)));
    assert_eq!(send(world, "POST", "/till/sign-out", "same-origin").await.0, StatusCode::SEE_OTHER);
    assert!(till().await.1.contains("Your access token"));
}
