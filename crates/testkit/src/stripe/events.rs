//! Events: kept for 30 days, listed newest first, and pushed with a signature.

use hmac::{Hmac, KeyInit as _, Mac as _};
use http::{HeaderMap, HeaderValue};
use jiff::SignedDuration;
use serde_json::{Value, json};
use sha2::Sha256;

use super::{
    State, Stripe,
    api::Failure,
    lists,
    params::{Params, invalid},
};

/// "List events, going back up to 30 days."
const KEPT_S: i64 = 30 * 24 * 60 * 60;

/// The most kinds in one listing.
const MAX_TYPES: usize = 20;

/// A secret of the webhook endpoint. A rolled one keeps signing for up to 24 hours.
#[derive(Debug)]
pub(super) struct Secret {
    text: String,
    until_s: Option<i64>,
}

impl Secret {
    pub(super) fn new(text: &str) -> Self {
        Self { text: text.to_owned(), until_s: None }
    }
}

/// Notes that something happened to an object, which is kept as it is now.
pub(super) fn emit(state: &mut State, kind: &str, object: Value, now_s: i64) {
    let event = json!({
        "id": state.id("evt"),
        "object": "event",
        // The version of the account, whatever the request was made with.
        "api_version": "2022-11-15",
        "created": now_s,
        "data": { "object": object },
        "livemode": false,
        "pending_webhooks": 1,
        "type": kind,
    });
    state.events.push(event);
}

pub(super) fn list(state: &State, params: &Params, now_s: i64) -> Result<Value, Failure> {
    params.only(&[&lists::PARAMS[..], &["types[]", "type"]].concat())?;
    let types: Vec<_> = params.all("types[]").chain(params.get("type")).collect();
    if types.len() > MAX_TYPES {
        return Err(invalid("parameter_invalid", "types may hold up to 20 kinds"));
    }
    let is_kept =
        |event: &Value| event["created"].as_i64().is_some_and(|created| now_s - created <= KEPT_S);
    let first = state.events.iter().position(is_kept).unwrap_or(state.events.len());
    lists::page("/v1/events", "event", &state.events[first..], params, |event| {
        types.is_empty() || event["type"].as_str().is_some_and(|kind| types.contains(&kind))
    })
}

impl Stripe {
    /// Every event so far, oldest first.
    pub fn events(&self) -> Vec<Value> {
        self.shared.lock().events.clone()
    }

    /// The last event of a kind.
    ///
    /// # Panics
    /// When there is none.
    #[track_caller]
    pub fn last_event(&self, kind: &str) -> Value {
        let events = self.events();
        events.into_iter().rev().find(|event| event["type"] == kind).expect("an event of that kind")
    }

    /// An event of a kind that concerns nobody here, about an object that has no id.
    pub fn emit_balance_available(&self) -> Value {
        let now_s = self.shared.now_s();
        let balance = json!({ "object": "balance", "available": [] });
        emit(&mut self.shared.lock(), "balance.available", balance, now_s);
        self.last_event("balance.available")
    }

    /// Headers and body with which an event is pushed now: one signature for each secret that has
    /// not expired, and one of a scheme that nobody should look at.
    pub fn webhook(&self, event: &Value) -> (HeaderMap, Vec<u8>) {
        let now_s = self.shared.now_s();
        let body = event.to_string().into_bytes();
        let mut header = format!("t={now_s}");
        for secret in &self.shared.lock().secrets {
            if secret.until_s.is_none_or(|until_s| now_s < until_s) {
                header += &format!(",v1={}", sign(&secret.text, now_s, &body));
            }
        }
        header += ",v0=6ffbb59b2300aae63f272406069a9788598b792a944a07aba816edb039989a39";
        let mut headers = HeaderMap::new();
        if let Ok(header) = HeaderValue::from_str(&header) {
            headers.insert("stripe-signature", header);
        }
        (headers, body)
    }

    /// Replaces the endpoint's secret. The old one goes on signing for `overlap`.
    pub fn roll_secret(&self, new: &str, overlap: SignedDuration) {
        let until_s = self.shared.now_s() + overlap.as_secs();
        let mut state = self.shared.lock();
        for secret in &mut state.secrets {
            secret.until_s.get_or_insert(until_s);
        }
        state.secrets.insert(0, Secret::new(new));
    }
}

fn sign(secret: &str, now_s: i64, body: &[u8]) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else {
        return String::new();
    };
    mac.update(format!("{now_s}.").as_bytes());
    mac.update(body);
    hex::encode(mac.finalize().into_bytes())
}
