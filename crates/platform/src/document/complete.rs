//! Adds what follows from the facts of an operation.

use serde_json::{Map, Value, json};

use super::{About, errors::Refusals, schemas};

/// The document with everything that its operations leave unsaid.
pub(super) fn document(mut document: Value, about: &About) -> Value {
    schemas::put_as_written(&mut document);
    document["openapi"] = "3.1.0".into();
    document["info"]["description"] = about.description.into();
    document["info"]["license"] =
        json!({ "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" });
    document["servers"] = json!([{ "url": "/" }]);
    let tags = about.tags.iter();
    document["tags"] =
        tags.map(|(name, what)| json!({ "name": name, "description": what })).collect();
    merge(&mut document["components"], schemas::components());
    document["components"]["securitySchemes"] = security(about);
    open_up(&mut document["components"]["schemas"]);
    let optional = bodies_that_may_be_absent(&document["components"]["schemas"]);
    let paths = document["paths"].as_object_mut().into_iter().flat_map(Map::values_mut);
    for item in paths {
        for (_, operation) in item.as_object_mut().into_iter().flatten() {
            if operation.is_object() {
                self::operation(operation, &optional, about.scoped);
            }
        }
    }
    document
}

/// Who is who. The provider signs, everybody else shows a token.
fn security(about: &About) -> Value {
    let mut schemes = Map::new();
    for (name, description) in about.bearers {
        let scheme = match *name {
            "provider" => json!({ "type": "apiKey", "in": "header", "name": "Bank-Signature" }),
            _ => json!({ "type": "http", "scheme": "bearer" }),
        };
        schemes.insert((*name).to_owned(), scheme);
        schemes[*name]["description"] = (*description).into();
    }
    Value::Object(schemes)
}

fn operation(operation: &mut Value, optional: &[String], scoped: &[&str]) {
    let is = |operation: &Value, place: &str, name: &str| {
        operation["parameters"].as_array().is_some_and(|all| {
            all.iter().any(|it| it["in"] == place && (name.is_empty() || it["name"] == name))
        })
    };
    let is_keyed = is(operation, "header", "Idempotency-Key");
    let is_of_path = is(operation, "path", "");
    let is_asked = is(operation, "query", "");
    let schemes: Vec<&String> = operation["security"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_object)
        .flat_map(Map::keys)
        .collect();
    let is_scoped = schemes.iter().any(|scheme| scoped.contains(&scheme.as_str()));
    let is_borne = schemes.iter().any(|scheme| *scheme != "provider");
    let takes_json = !operation["requestBody"]["content"]["application/json"].is_null();
    let takes_file = !operation["requestBody"]["content"]["text/csv"].is_null();
    let mut changes = takes_json || takes_file || is_keyed;

    let body = &mut operation["requestBody"];
    if is_keyed
        && body["content"]["application/json"]["schema"]["$ref"]
            .as_str()
            .is_some_and(|body| optional.iter().any(|name| body.rsplit('/').next() == Some(name)))
    {
        // As the extractor has it: an absent body counts as `{}`.
        body["required"] = false.into();
    }
    if operation["requestBody"].is_null() {
        operation.as_object_mut().map(|operation| operation.remove("requestBody"));
    }
    let Some(responses) = operation["responses"].as_object_mut() else { return };
    changes |= responses.contains_key("204");
    let mut refusals = Refusals::take(responses);
    let succeeds = responses.values_mut();
    if is_borne {
        for answer in succeeds {
            answer["headers"]["RateLimit"] = json!({ "$ref": "#/components/headers/RateLimit" });
            answer["headers"]["RateLimit-Policy"] =
                json!({ "$ref": "#/components/headers/RateLimitPolicy" });
        }
        refusals.add(401, "unauthorized", "no valid bearer token of the right kind");
        if is_scoped {
            let why = "the key may not do this; `scope` says what it lacks";
            refusals.add(403, "missing_scope", why);
        }
        refusals.add(429, "too_many_requests", "the quota is used up");
    }
    if is_of_path {
        refusals.add(404, "not_found", "nothing has this id, or it is not yours to see");
    }
    if is_asked {
        refusals.add(422, "invalid_input", "a parameter is wrong; `errors` says which");
    }
    if takes_json {
        refusals.add(400, "malformed_json", "the body is no JSON");
        refusals.add(413, "body_too_large", "the body is longer than 256 KiB, or broke off");
        refusals.add(415, "json_expected", "the body is not marked as `application/json`");
        refusals.add(422, "invalid_input", "a field is wrong; `errors` says which");
    }
    if is_keyed {
        refusals.add(400, "idempotency_key_missing", "the header `Idempotency-Key` is needed");
        refusals.add(
            400,
            "idempotency_key_invalid",
            "it must have 1 to 128 visible ASCII characters",
        );
        refusals.add(
            409,
            "idempotency_key_in_use",
            "the first request with this key has not ended",
        );
        refusals.add(422, "idempotency_key_reused", "the key was used with another body");
    }
    if changes {
        refusals.add(503, "unavailable", "something else was faster, or a part is away; try again");
    }
    refusals.add(500, "internal", "something went wrong on our side; the log says what");
    refusals.put(responses);
}

/// Members that are written into another object do not close it: a schema that forbids unknown members
/// cannot be a part of a larger one, so its members are copied without that.
fn open_up(schemas: &mut Value) {
    let closed = schemas.clone();
    for schema in schemas.as_object_mut().into_iter().flat_map(Map::values_mut) {
        let Some(parts) = schema.get_mut("allOf").and_then(Value::as_array_mut) else { continue };
        if !parts.iter().any(|part| !part["properties"].is_null()) {
            continue;
        }
        for part in parts {
            let name = part["$ref"].as_str().and_then(|name| name.rsplit('/').next());
            let Some(whole) = name.map(|name| &closed[name]) else { continue };
            if whole["additionalProperties"] == false {
                let mut open = whole.clone();
                open.as_object_mut().map(|open| open.remove("additionalProperties"));
                *part = open;
            }
        }
    }
}

/// The names of bodies without a member that must be there.
fn bodies_that_may_be_absent(schemas: &Value) -> Vec<String> {
    let all = schemas.as_object().into_iter().flatten();
    all.filter(|(_, schema)| schema["type"] == "object" && schema["required"].is_null())
        .map(|(name, _)| name.clone())
        .collect()
}

/// Puts the members of an object into another one.
fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (name, value) in from {
                merge(into.entry(name).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from,
    }
}
