//! Schemas in words, and an example of each.

use serde_json::{Map, Value, json};

use super::text::{Prose, prose};

/// How deep an example goes before it leaves things out.
const DEPTH: usize = 8;

/// A schema that others refer to.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    pub(crate) name: String,
    pub(crate) about: Prose,
    /// What kind of thing it is, when it has no members.
    pub(crate) kind: Kind,
    pub(crate) members: Vec<Member>,
}

/// A member of an object, or a parameter.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) is_required: bool,
    pub(crate) kind: Kind,
    pub(crate) about: Prose,
}

/// What a value is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Kind {
    /// `list of`, before the name of another shape.
    pub(crate) before: String,
    /// The name of another shape, to follow.
    pub(crate) shape: Option<String>,
    /// In words, with its limits.
    pub(crate) words: String,
}

impl Shape {
    /// A component.
    pub(crate) fn of(name: &str, schema: &Value, all: &Value) -> Self {
        let members = members(schema, all);
        let kind = if members.is_empty() { kind(schema) } else { Kind::default() };
        Self { name: name.to_owned(), about: about(schema), kind, members }
    }
}

fn about(schema: &Value) -> Prose {
    prose(schema["description"].as_str().unwrap_or_default())
}

/// The members of an object, of all its parts.
pub(crate) fn members(schema: &Value, all: &Value) -> Vec<Member> {
    if let Some(schema) = referred(schema, all) {
        return members(schema, all);
    }
    let parts = schema["allOf"].as_array().into_iter().flatten();
    let mut found: Vec<Member> = parts.flat_map(|part| members(part, all)).collect();
    let required = schema["required"].as_array().cloned().unwrap_or_default();
    for (name, member) in schema["properties"].as_object().into_iter().flatten() {
        found.push(Member {
            name: name.clone(),
            is_required: required.iter().any(|required| required == name),
            kind: kind(member),
            about: about(member),
        });
    }
    found
}

fn referred<'a>(schema: &Value, all: &'a Value) -> Option<&'a Value> {
    name(schema).map(|name| &all[name])
}

fn name(schema: &Value) -> Option<&str> {
    schema["$ref"].as_str().and_then(|path| path.rsplit('/').next())
}

/// What a value is, in words.
pub(crate) fn kind(schema: &Value) -> Kind {
    if let Some(name) = name(schema) {
        return Kind { shape: Some(name.to_owned()), ..Kind::default() };
    }
    for (several, or_null) in [("allOf", false), ("oneOf", true), ("anyOf", true)] {
        let Some(parts) = schema[several].as_array() else { continue };
        let shape = parts.iter().find_map(name).map(str::to_owned);
        let is_optional = or_null && parts.iter().any(|part| part["type"] == "null");
        let mut words: Vec<String> = parts.iter().filter_map(limits_of_amount).collect();
        words.extend(is_optional.then(|| "or null".to_owned()));
        return Kind { before: String::new(), shape, words: words.join(", ") };
    }
    let types: Vec<&str> = match &schema["type"] {
        Value::String(one) => vec![one],
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        _ => vec!["anything"],
    };
    let or_null = if types.contains(&"null") { ", or null" } else { "" };
    let of = types.iter().find(|kind| **kind != "null").copied().unwrap_or("null");
    if of == "array" {
        let items = kind(&schema["items"]);
        let words = format!("{}{}{or_null}", items.words, limits(schema));
        return Kind { before: format!("list of {}", items.before), shape: items.shape, words };
    }
    let word = match (of, schema["format"].as_str()) {
        ("string", Some("date-time")) => "time, RFC 3339",
        ("string", Some("email")) => "email address",
        ("string", Some("uri")) => "URL",
        ("string", Some("uuid")) => "UUID",
        ("string", _) => "text",
        ("integer", _) => "whole number",
        ("boolean", _) => "true or false",
        (other, _) => other,
    };
    Kind { words: format!("{word}{}{or_null}", limits(schema)), ..Kind::default() }
}

fn limits_of_amount(part: &Value) -> Option<String> {
    let minor = &part["properties"]["minor"];
    minor.is_object().then(|| format!("minor units{}", limits(minor)))
}

fn limits(schema: &Value) -> String {
    let mut words = Vec::new();
    if let Some(values) = schema["enum"].as_array() {
        let values: Vec<&str> = values.iter().filter_map(Value::as_str).collect();
        words.push(format!("one of {}", values.join(", ")));
    }
    for (low, high, of) in [
        ("minimum", "maximum", ""),
        ("minLength", "maxLength", " characters"),
        ("minItems", "maxItems", " items"),
    ] {
        match (schema[low].as_i64(), schema[high].as_i64()) {
            (Some(low), Some(high)) => words.push(format!("{low} to {high}{of}")),
            (Some(low), None) => words.push(format!("at least {low}{of}")),
            (None, Some(high)) => words.push(format!("at most {high}{of}")),
            (None, None) => {}
        }
    }
    if let Some(pattern) = schema["pattern"].as_str() {
        words.push(format!("like {pattern}"));
    }
    if !schema["default"].is_null() {
        words.push(format!("{} unless given", schema["default"]));
    }
    words.iter().map(|word| format!(", {word}")).collect()
}

/// An example.
pub(crate) fn example(schema: &Value, all: &Value) -> Value {
    example_at(schema, all, 0)
}

fn example_at(schema: &Value, all: &Value, depth: usize) -> Value {
    if depth > DEPTH {
        return Value::Null;
    }
    if !schema["example"].is_null() {
        return schema["example"].clone();
    }
    if let Some(first) = schema["examples"].as_array().and_then(|examples| examples.first()) {
        return first.clone();
    }
    if let Some(schema) = referred(schema, all) {
        return example_at(schema, all, depth + 1);
    }
    if let Some(first) = schema["enum"].as_array().and_then(|values| values.first()) {
        return first.clone();
    }
    if let Some(parts) = schema["allOf"].as_array() {
        let mut whole = Map::new();
        for part in parts {
            if let Value::Object(members) = example_at(part, all, depth + 1) {
                for (name, value) in members {
                    whole.entry(name).or_insert(value);
                }
            }
        }
        return Value::Object(whole);
    }
    for several in ["oneOf", "anyOf"] {
        if let Some(parts) = schema[several].as_array() {
            let part = parts.iter().find(|part| part["type"] != "null");
            return part.map_or(Value::Null, |part| example_at(part, all, depth + 1));
        }
    }
    let is = |name: &str| match &schema["type"] {
        Value::String(one) => one == name,
        Value::Array(several) => several.iter().any(|one| one == name),
        _ => false,
    };
    if is("object") {
        let members = schema["properties"].as_object().into_iter().flatten();
        let members =
            members.map(|(name, member)| (name.clone(), example_at(member, all, depth + 1)));
        return Value::Object(members.collect());
    }
    if is("array") {
        return json!([example_at(&schema["items"], all, depth + 1)]);
    }
    if is("integer") {
        return schema["minimum"].as_i64().unwrap_or(1).into();
    }
    if is("boolean") {
        return false.into();
    }
    match schema["format"].as_str() {
        Some("date-time") => "2026-11-22T12:00:00Z".into(),
        Some("uuid") => "0198f6d2-c1f0-7b6a-8d5f-4f2f0c7a9e31".into(),
        Some("uri") => "https://handsel.example/".into(),
        Some("email") => "ada@example.org".into(),
        _ => of_pattern(schema["pattern"].as_str()).into(),
    }
}

/// Something like the few patterns that ids, hashes and codes have.
fn of_pattern(pattern: Option<&str>) -> String {
    let pattern = pattern.unwrap_or_default().trim_start_matches('^').trim_end_matches('$');
    let (before, rest) = pattern.split_once("[0-9a-f]{").unwrap_or_default();
    if let Some(count) = rest.strip_suffix('}').and_then(|count| count.parse::<usize>().ok()) {
        return format!("{before}{}", "5ee1".repeat(count / 4));
    }
    let choice = pattern.strip_prefix('(').and_then(|rest| rest.split_once([')', '|']));
    match (pattern, choice) {
        ("[A-Z]{3}", _) => "EUR".to_owned(),
        ("[A-Z]{2}", _) => "DE".to_owned(),
        (_, Some((first, _))) if first.bytes().all(|b| b.is_ascii_lowercase() || b == b'_') => {
            first.to_owned()
        }
        (word, _)
            if !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_') =>
        {
            word.to_owned()
        }
        _ => "…".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_say_their_limits() {
        fn check(schema: Value, before: &str, shape: Option<&str>, words: &str) {
            let kind = kind(&schema);
            let found = (kind.before.as_str(), kind.shape.as_deref(), kind.words.as_str());
            assert_eq!(found, (before, shape, words), "{schema}");
        }
        check(
            json!({"type": "integer", "minimum": 1, "maximum": 100}),
            "",
            None,
            "whole number, 1 to 100",
        );
        check(
            json!({"type": ["string", "null"], "format": "date-time"}),
            "",
            None,
            "time, RFC 3339, or null",
        );
        check(
            json!({"type": "array", "items": {"$ref": "#/components/schemas/Door"}}),
            "list of ",
            Some("Door"),
            "",
        );
        check(
            json!({"oneOf": [{"type": "null"}, {"$ref": "#/a/Door"}]}),
            "",
            Some("Door"),
            "or null",
        );
    }

    #[test]
    fn examples_fit_their_schemas() {
        let all = json!({ "Id": { "type": "string", "pattern": "^gvw_[0-9a-f]{32}$" } });
        let schema = json!({
            "type": "object",
            "properties": {
                "id": { "$ref": "#/components/schemas/Id" },
                "kind": { "type": "string", "pattern": "^(payment|transfer)$" },
                "n": { "type": "integer", "minimum": 5 },
            },
        });
        let id = format!("gvw_{}", "5ee1".repeat(8));
        assert_eq!(example(&schema, &all), json!({ "id": id, "kind": "payment", "n": 5 }));
    }
}
