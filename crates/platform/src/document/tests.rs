//! What is added to what handlers say.

use axum::body::Body;
use http_body_util::BodyExt as _;
use serde::{Deserialize, Serialize};
use tower::ServiceExt as _;
use utoipa::{OpenApi, ToSchema};

use super::*;

crate::ids! {
    /// A door.
    DoorId = "dor";
}

#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Colour {
    colour: String,
}

#[derive(Serialize, ToSchema)]
struct Door {
    id: DoorId,
    #[serde(flatten)]
    paint: Colour,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "it is described, and never made")]
struct Wish {
    #[serde(default)]
    #[schema(schema_with = amount::<1, 500>)]
    tip: Option<u8>,
    #[serde(default)]
    note: Option<String>,
}

/// Opens a door.
///
/// It squeaks.
#[utoipa::path(
    post, path = "/doors/{id}/open", tag = "Doors", operation_id = "openDoor",
    security(("keeper" = [])),
    params(("id" = DoorId, Path, description = "The door"), IdempotencyHeader),
    request_body = Wish,
    responses(
        (status = 200, description = "It is open", body = Door),
        (status = 409, description = "`locked`: nobody has the key. `ajar`: it is open"),
    )
)]
#[expect(dead_code, reason = "it is described, and never called")]
fn open_door() {}

#[derive(OpenApi)]
#[openapi(paths(open_door))]
struct Api;

fn document() -> Document {
    let about = About {
        title: "Doors",
        version: "v1",
        description: "Doors.",
        tags: &[("Doors", "All of them.")],
        bearers: &[("keeper", "Has the keys.")],
        scoped: &[],
    };
    Document::new(Api::openapi(), &about)
}

#[test]
fn what_follows_is_added() {
    let document = document();
    let operation = &document.value()["paths"]["/doors/{id}/open"]["post"];
    assert_eq!(operation["summary"], "Opens a door.");
    assert_eq!(operation["description"], "It squeaks.");
    assert_eq!(operation["requestBody"]["required"], false, "an absent body counts as {{}}");
    let codes = |status: &str| -> Vec<&str> {
        let schema =
            &operation["responses"][status]["content"]["application/problem+json"]["schema"];
        let codes = schema["allOf"][1]["properties"]["code"]["enum"].as_array();
        codes.into_iter().flatten().filter_map(Value::as_str).collect()
    };
    assert_eq!(
        codes("400"),
        ["malformed_json", "idempotency_key_missing", "idempotency_key_invalid"]
    );
    assert_eq!(codes("401"), ["unauthorized"]);
    assert_eq!(codes("404"), ["not_found"]);
    assert_eq!(codes("409"), ["locked", "ajar", "idempotency_key_in_use"]);
    assert_eq!(codes("422"), ["invalid_input", "idempotency_key_reused"]);
    assert_eq!(codes("500"), ["internal"]);
    assert!(!operation["responses"]["429"]["headers"]["Retry-After"].is_null());
    assert!(!operation["responses"]["200"]["headers"]["RateLimit"].is_null());
}

#[test]
fn a_closed_part_does_not_close_the_whole() {
    let document = document();
    let schemas = &document.value()["components"]["schemas"];
    assert_eq!(schemas["Colour"]["additionalProperties"], false);
    assert!(schemas["Colour"].get("allOf").is_none(), "what was not there is not added");
    let parts = schemas["Door"]["allOf"].as_array().unwrap();
    assert!(parts.iter().all(|part| part["additionalProperties"].is_null()), "{parts:?}");
    assert!(parts.iter().any(|part| !part["properties"]["colour"].is_null()), "{parts:?}");
    let tip = &schemas["Wish"]["properties"]["tip"]["allOf"];
    assert_eq!(tip[0]["$ref"], "#/components/schemas/Money");
    assert_eq!(tip[1]["properties"]["minor"]["maximum"], 500);
    assert_eq!(schemas["DoorId"]["pattern"], "^dor_[0-9a-f]{32}$");
    assert_eq!(schemas["DoorId"]["description"], "A door.");
}

#[tokio::test]
async fn who_has_it_is_told_so() {
    static DOCUMENT: std::sync::LazyLock<Document> = std::sync::LazyLock::new(document);
    let router: Router = route("/api/doors/v1", || &DOCUMENT);
    let ask = async |etag: Option<&HeaderValue>| {
        let mut request = Request::get("/api/doors/v1/openapi.json").body(Body::empty()).unwrap();
        if let Some(etag) = etag {
            request.headers_mut().insert(header::IF_NONE_MATCH, etag.clone());
        }
        router.clone().oneshot(request).await.unwrap()
    };
    let first = ask(None).await;
    let etag = first.headers()[header::ETAG].clone();
    assert_eq!(first.headers()[header::CONTENT_TYPE], "application/json");
    let body = first.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(serde_json::from_slice::<Value>(&body).unwrap(), *DOCUMENT.value());
    assert_eq!(ask(Some(&etag)).await.status(), StatusCode::NOT_MODIFIED);
    let other = HeaderValue::from_static("\"another\", W/\"third\"");
    assert_eq!(ask(Some(&other)).await.status(), StatusCode::OK);
}
