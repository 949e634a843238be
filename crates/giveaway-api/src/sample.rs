//! Made-up entrants, as messy as a host's export: for rehearsals without a file of one's own, and
//! as a check of the counting that does not share its code. The generator knows how many persons it
//! made, because it decides that first and spells them out afterwards.

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng, seq::IndexedRandom as _};

use crate::domain::import::COLUMNS;

/// Out of a hundred rows, so many have no usable address.
const MALFORMED_PERCENT: u32 = 2;
/// Out of a hundred rows, so many repeat a person who was there before.
const REPEATED_PERCENT: u32 = 13;
/// Out of a hundred rows, so many are of a verified address.
const VERIFIED_PERCENT: u32 = 88;

/// 2026-09-21, when the first row was entered; any date would do.
const FIRST_ENTERED_AT: u64 = 1_790_000_000;

const FIRST_NAMES: [&str; 12] = [
    "amal", "bente", "chiara", "dariusz", "eleni", "fatou", "goran", "hanna", "ilse", "joana",
    "kofi", "lucía",
];
const LAST_NAMES: [&str; 12] = [
    "adeyemi",
    "brandt",
    "costa",
    "dimitriou",
    "eriksen",
    "ferrari",
    "gonçalves",
    "horvat",
    "ivanova",
    "jansen",
    "kowalska",
    "łukaszewicz",
];
const COUNTRIES: [&str; 10] = ["BR", "CN", "DE", "ES", "FR", "GR", "IN", "NG", "PL", "US"];
const TAGS: [&str; 4] = ["+win", "+x1", "+giveaway", "+a.b+c"];

/// Domains with all their spellings; the first is the canonical one.
const DOMAINS: [&[&str]; 6] = [
    &["example.org", "EXAMPLE.org", "Example.Org"],
    &["example.net", "EXAMPLE.NET"],
    &["post.example", "POST.example"],
    &["xn--bcher-kva.example", "bücher.example", "BÜCHER.example", "XN--BCHER-KVA.EXAMPLE"],
    &["xn--nxasmm1c.example", "βόλος.example"],
    &[GMAIL, "GMAIL.com", "googlemail.com", "GoogleMail.com"],
];
const GMAIL: &str = "gmail.com";

/// What nobody can write to, for every reason that there is. The quotation marks and commas in
/// them also try the file format.
const MALFORMED: [&str; 16] = [
    "",
    "   ",
    "no-at-sign.example",
    "@nolocal.example",
    "+tag@nolocal.example",
    "nodomain@",
    "two@@example.org",
    "one@two@example.org",
    "spa ce@example.org",
    ".dot@example.org",
    "dot..dot@example.org",
    "\u{202e}gro.elpmaxe@example.org",
    "=SUM(1,2)@example.org",
    "\"quoted\"@example.org",
    "under@score_domain.example",
    "x'); DROP TABLE entry;--",
];

/// A file and what it holds, by construction.
#[derive(Debug)]
pub struct Sample {
    /// The file: CSV with a header.
    pub csv: Vec<u8>,
    /// What a correct reader finds in it.
    pub truth: Truth,
}

/// What a sample holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Truth {
    /// Rows below the header.
    pub rows: u64,
    /// Rows without a usable address.
    pub malformed: u64,
    /// Different persons.
    pub persons: u64,
    /// Rows of persons who had one before.
    pub duplicates: u64,
    /// Persons with at least one verified row.
    pub persons_verified: u64,
    /// Verified persons born in 2008 or earlier, in another country than CN.
    pub eligible: u64,
}

struct Person {
    local: String,
    domain: &'static [&'static str],
    name: String,
    country: &'static str,
    birth_year: u16,
    verified: bool,
}

/// Makes a file of `rows` entrants. The same seed gives the same file.
///
/// # Panics
/// Never: memory does not refuse to be written to.
pub fn entrants(seed: u64, rows: u32) -> Sample {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(COLUMNS).expect("memory can be written to");
    let mut persons: Vec<Person> = Vec::new();
    let mut truth = Truth { rows: rows.into(), ..Truth::default() };
    let mut entered_at = FIRST_ENTERED_AT;
    for _ in 0..rows {
        entered_at += u64::from(rng.random_range(1..40_u32));
        let verified = percent(&mut rng, VERIFIED_PERCENT);
        let row = if percent(&mut rng, MALFORMED_PERCENT) {
            truth.malformed += 1;
            let address = pick(&mut rng, &MALFORMED).to_owned();
            (address, "Nobody".to_owned(), "DE", 1990)
        } else if !persons.is_empty() && percent(&mut rng, REPEATED_PERCENT) {
            truth.duplicates += 1;
            let known = rng.random_range(0..persons.len());
            persons[known].verified |= verified;
            // A repeated row may claim another country and age; the first one counts.
            let country = pick(&mut rng, &COUNTRIES);
            let year = birth_year(&mut rng);
            (spelling(&mut rng, &persons[known]), persons[known].name.clone(), country, year)
        } else {
            let person = person(&mut rng, persons.len(), verified);
            let row = (
                spelling(&mut rng, &person),
                person.name.clone(),
                person.country,
                person.birth_year,
            );
            persons.push(person);
            row
        };
        let (address, name, country, year) = row;
        let referrer = match rng.random_range(0..10_u8) {
            0 if !persons.is_empty() => {
                let referrer = &persons[rng.random_range(0..persons.len())];
                format!("{}@{}", referrer.local, referrer.domain[0])
            }
            _ => String::new(),
        };
        let fields = [
            entered_at.to_string(),
            address,
            name,
            country.to_owned(),
            year.to_string(),
            format!("203.0.113.{}", rng.random_range(1..255_u8)),
            verified.to_string(),
            referrer,
        ];
        writer.write_record(fields).expect("memory can be written to");
    }
    for person in &persons {
        truth.persons += 1;
        truth.persons_verified += u64::from(person.verified);
        let may_win = person.verified && person.birth_year <= 2008 && person.country != "CN";
        truth.eligible += u64::from(may_win);
    }
    Sample { csv: writer.into_inner().expect("memory can be written to"), truth }
}

/// A new person: the number in the address makes them different from all others.
fn person(rng: &mut StdRng, number: usize, verified: bool) -> Person {
    let (first, last) = (pick(rng, &FIRST_NAMES), pick(rng, &LAST_NAMES));
    let separator = pick(rng, &["", ".", "_", "-"]);
    Person {
        local: format!("{first}{separator}{last}{number}"),
        domain: pick(rng, &DOMAINS),
        name: format!("{}, {}", capitalised(last), capitalised(first)),
        country: pick(rng, &COUNTRIES),
        birth_year: birth_year(rng),
        verified,
    }
}

/// One of the many ways to write a person's address.
fn spelling(rng: &mut StdRng, person: &Person) -> String {
    let mut local = person.local.clone();
    if person.domain[0] == GMAIL && percent(rng, 50) {
        let dotted: Vec<String> = local.split('.').map(ToOwned::to_owned).collect();
        local = dotted.concat();
        let mut characters: Vec<char> = local.chars().collect();
        characters.insert(rng.random_range(1..characters.len()), '.');
        local = characters.into_iter().collect();
    }
    if percent(rng, 10) {
        local = local.to_uppercase();
    }
    if percent(rng, 10) {
        local.push_str(pick(rng, &TAGS));
    }
    let before = if percent(rng, 3) { " " } else { "" };
    let after = if percent(rng, 3) { "\t" } else { "" };
    format!("{before}{local}@{}{after}", pick(rng, person.domain))
}

fn birth_year(rng: &mut StdRng) -> u16 {
    rng.random_range(1950..=2014)
}

fn percent(rng: &mut StdRng, chance: u32) -> bool {
    rng.random_range(0..100_u32) < chance
}

fn pick<T: Copy>(rng: &mut StdRng, choices: &[T]) -> T {
    *choices.choose(rng).expect("there is always a choice")
}

fn capitalised(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_file() {
        let one = entrants(1, 500);
        assert_eq!(one.csv, entrants(1, 500).csv);
        assert_ne!(one.csv, entrants(2, 500).csv);
        let Truth { rows, malformed, persons, duplicates, .. } = one.truth;
        assert_eq!(rows, 500);
        assert_eq!(malformed + persons + duplicates, rows);
        assert!(malformed > 0 && duplicates > 0);
    }
}
