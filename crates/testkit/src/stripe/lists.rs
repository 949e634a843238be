//! Lists: newest first, `limit` from 1 to 100 (10 unless given), `starting_after` and
//! `ending_before` an id each and never both, `has_more` in the direction that was asked for.

use serde_json::{Value, json};

use super::{
    api::Failure,
    params::{Params, invalid},
};

/// The parameters that every list has.
pub(super) const PARAMS: [&str; 4] = ["limit", "starting_after", "ending_before", "expand[]"];

/// A page out of `objects`, which are oldest first. What a filter leaves out can still be a cursor.
pub(super) fn page(
    url: &str,
    noun: &str,
    objects: &[Value],
    params: &Params,
    is_listed: impl Fn(&Value) -> bool,
) -> Result<Value, Failure> {
    let limit = match params.get("limit") {
        None => 10,
        Some(limit) => {
            limit.parse().ok().filter(|limit| (1..=100).contains(limit)).ok_or_else(|| {
                invalid("parameter_invalid_integer", "limit must be between 1 and 100")
            })?
        }
    };
    let place = |name: &str| -> Result<Option<usize>, Failure> {
        let Some(id) = params.get(name) else { return Ok(None) };
        let place = objects.iter().position(|object| object["id"] == id);
        place
            .map(Some)
            .ok_or_else(|| invalid("resource_missing", &format!("No such {noun}: '{id}'")))
    };
    let listed = |range: &'_ [Value]| -> Vec<Value> {
        range.iter().filter(|object| is_listed(object)).cloned().collect()
    };
    let (mut data, has_more) = match (place("starting_after")?, place("ending_before")?) {
        (Some(_), Some(_)) => {
            let message = "You may only specify one of these: starting_after, ending_before";
            return Err(invalid("parameter_invalid", message));
        }
        // The newer ones, of which the page next to the cursor is given.
        (None, Some(place)) => {
            let mut newer = listed(&objects[place + 1..]);
            let has_more = newer.len() > limit;
            newer.truncate(limit);
            (newer, has_more)
        }
        (after, None) => {
            let mut older = listed(&objects[..after.unwrap_or(objects.len())]);
            let surplus = older.len().saturating_sub(limit);
            older.drain(..surplus);
            (older, surplus > 0)
        }
    };
    data.reverse();
    Ok(json!({ "object": "list", "url": url, "data": data, "has_more": has_more }))
}
