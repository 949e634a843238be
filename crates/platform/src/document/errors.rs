//! The answers that refuse. Handlers write what is special about theirs as
//! ``(status = 409, description = "`wrong_state`: it is no draft")``, several codes one after the other;
//! here those are joined with what every operation of its kind can answer.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// Codes with their meanings, by status.
#[derive(Debug, Default)]
pub(super) struct Refusals(BTreeMap<u16, Vec<(String, String)>>);

impl Refusals {
    /// Takes what a handler wrote out of its answers.
    pub(super) fn take(responses: &mut Map<String, Value>) -> Self {
        let mut refusals = Self::default();
        let statuses: Vec<String> = responses.keys().cloned().collect();
        for text in statuses {
            let Some(status) = text.parse().ok().filter(|status| *status >= 400) else { continue };
            let response = responses.remove(&text).unwrap_or_default();
            for (code, meaning) in codes(response["description"].as_str().unwrap_or_default()) {
                refusals.add(status, code, &meaning);
            }
        }
        refusals
    }

    /// Adds a code, unless the handler has said what it means there.
    pub(super) fn add(&mut self, status: u16, code: &str, meaning: &str) {
        let known = self.0.entry(status).or_default();
        if !known.iter().any(|(other, _)| other == code) {
            known.push((code.to_owned(), meaning.to_owned()));
        }
    }

    /// Writes the answers.
    pub(super) fn put(self, responses: &mut Map<String, Value>) {
        for (status, codes) in self.0 {
            responses.insert(status.to_string(), response(status, &codes));
        }
    }
}

/// ``"`code`: meaning. `other`: meaning"``, taken apart. Other words between backticks stay in the meaning.
fn codes(description: &str) -> Vec<(&str, String)> {
    let mut found: Vec<(&str, String)> = Vec::new();
    let mut pieces = description.split('`');
    // What stands before the first code says nothing about one.
    pieces.next();
    while let (Some(word), Some(after)) = (pieces.next(), pieces.next()) {
        let is_code = word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        match (after.strip_prefix(": "), found.last_mut()) {
            (Some(meaning), _) if is_code => found.push((word, meaning.to_owned())),
            (_, Some((_, meaning))) => *meaning += &format!("`{word}`{after}"),
            (_, None) => {}
        }
    }
    for (_, meaning) in &mut found {
        *meaning = meaning.trim().trim_end_matches('.').to_owned();
    }
    found
}

fn response(status: u16, codes: &[(String, String)]) -> Value {
    let lines: Vec<String> =
        codes.iter().map(|(code, meaning)| format!("- `{code}`: {meaning}.")).collect();
    let names: Vec<&str> = codes.iter().map(|(code, _)| code.as_str()).collect();
    let mut headers = Map::new();
    let mut with = |name: &str, component: &str| {
        headers.insert(name.into(), json!({ "$ref": format!("#/components/headers/{component}") }));
    };
    match status {
        401 => with("WWW-Authenticate", "Challenge"),
        429 => {
            with("Retry-After", "RetryAfter");
            with("RateLimit", "RateLimit");
            with("RateLimit-Policy", "RateLimitPolicy");
        }
        503 => with("Retry-After", "RetryAfter"),
        _ => {}
    }
    let mut response = json!({
        "description": lines.join("\n"),
        "content": { "application/problem+json": { "schema": {
            "allOf": [
                { "$ref": "#/components/schemas/Problem" },
                { "properties": { "code": { "enum": names } } },
            ],
        } } },
    });
    if !headers.is_empty() {
        response["headers"] = Value::Object(headers);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_told_apart() {
        let read =
            codes("`wrong_state`: it is no `draft` any more; `state` says what. `link_used`: once");
        let read: Vec<_> = read.iter().map(|(code, meaning)| (*code, meaning.as_str())).collect();
        assert_eq!(
            read,
            [
                ("wrong_state", "it is no `draft` any more; `state` says what"),
                ("link_used", "once")
            ]
        );
        assert_eq!(codes("nothing to see"), []);
    }
}
