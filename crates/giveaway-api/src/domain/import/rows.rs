//! A file's rows, one after the other, with the lines they begin on.

use std::io::{Chain, Read};

use csv::{ByteRecord, Reader, ReaderBuilder, Terminator};

use super::{Columns, Row, WrongHeader};

/// Why a file cannot be read on.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// Its first line is wrong.
    #[error(transparent)]
    Header(#[from] WrongHeader),
    /// It broke off.
    #[error("the file could not be read to its end")]
    Cut(#[from] csv::Error),
}

/// The rows of a file.
#[derive(Debug)]
pub struct Rows<R> {
    reader: Reader<Chain<R, &'static [u8]>>,
    columns: Columns,
}

/// A row and the line it begins on, the header being line 1.
#[derive(Debug, PartialEq, Eq)]
pub struct Numbered {
    /// The line.
    pub line: u64,
    /// The row, or everything that is wrong with it.
    pub row: Result<Row, String>,
}

impl<R: Read> Rows<R> {
    /// Reads the header.
    ///
    /// # Errors
    /// When it is not as it should be.
    pub fn open(file: R) -> Result<Self, Unreadable> {
        let mut reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            // Only this tells lines right: with the usual terminator the line feed behind a carriage
            // return belongs to the next row. The carriage return is trimmed from the last field.
            .terminator(Terminator::Any(b'\n'))
            // A last line without its line feed is a line as well.
            .from_reader(file.chain(&b"\n"[..]));
        let mut header = ByteRecord::new();
        reader.read_byte_record(&mut header)?;
        Ok(Self { reader, columns: Columns::of(&header)? })
    }

    /// The next row, or none at the end. Empty lines are no rows.
    ///
    /// # Errors
    /// When the file breaks off.
    pub fn next(&mut self, this_year: u16) -> Result<Option<Numbered>, csv::Error> {
        let mut record = ByteRecord::new();
        while self.reader.read_byte_record(&mut record)? {
            if record.len() == 1 && record.as_slice().trim_ascii().is_empty() {
                continue;
            }
            // Counted back from the end, because the reader skips empty lines before a row.
            let inside = record.as_slice().iter().filter(|byte| **byte == b'\n').count() as u64;
            let line = self.reader.position().line().saturating_sub(1 + inside);
            return Ok(Some(Numbered { line, row: self.columns.read(record, this_year) }));
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_told_with_either_line_end() {
        fn check(line_end: &str) {
            let file = [
                "entered_at,email,name,country,birth_year,ip,verified,referred_by",
                "1,a@example.org,\"A,",
                "B\",DE,1990,,true,\"\"",
                "2,nobody,,DE,1990,,true,",
                "",
                "3,b@example.org,,DE,1990,,perhaps,",
                "4,c@example.org",
            ];
            let file = file.join(line_end);
            let mut rows = Rows::open(file.as_bytes()).unwrap();
            let mut told = Vec::new();
            while let Some(Numbered { line, row }) = rows.next(2026).unwrap() {
                told.push((line, row.err()));
            }
            let malformed = |reason: &str| Some(reason.to_owned());
            let expected = [
                (2, None),
                (4, malformed("the address has no @")),
                (6, malformed("verified is neither true nor false")),
                (7, malformed("the row has 2 fields, not 8")),
            ];
            assert_eq!(told, expected, "{line_end:?}");
        }
        check("\n");
        check("\r\n");
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_the_header() {
        let file = "\u{feff}entered_at,email,name,country,birth_year,ip,verified,referred_by\r\n";
        assert!(Rows::open(file.as_bytes()).unwrap().next(2026).unwrap().is_none());
    }

    #[test]
    fn a_wrong_header_is_told() {
        let header = |file: &'static str| match Rows::open(file.as_bytes()) {
            Err(Unreadable::Header(header)) => Some(header),
            _ => None,
        };
        assert_eq!(header(""), Some(WrongHeader::Empty));
        assert_eq!(header("\r\n"), Some(WrongHeader::Empty));
        assert!(header("email,name\n").is_some());
    }
}
