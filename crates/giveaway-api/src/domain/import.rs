//! Reading a host's file of entrants: the header, each row, and what the file amounts to.

mod rows;

use std::collections::{HashMap, hash_map};

use csv::{ByteRecord, StringRecord};
use draw::{codes::Country, leaf::Reason, rules::Eligibility};
use serde::Serialize;

pub use rows::{Numbered, Rows, Unreadable};
use utoipa::ToSchema;

use super::{
    address::CanonicalAddress,
    eligibility::judge,
    entry::{Applicant, Form},
};

/// The columns a file has, in any order. `ip` is taken, because exports have it, and not kept.
pub const COLUMNS: [&str; 8] =
    ["entered_at", "email", "name", "country", "birth_year", "ip", "verified", "referred_by"];

/// So many malformed rows are listed in a report; all are counted.
const LISTED_MAX: usize = 1_000;

/// Where each column stands in this file.
#[derive(Clone, Debug)]
pub struct Columns {
    positions: [usize; COLUMNS.len()],
}

/// Why a file is refused as a whole.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WrongHeader {
    /// No first line.
    #[error("the file is empty; its first line must be {}", COLUMNS.join(","))]
    Empty,
    /// The first line does not name the columns.
    #[error("the first line must name the columns {}; {problem}", COLUMNS.join(","))]
    Columns {
        /// The first difference.
        problem: String,
    },
}

/// A well-formed row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The person.
    pub applicant: Applicant,
    /// Whether the host has verified the address.
    pub verified: bool,
}

/// A row that was skipped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct MalformedRow {
    /// The line on which it begins, the header being line 1.
    pub line: u64,
    /// Everything that is wrong with it.
    pub reason: String,
}

/// What a file amounts to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Report {
    /// Rows below the header.
    pub rows: u64,
    /// Rows that were skipped; the first thousand.
    pub malformed: Vec<MalformedRow>,
    /// Rows that were skipped; all of them.
    pub malformed_count: u64,
    /// Well-formed rows of a person who had one before.
    pub duplicates: u64,
    /// Different persons.
    pub persons: u64,
    /// Persons of whom at least one row is verified.
    pub persons_verified: u64,
    /// Verified persons who may win.
    pub eligible: u64,
}

/// Adds up a file row by row.
#[derive(Debug)]
pub struct Tally {
    report: Report,
    persons: HashMap<CanonicalAddress, Person>,
}

#[derive(Clone, Copy, Debug)]
struct Person {
    country: Option<Country>,
    birth_year: Option<u16>,
    verified: bool,
}

impl Columns {
    /// Reads the header.
    ///
    /// # Errors
    /// When a column is missing, unknown, or there twice: whoever wrote the file meant something
    /// else by it, and guessing would enter the wrong people.
    pub fn of(header: &ByteRecord) -> Result<Self, WrongHeader> {
        let refuse = |problem: String| Err(WrongHeader::Columns { problem });
        if header.iter().all(|name| name.trim_ascii().is_empty()) {
            return Err(WrongHeader::Empty);
        }
        let mut positions = [None; COLUMNS.len()];
        for (position, name) in header.iter().enumerate() {
            let name = String::from_utf8_lossy(name);
            let Some(column) = COLUMNS.iter().position(|column| *column == name.trim()) else {
                let shown: String = name.chars().take(40).collect();
                return refuse(format!("{shown:?} is none of them"));
            };
            if positions[column].replace(position).is_some() {
                return refuse(format!("{} is named twice", COLUMNS[column]));
            }
        }
        let mut found = [0; COLUMNS.len()];
        for ((found, position), column) in found.iter_mut().zip(positions).zip(COLUMNS) {
            match position {
                Some(position) => *found = position,
                None => return refuse(format!("{column} is missing")),
            }
        }
        Ok(Self { positions: found })
    }

    /// Reads a row.
    ///
    /// # Errors
    /// Everything that is wrong with it, in one sentence without any of its content.
    pub fn read(&self, record: ByteRecord, this_year: u16) -> Result<Row, String> {
        let record = StringRecord::from_byte_record(record)
            .map_err(|_| "the row is not UTF-8 text".to_owned())?;
        if record.len() != COLUMNS.len() {
            return Err(format!("the row has {} fields, not {}", record.len(), COLUMNS.len()));
        }
        let [entered_at, email, name, country, birth_year, _ip, verified, referred_by] =
            self.positions.map(|position| record[position].trim());
        let form = Form { email, name, country, birth_year, referred_by };
        let applicant = Applicant::check(&form, this_year);
        let mut reasons: Vec<String> = match &applicant {
            Ok(_) => Vec::new(),
            Err(errors) => errors.iter().map(|error| error.reason.clone()).collect(),
        };
        let verified = match verified.to_ascii_lowercase().as_str() {
            "true" => true,
            "false" | "" => false,
            _ => {
                reasons.push("verified is neither true nor false".to_owned());
                false
            }
        };
        if !entered_at.is_empty() && entered_at.parse::<u64>().is_err() {
            reasons.push("entered_at is not a number of seconds since 1970".to_owned());
        }
        match applicant {
            Ok(applicant) if reasons.is_empty() => Ok(Row { applicant, verified }),
            _ => Err(reasons.join("; ")),
        }
    }
}

impl Tally {
    /// Nothing counted yet.
    pub fn new() -> Self {
        Self { report: Report::default(), persons: HashMap::new() }
    }

    /// Counts a well-formed row. A person's first one decides country and birth year; any one
    /// verifies the person.
    pub fn row(&mut self, row: &Row) {
        self.report.rows += 1;
        let Row { applicant: Applicant { address, country, birth_year, .. }, verified } = row;
        match self.persons.entry(address.canonical.clone()) {
            hash_map::Entry::Occupied(mut known) => {
                self.report.duplicates += 1;
                known.get_mut().verified |= verified;
            }
            hash_map::Entry::Vacant(new) => {
                new.insert(Person {
                    country: *country,
                    birth_year: *birth_year,
                    verified: *verified,
                });
            }
        }
    }

    /// Counts, and lists while there is room, a row that was skipped.
    pub fn malformed(&mut self, line: u64, reason: String) {
        self.report.rows += 1;
        self.report.malformed_count += 1;
        if self.report.malformed.len() < LISTED_MAX {
            self.report.malformed.push(MalformedRow { line, reason });
        }
    }

    /// What the file amounts to under these rules.
    pub fn report(self, rules: &Eligibility) -> Report {
        let mut report = self.report;
        for person in self.persons.values() {
            report.persons += 1;
            report.persons_verified += u64::from(person.verified);
            let reason = judge(rules, person.country, person.birth_year, person.verified);
            report.eligible += u64::from(reason == Reason::None);
        }
        report
    }
}

impl Default for Tally {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(text: &str) -> ByteRecord {
        ByteRecord::from(text.split(',').collect::<Vec<_>>())
    }

    fn columns() -> Columns {
        Columns::of(&record(&COLUMNS.join(","))).unwrap()
    }

    #[test]
    fn a_header_has_exactly_the_columns_in_any_order() {
        fn check(header: &str, problem: Option<&str>) {
            let told = Columns::of(&record(header)).err().map(|error| error.to_string());
            match problem {
                None => assert_eq!(told, None, "{header}"),
                Some(problem) => assert!(told.clone().unwrap().contains(problem), "{told:?}"),
            }
        }
        check("entered_at,email,name,country,birth_year,ip,verified,referred_by", None);
        check("email,entered_at,name,country, birth_year ,ip,verified,referred_by", None);
        check("", Some("empty"));
        check("email,name", Some("entered_at is missing"));
        check(
            "entered_at,email,name,country,birth_year,ip,verified",
            Some("referred_by is missing"),
        );
        check("email,email", Some("email is named twice"));
        check("e-mail", Some("\"e-mail\" is none of them"));
        check("1790000020,anna@example.org,Anna,DE,1990,203.0.113.7,true,", Some("none of them"));
    }

    #[test]
    fn columns_are_found_wherever_they_stand() {
        let columns = Columns::of(&record(
            "verified,email,name,country,birth_year,ip,entered_at,referred_by",
        ));
        let row = columns.unwrap().read(record("TRUE,a@example.org,A,DE,1990,,7,"), 2026).unwrap();
        assert!(row.verified);
        assert_eq!(row.applicant.birth_year, Some(1990));
    }

    #[test]
    fn a_malformed_row_tells_everything_that_is_wrong() {
        let check = |row: &str, expected: &str| {
            assert_eq!(columns().read(record(row), 2026).unwrap_err(), expected, "{row}");
        };
        check("7,no-at,A,DE,1990,,true,", "the address has no @");
        check("7,a@example.org,A,DE,1990,,yes,", "verified is neither true nor false");
        check("7,a@example.org,A,DE,90,,true,", "the birth year is not a year from 1900 to 2026");
        check(
            "x,@b,A,D,1990,,,",
            "the part before the @ is empty; the country is not a code of \
            two letters; entered_at is not a number of seconds since 1970",
        );
        check("7,a@example.org", "the row has 2 fields, not 8");
        let binary = ByteRecord::from(vec![&b"7"[..], b"a@b.c", b"\xff", b"", b"", b"", b"", b""]);
        assert_eq!(columns().read(binary, 2026).unwrap_err(), "the row is not UTF-8 text");
    }

    #[test]
    fn the_first_row_decides_and_any_row_verifies() {
        let rules = Eligibility { birth_year_max: Some(2008), ..Eligibility::default() };
        let check = |rows: &[&str], persons, duplicates, verified, eligible| {
            let mut tally = Tally::new();
            for row in rows {
                tally.row(&columns().read(record(row), 2026).unwrap());
            }
            let report = tally.report(&rules);
            let counted =
                (report.persons, report.duplicates, report.persons_verified, report.eligible);
            assert_eq!(counted, (persons, duplicates, verified, eligible), "{rows:?}");
        };
        check(&[], 0, 0, 0, 0);
        check(&["7,a@b.c,A,DE,2008,,true,"], 1, 0, 1, 1);
        check(&["7,a@b.c,A,DE,2008,,false,", "8,A+x@b.c,,DE,2010,,true,"], 1, 1, 1, 1);
        check(&["7,a@b.c,A,DE,2010,,true,", "8,A+x@b.c,,DE,2008,,true,"], 1, 1, 1, 0);
        check(&["7,a@b.c,A,DE,2008,,false,", "8,b@b.c,,DE,2008,,,"], 2, 0, 0, 0);
    }

    #[test]
    fn the_list_of_malformed_rows_ends_and_the_count_does_not() {
        let mut tally = Tally::new();
        for line in 2..2_000 {
            tally.malformed(line, "bad".to_owned());
        }
        let report = tally.report(&Eligibility::default());
        assert_eq!(report.malformed.len(), LISTED_MAX);
        assert_eq!((report.rows, report.malformed_count), (1_998, 1_998));
    }
}
