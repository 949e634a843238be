//! Listings with a cursor.

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::error::BankError;
use crate::operation::Answer;

/// Objects on a page, unless the request says otherwise.
const DEFAULT_LIMIT: u32 = 100;

/// Objects on a page at most: an answer stays below a megabyte.
const MAX_LIMIT: u32 = 500;

/// Where a page begins and how long it is.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PageQuery {
    after: Option<i64>,
    limit: Option<u32>,
}

impl PageQuery {
    /// The number after which the page begins.
    pub(super) fn after(&self) -> i64 {
        self.after.unwrap_or(0)
    }

    /// How many objects the page has at most.
    pub(super) fn limit(&self) -> Result<usize, BankError> {
        page_limit(self.limit)
    }
}

/// A limit as it was asked for, checked.
pub(super) fn page_limit(asked: Option<u32>) -> Result<usize, BankError> {
    let limit = asked.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        let reason = format!("needs to be from 1 to {MAX_LIMIT}");
        return Err(BankError::Invalid { field: "limit", reason });
    }
    Ok(usize::try_from(limit).unwrap_or(usize::MAX))
}

/// How many rows to read for a page of `limit`: one more tells whether there is a next page.
pub(super) fn rows_for(limit: usize) -> u32 {
    u32::try_from(limit).unwrap_or(u32::MAX).saturating_add(1)
}

/// The answer for the rows that [`rows_for`] asked for, each with its cursor.
pub(super) fn page<C: ToString, T: Serialize>(mut rows: Vec<(C, T)>, limit: usize) -> Answer {
    let has_more = rows.len() > limit;
    rows.truncate(limit);
    let cursor = rows.last().map(|(cursor, _)| cursor.to_string());
    let items: Vec<_> = rows.iter().map(|(_, item)| item).collect();
    Answer::new(200, &json!({"items": items, "cursor": cursor, "has_more": has_more}))
}
