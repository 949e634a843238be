//! What is the same in every API.

use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::{
    IntoParams,
    openapi::{ObjectBuilder, RefOr, Schema, extensions::Extensions, schema::SchemaType},
};

/// Where a schema that is written as JSON waits for its place.
const AS_WRITTEN: &str = "x-as-written";

/// `?limit=&after=` of a list, in a document.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it is described, and never made")]
pub struct PageQuery {
    /// Items on the page, at most.
    #[param(minimum = 1, maximum = 100, default = 100)]
    limit: Option<u16>,
    /// The `next` of the page before. Without it the list is answered from its beginning.
    after: Option<String>,
}

/// The header `Idempotency-Key`, in a document.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "it is described, and never made")]
pub struct IdempotencyHeader {
    /// What makes a repeat of this request the same request: the first answer is given again, and nothing
    /// happens twice. With another body, the same key is refused. Use a new UUID for each new request.
    #[param(
        rename = "Idempotency-Key",
        min_length = 1,
        max_length = 128,
        pattern = "^[!-~]+$",
        example = "0b3f7a52-4d0c-4a39-9f0e-6f1a1c0d2b11"
    )]
    key: String,
}

/// The schema of an amount of money from `MIN` to `MAX` minor units.
pub fn amount<const MIN: i64, const MAX: i64>() -> RefOr<Schema> {
    schema(json!({
        "allOf": [
            { "$ref": "#/components/schemas/Money" },
            { "properties": { "minor": { "type": "integer", "format": "int64", "minimum": MIN, "maximum": MAX } } },
        ],
        "example": { "minor": 2_500, "currency": "EUR" },
    }))
}

/// A schema that is written as JSON. It is carried through as it is, since the library's own type has no room
/// for all of it.
pub fn schema(value: Value) -> RefOr<Schema> {
    let carried = Extensions::builder().add(AS_WRITTEN, value).build();
    ObjectBuilder::new().schema_type(SchemaType::AnyValue).extensions(Some(carried)).into()
}

/// Puts schemas that are written as JSON in their places.
pub(super) fn put_as_written(value: &mut Value) {
    if let Some(written) = value.as_object_mut().and_then(|object| object.remove(AS_WRITTEN)) {
        *value = written;
    }
    match value {
        Value::Object(members) => members.values_mut().for_each(put_as_written),
        Value::Array(items) => items.iter_mut().for_each(put_as_written),
        _ => {}
    }
}

/// The components that documents refer to, and no operation declares.
pub(super) fn components() -> Value {
    let text = |description: &str| json!({ "type": "string", "description": description });
    json!({
        "schemas": {
            "Problem": {
                "type": "object",
                "description": "What is answered instead of what was asked for (RFC 9457).",
                "required": ["type", "title", "status", "code", "detail"],
                "properties": {
                    "type": { "type": "string", "format": "uri", "description": "`urn:handsel:problem:` and the code." },
                    "title": text("The code, in words."),
                    "status": { "type": "integer", "format": "int32", "minimum": 400, "maximum": 599, "description": "The HTTP status." },
                    "code": { "type": "string", "pattern": "^[a-z][a-z_]*$", "description": "Stable, for programs." },
                    "detail": text("For people."),
                    "request_id": { "type": "string", "pattern": "^req_[0-9a-f]{32}$", "description": "Names this request in the log of the installation." },
                    "errors": {
                        "type": "array",
                        "description": "What is wrong, field by field, for `invalid_input`.",
                        "items": { "$ref": "#/components/schemas/FieldError" },
                    },
                },
                "additionalProperties": true,
                "example": {
                    "type": "urn:handsel:problem:invalid_input",
                    "title": "invalid input",
                    "status": 422,
                    "code": "invalid_input",
                    "detail": "the request has an error at /amount/minor",
                    "request_id": "req_0198f6d2c1f07b6a8d5f4f2f0c7a9e31",
                    "errors": [{ "pointer": "/amount/minor", "detail": "must be more than 0" }],
                },
            },
            "FieldError": {
                "type": "object",
                "description": "What is wrong with one field.",
                "required": ["pointer", "detail"],
                "properties": {
                    "pointer": text("JSON pointer (RFC 6901) to the field; for a parameter, its name behind a slash."),
                    "detail": text("What is wrong with it."),
                },
            },
        },
        "headers": {
            "RetryAfter": {
                "description": "Seconds to wait before the next attempt.",
                "schema": { "type": "integer", "minimum": 1 },
            },
            "RateLimit": {
                "description": "What is left of the quota: `r` requests, and `t` seconds until it is whole again (IETF draft \"RateLimit header fields for HTTP\").",
                "schema": { "type": "string" },
                "example": "\"requests\";r=59999;t=1",
            },
            "RateLimitPolicy": {
                "description": "The quota: `q` requests within `w` seconds.",
                "schema": { "type": "string" },
                "example": "\"requests\";q=60000;w=60",
            },
            "Challenge": {
                "description": "`Bearer`: which kind of credentials is needed.",
                "schema": { "type": "string" },
            },
        },
    })
}
