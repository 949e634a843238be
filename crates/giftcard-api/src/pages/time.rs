//! Times as people read them: in UTC, and in the visitor's zone where scripts run.

use std::fmt;

use askama::filters::HtmlSafe;

/// A time. In a template it is an element that holds both forms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct When(i64);

/// A time as people read it.
pub(super) fn when(ms: i64) -> When {
    When(ms)
}

/// A date as people read it.
pub(super) fn day(ms: i64) -> String {
    crate::store::time(ms).strftime("%Y-%m-%d").to_string()
}

impl When {
    /// For where no element may be, such as a label.
    pub(super) fn text(self) -> String {
        crate::store::time(self.0).strftime("%Y-%m-%d %H:%M UTC").to_string()
    }
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let iso = crate::store::time(self.0).strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        write!(f, "<time datetime=\"{iso}\">{}</time>", self.text())
    }
}

/// Digits and what is between them: nobody's text is in it.
impl HtmlSafe for When {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_for_people_and_for_scripts() {
        let shown = when(1_700_000_000_000).to_string();
        let wanted = r#"<time datetime="2023-11-14T22:13:20Z">2023-11-14 22:13 UTC</time>"#;
        assert_eq!(shown, wanted);
        assert_eq!(day(1_700_000_000_000), "2023-11-14");
    }
}
