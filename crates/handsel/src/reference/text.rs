//! Prose with code in it, as documents have it: paragraphs, and words between backticks.

/// A piece of prose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) text: String,
    pub(crate) is_code: bool,
}

/// One line or paragraph.
pub(crate) type Prose = Vec<Piece>;

/// Takes a line apart.
pub(crate) fn prose(text: &str) -> Prose {
    let pieces = text.split('`').enumerate();
    let pieces = pieces.filter(|(_, text)| !text.is_empty());
    pieces.map(|(n, text)| Piece { text: text.to_owned(), is_code: n % 2 == 1 }).collect()
}

/// Takes a text apart into paragraphs.
pub(crate) fn paragraphs(text: &str) -> Vec<Prose> {
    text.split("\n\n").filter(|text| !text.trim().is_empty()).map(prose).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_told_from_prose() {
        let shown = |text| -> Vec<String> {
            let mark =
                |piece: Piece| if piece.is_code { format!("<{}>", piece.text) } else { piece.text };
            prose(text).into_iter().map(mark).collect()
        };
        assert_eq!(shown("give `next` as `after`."), ["give ", "<next>", " as ", "<after>", "."]);
        assert_eq!(shown("`id`"), ["<id>"]);
        assert_eq!(paragraphs("One.\n\nTwo `2`.\n").len(), 2);
    }
}
