//! Why the operator did something, as it is kept.

use super::refusal::Refusal;

/// Longest note that is kept, in characters.
const MAX_NOTE: usize = 500;

/// The note without the blanks around it.
///
/// # Errors
/// An empty one, or one that is too long.
pub(crate) fn note(text: &str) -> Result<&str, Refusal> {
    let text = text.trim();
    if (1..=MAX_NOTE).contains(&text.chars().count()) {
        return Ok(text);
    }
    Err(Refusal::invalid("/note", format!("must have 1 to {MAX_NOTE} characters")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_says_something() {
        fn check(text: &str, expected: Option<&str>) {
            assert_eq!(note(text).ok(), expected, "{text:?}");
        }
        check(" looked into ", Some("looked into"));
        check("", None);
        check(" \n", None);
        check(&"ä".repeat(500), Some(&"ä".repeat(500)));
        check(&"ä".repeat(501), None);
    }
}
