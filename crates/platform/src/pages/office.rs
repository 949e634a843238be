//! The pages of administrators: a page of tables, and a form that does one thing. Every application has some,
//! under `/admin`, and they are one place to whoever looks after the installation.

use askama::Template;

use super::Frame;

/// Where each part of the administration is, with its name.
const PARTS: [(&str, &str); 11] = [
    ("/admin", "Overview"),
    ("/admin/people", "People"),
    ("/admin/hosts", "Hosts"),
    ("/admin/merchants", "Merchants"),
    ("/admin/giveaways", "Giveaways"),
    ("/admin/sagas", "Sagas"),
    ("/admin/money", "Money"),
    ("/admin/settlements", "Settlements"),
    ("/admin/alerts", "Alerts"),
    ("/admin/calls", "Calls"),
    ("/admin/audit", "Audit"),
];

/// A page of tables.
#[derive(Template)]
#[template(path = "office_tables.html")]
#[derive(Debug)]
pub struct Tables {
    frame: Frame,
    at: &'static str,
    title: String,
    lead: Vec<String>,
    search: Option<Search>,
    tables: Vec<Table>,
    links: Vec<(String, String)>,
}

/// A form that does one thing.
#[derive(Template)]
#[template(path = "office_act.html")]
#[derive(Debug)]
pub struct Act {
    frame: Frame,
    at: &'static str,
    title: String,
    lead: Vec<String>,
    action: String,
    hidden: Vec<(&'static str, String)>,
    entries: Vec<Entry>,
    button: &'static str,
    is_danger: bool,
    back: &'static str,
    problem: Option<String>,
}

/// A field by which a list is narrowed.
#[derive(Clone, Debug)]
pub struct Search {
    /// The field's name.
    pub name: &'static str,
    /// What people read.
    pub label: &'static str,
    /// What was asked for.
    pub value: String,
    /// What may be chosen; empty for anything that can be typed.
    pub choices: Vec<&'static str>,
}

/// A table.
#[derive(Clone, Debug)]
pub struct Table {
    /// What is in it.
    pub name: &'static str,
    /// The heads of its columns.
    pub columns: Vec<&'static str>,
    /// Its rows, each with a cell for each column.
    pub rows: Vec<Vec<Cell>>,
    /// What is said when there are none.
    pub empty: &'static str,
    /// Where it goes on.
    pub next: Option<String>,
}

/// A cell.
#[derive(Clone, Debug)]
pub enum Cell {
    /// Words.
    Text(String),
    /// An id, or something else to be copied.
    Code(String),
    /// An amount or a count.
    Number(String),
    /// A time.
    Time(jiff::Timestamp),
    /// What can be done or looked at: pairs of a place and the words; the last are for who does not see the row.
    Links(Vec<(String, &'static str)>, String),
}

/// A field of a form.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The field's name.
    pub name: &'static str,
    /// What people read.
    pub label: &'static str,
    /// What is in it.
    pub value: String,
    /// What helps.
    pub help: &'static str,
    /// Several lines.
    pub is_long: bool,
}

impl Entry {
    /// Why the administrator does it.
    pub fn note(name: &'static str, value: impl Into<String>) -> Self {
        let help = "Kept with what is done, for those who come after: 1 to 500 characters.";
        Self { name, label: "Why", value: value.into(), help, is_long: true }
    }

    /// A line.
    pub fn line(name: &'static str, label: &'static str, value: impl Into<String>) -> Self {
        Self { name, label, value: value.into(), help: "", is_long: false }
    }

    /// With what helps.
    #[must_use]
    pub fn help(mut self, help: &'static str) -> Self {
        self.help = help;
        self
    }
}

impl Tables {
    /// A page of the part that begins `at`.
    pub fn new(frame: Frame, at: &'static str, title: impl Into<String>) -> Self {
        Self {
            frame,
            at,
            title: title.into(),
            lead: Vec::new(),
            search: None,
            tables: Vec::new(),
            links: Vec::new(),
        }
    }

    /// A sentence above the tables.
    #[must_use]
    pub fn lead(mut self, text: impl Into<String>) -> Self {
        self.lead.push(text.into());
        self
    }

    /// A field by which the list is narrowed.
    #[must_use]
    pub fn search(mut self, search: Search) -> Self {
        self.search = Some(search);
        self
    }

    /// Another table.
    #[must_use]
    pub fn table(mut self, table: Table) -> Self {
        self.tables.push(table);
        self
    }

    /// A link above the tables.
    #[must_use]
    pub fn link(mut self, href: impl Into<String>, text: impl Into<String>) -> Self {
        self.links.push((href.into(), text.into()));
        self
    }

    fn parts(&self) -> &'static [(&'static str, &'static str)] {
        &PARTS
    }
}

impl Act {
    /// A form of the part that begins `at`, with the session's form token; what it does, it does once: it has
    /// a key.
    pub fn new(
        frame: Frame,
        at: &'static str,
        title: impl Into<String>,
        action: impl Into<String>,
        csrf: &str,
    ) -> Self {
        let key = uuid::Uuid::new_v4().simple().to_string();
        Self {
            frame,
            at,
            title: title.into(),
            lead: Vec::new(),
            action: action.into(),
            hidden: vec![("csrf", csrf.to_owned()), ("form", key)],
            entries: Vec::new(),
            button: "Do it",
            is_danger: false,
            back: at,
            problem: None,
        }
    }

    /// A sentence above the form.
    #[must_use]
    pub fn lead(mut self, text: impl Into<String>) -> Self {
        self.lead.push(text.into());
        self
    }

    /// Another field.
    #[must_use]
    pub fn entry(mut self, entry: Entry) -> Self {
        self.entries.push(entry);
        self
    }

    /// What the button says.
    #[must_use]
    pub fn button(mut self, text: &'static str) -> Self {
        self.button = text;
        self
    }

    /// The same for what cannot be taken back.
    #[must_use]
    pub fn danger(mut self, text: &'static str) -> Self {
        (self.button, self.is_danger) = (text, true);
        self
    }

    /// Where to go without doing it.
    #[must_use]
    pub fn back(mut self, place: &'static str) -> Self {
        self.back = place;
        self
    }

    /// Why it was not done.
    #[must_use]
    pub fn problem(mut self, words: Option<String>) -> Self {
        self.problem = words;
        self
    }

    fn parts(&self) -> &'static [(&'static str, &'static str)] {
        &PARTS
    }
}

impl Cell {
    /// A link.
    pub fn link(href: impl Into<String>, text: &'static str, about: impl Into<String>) -> Self {
        Self::Links(vec![(href.into(), text)], about.into())
    }

    /// Words, or a dash for none.
    pub fn maybe(text: Option<impl Into<String>>) -> Self {
        Self::Text(text.map_or_else(|| "–".to_owned(), Into::into))
    }

    fn iso(time: &jiff::Timestamp) -> String {
        time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    }

    fn utc(time: &jiff::Timestamp) -> String {
        time.strftime("%Y-%m-%d %H:%M UTC").to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_somebody_wrote_stays_text_and_a_table_says_where_one_is() {
        let cells = vec![
            Cell::Text("<b>".to_owned()),
            Cell::Time("2026-11-28T12:00:00Z".parse().unwrap()),
            Cell::link("/admin/sagas/1", "Retry", "saga 1"),
        ];
        let table = Table {
            name: "Sagas",
            columns: vec!["A", "B", "C"],
            rows: vec![cells],
            empty: "None.",
            next: None,
        };
        let page = Tables::new(Frame::default(), "/admin/sagas", "Sagas").table(table);
        let html = page.render().unwrap();
        assert!(html.contains("&#60;b&#62;") && !html.contains("<b>"), "{html}");
        assert!(html.contains(r#"<a href="/admin/sagas" aria-current="page">Sagas</a>"#), "{html}");
        assert!(html.contains(r#"datetime="2026-11-28T12:00:00Z""#), "{html}");
        assert_eq!(html.matches("aria-current").count(), 1, "{html}");
    }

    #[test]
    fn a_form_has_a_key_of_its_own() {
        let form = || {
            let act = Act::new(Frame::default(), "/admin/sagas", "Retry?", "/x", "proof");
            act.entry(Entry::note("note", "a \"b\"")).danger("Retry").render().unwrap()
        };
        let (one, other) = (form(), form());
        assert_ne!(one, other);
        assert!(one.contains("value=\"proof\"") && one.contains("class=\"danger\""), "{one}");
    }
}
