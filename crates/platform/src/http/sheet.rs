//! A table as a CSV file that is safe to open in a spreadsheet.

use axum::response::{IntoResponse, Response};
use http::header;

use super::Problem;

/// What a cell holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell {
    /// Text, of whoever wrote it.
    Text(String),
    /// A whole number, as we computed it.
    Number(i64),
    /// Nothing.
    Empty,
}

/// A table with a header. As an answer it is a file to download.
#[derive(Debug)]
pub struct Sheet {
    name: String,
    writer: csv::Writer<Vec<u8>>,
}

impl Sheet {
    /// An empty table, offered under a file name: letters, digits, `-` and `_` of it, and `.csv`.
    ///
    /// # Errors
    /// Never for a header in memory.
    pub fn new(name: &str, header: &[&str]) -> Result<Self, csv::Error> {
        let name: String =
            name.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')).collect();
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(header)?;
        Ok(Self { name, writer })
    }

    /// Adds a row.
    ///
    /// # Errors
    /// When it has another number of cells than the header.
    pub fn row(&mut self, cells: impl IntoIterator<Item = Cell>) -> Result<(), csv::Error> {
        self.writer.write_record(cells.into_iter().map(|cell| match cell {
            Cell::Text(text) => harmless(text),
            Cell::Number(number) => number.to_string(),
            Cell::Empty => String::new(),
        }))
    }
}

impl IntoResponse for Sheet {
    fn into_response(self) -> Response {
        let name = self.name;
        match self.writer.into_inner() {
            Ok(bytes) => {
                let disposition = format!("attachment; filename=\"{name}.csv\"");
                let headers = [
                    (header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
                    (header::CONTENT_DISPOSITION, disposition),
                ];
                (headers, bytes).into_response()
            }
            Err(error) => Problem::unexpected(anyhow::anyhow!("a table was not written: {error}"))
                .into_response(),
        }
    }
}

/// Spreadsheets take text that begins like a formula for one, also behind blanks; an apostrophe
/// keeps it text (OWASP, CSV injection).
fn harmless(text: String) -> String {
    let first = text.trim_start_matches([' ', '\t', '\r', '\n']).chars().next();
    let is_formula = first
        .is_some_and(|c| matches!(c, '=' | '+' | '-' | '@' | '＝' | '＋' | '－' | '＠'))
        || text.starts_with(['\t', '\r', '\n']);
    if is_formula { format!("'{text}") } else { text }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    #[test]
    fn formulas_become_text() {
        let check = |text: &str, written: &str| assert_eq!(harmless(text.to_owned()), written);
        check("Winter", "Winter");
        check("=1+1", "'=1+1");
        check(" @SUM(A1)", "' @SUM(A1)");
        check("\tx", "'\tx");
        check("-5", "'-5");
        check("a=b", "a=b");
        check("", "");
    }

    #[tokio::test]
    async fn a_sheet_is_a_file() {
        let mut uneven = Sheet::new("uneven", &["what", "minor"]).unwrap();
        assert!(uneven.row([Cell::Empty]).is_err());
        let mut sheet = Sheet::new("statement; 2026", &["what", "minor"]).unwrap();
        sheet.row([Cell::Text("a, \"b\"".to_owned()), Cell::Number(-5)]).unwrap();
        sheet.row([Cell::Empty, Cell::Number(7)]).unwrap();
        let response = sheet.into_response();
        let disposition = response.headers()[header::CONTENT_DISPOSITION].to_str().unwrap();
        assert_eq!(disposition, "attachment; filename=\"statement2026.csv\"");
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(bytes, "what,minor\n\"a, \"\"b\"\"\",-5\n,7\n");
    }
}
