/// A message of an error as a sentence.
pub fn sentence(message: &str) -> String {
    let mut letters = message.chars();
    match letters.next() {
        None => String::new(),
        Some(first) => {
            format!("{}{}.", first.to_uppercase(), letters.as_str().trim_end_matches('.'))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_become_sentences() {
        assert_eq!(sentence("the card is used up"), "The card is used up.");
        assert_eq!(sentence("enter once more."), "Enter once more.");
        assert_eq!(sentence(""), "");
    }
}
