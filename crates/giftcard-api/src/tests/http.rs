//! Every route asks who calls.

use axum::body::Body;
use http::{Method, Request, StatusCode, header};

use super::world::{World, reply};

/// Routes that need a bearer token.
const PROTECTED: &[(Method, &str)] = &[
    (Method::POST, "/merchants"),
    (Method::POST, "/merchants/mer_0198c0c0c0c070008000000000000000/tokens"),
    (Method::GET, "/merchants/me"),
    (Method::PUT, "/merchants/me/payout-destination"),
    (Method::DELETE, "/merchants/me/payout-destination"),
    (Method::PUT, "/admin/merchants/mer_0198c0c0c0c070008000000000000000/payout-destination"),
    (Method::POST, "/admin/merchants/mer_0198c0c0c0c070008000000000000000/close"),
    (Method::GET, "/admin/merchants/mer_0198c0c0c0c070008000000000000000/closing"),
    (Method::POST, "/admin/cards/crd_0198c0c0c0c070008000000000000000/void"),
    (Method::POST, "/merchants/me/close"),
    (Method::GET, "/merchants/me/closing"),
    (Method::POST, "/products"),
    (Method::GET, "/products"),
    (Method::POST, "/products/prd_0198c0c0c0c070008000000000000000/close"),
    (Method::POST, "/authorisations"),
    (Method::GET, "/authorisations/aut_0198c0c0c0c070008000000000000000"),
    (Method::POST, "/authorisations/aut_0198c0c0c0c070008000000000000000/capture"),
    (Method::POST, "/authorisations/aut_0198c0c0c0c070008000000000000000/release"),
    (Method::POST, "/redemptions"),
    (Method::GET, "/redemptions"),
    (Method::GET, "/redemptions/rdm_0198c0c0c0c070008000000000000000"),
    (Method::POST, "/redemptions/rdm_0198c0c0c0c070008000000000000000/reversals"),
    (Method::POST, "/settlements"),
    (Method::GET, "/settlements"),
    (Method::GET, "/settlements/stl_0198c0c0c0c070008000000000000000"),
    (Method::GET, "/settlements/stl_0198c0c0c0c070008000000000000000/statement"),
    (Method::GET, "/settlements/stl_0198c0c0c0c070008000000000000000/statement.csv"),
    (Method::GET, "/admin/settlements"),
    (Method::GET, "/admin/escrows/pending"),
    (Method::GET, "/admin/alerts"),
    (Method::POST, "/admin/settlements/stl_0198c0c0c0c070008000000000000000/cancel"),
    (Method::GET, "/admin/suspense"),
    (Method::POST, "/admin/suspense/tr_1/accept"),
    (Method::POST, "/admin/attempts/stl_1_1/resolve"),
];

#[tokio::test]
async fn no_endpoint_is_open_that_should_not_be() {
    let world = &World::sqlite().await;
    for (method, path) in PROTECTED {
        for token in [None, Some("Bearer hs_test_guess"), Some("Basic aDpz")] {
            let mut request = Request::builder()
                .method(method)
                .uri(format!("/api/giftcard/v1{path}"))
                .header("idempotency-key", "k")
                .header(header::CONTENT_TYPE, "application/json");
            if let Some(token) = token {
                request = request.header(header::AUTHORIZATION, token);
            }
            let answer = world.send(request.body(Body::from("{}")).unwrap()).await;
            assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{method} {path} {token:?}");
            assert_eq!(answer.headers()[header::CONTENT_TYPE], "application/problem+json");
        }
    }
}

#[tokio::test]
async fn every_route_is_in_one_of_the_lists() {
    let open = ["/cards/balance", "/cards/reveal", "/webhooks/provider"];
    let document = crate::http::document().value();
    let routes = document["paths"].as_object().unwrap().len();
    let mut paths: Vec<_> = PROTECTED.iter().map(|(_, path)| *path).chain(open).collect();
    paths.sort_unstable();
    paths.dedup();
    assert_eq!(paths.len(), routes);
}

#[tokio::test]
async fn what_does_not_exist_is_a_problem_too() {
    let world = &World::sqlite().await;
    let shop = world.shop().await;
    world.get("/nothing", &shop.token).await.refused(StatusCode::NOT_FOUND, "not_found");
    world.get("/redemptions/rdm_1", &shop.token).await.refused(StatusCode::NOT_FOUND, "not_found");
    let request = Request::delete("/api/giftcard/v1/products").body(Body::empty()).unwrap();
    let answer = reply(world.send(request).await).await;
    answer.refused(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed");
}
