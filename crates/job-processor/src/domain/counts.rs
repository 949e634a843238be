//! How counts add up.

use std::collections::BTreeMap;

use contracts::processor::Count;

use super::error::Error;

/// Most counts of one batch.
pub(crate) const MAX_COUNTS: usize = 1_000;
/// Longest id, name or label.
const MAX_TEXT: usize = 200;

/// What is counted: giveaway, name, label, hour.
pub(crate) type Counter = (String, String, String, i64);

/// Adds a batch up by counter, in a fixed order: one statement may touch a row once only, and two
/// batches that lock rows in the same order cannot wait for each other in a circle.
pub(crate) fn add_up(counts: Vec<Count>) -> Result<BTreeMap<Counter, i64>, Error> {
    if counts.len() > MAX_COUNTS {
        return Err(Error::invalid(
            "too_many_counts",
            format!("counts: {} given, at most {MAX_COUNTS} fit into one batch", counts.len()),
        ));
    }
    let mut sums: BTreeMap<Counter, i64> = BTreeMap::new();
    for count in counts {
        let texts = [
            ("giveaway_id", &count.giveaway_id, 1),
            ("name", &count.name, 1),
            ("label", &count.label, 0),
        ];
        for (field, text, least) in texts {
            if text.len() < least || text.len() > MAX_TEXT {
                return Err(Error::invalid(
                    "count_invalid",
                    format!("counts.{field}: must have {least} to {MAX_TEXT} bytes"),
                ));
            }
        }
        let sum = sums.entry((count.giveaway_id, count.name, count.label, count.hour)).or_default();
        *sum = sum
            .checked_add(count.n)
            .ok_or_else(|| Error::invalid("count_invalid", "counts.n: the sum is too large"))?;
    }
    sums.retain(|_, n| *n != 0);
    Ok(sums)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(label: &str, n: i64) -> Count {
        Count {
            giveaway_id: "gvw_1".into(),
            name: "entries.country".into(),
            label: label.into(),
            hour: 3_600,
            n,
        }
    }

    #[test]
    fn equal_counters_become_one() {
        let sums = add_up(vec![count("FR", 2), count("DE", 1), count("FR", 3), count("IT", 0)]);
        let sums: Vec<_> = sums.unwrap().into_iter().map(|(key, n)| (key.2, n)).collect();
        assert_eq!(sums, [("DE".to_owned(), 1), ("FR".to_owned(), 5)]);
    }

    #[test]
    fn bad_batches_are_refused() {
        let too_many = vec![count("FR", 1); MAX_COUNTS + 1];
        assert!(matches!(add_up(too_many), Err(Error::Refused(_))));
        assert!(matches!(add_up(vec![Count::default()]), Err(Error::Refused(_))));
        let overflow = vec![count("FR", i64::MAX), count("FR", 1)];
        assert!(matches!(add_up(overflow), Err(Error::Refused(_))));
    }
}
