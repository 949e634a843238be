//! People enter: a file that the host collected, and some who enter again by themselves.

use anyhow::Context as _;
use giveaway_api::{domain::address::Address, sample};
use serde_json::{Value, json};

use crate::demo::{Demo, Entries, story::thousands};

/// So many persons of the file enter once more over the public form.
const ENTER_AGAIN: usize = 3;

/// A person of the file, as they fill in the form.
#[derive(Debug)]
struct Again {
    email: String,
    country: String,
    birth_year: i32,
}

pub(super) async fn play(demo: &mut Demo) -> anyhow::Result<()> {
    let host = demo.host().await?;
    let id = demo.state.giveaway()?.to_owned();
    let file = file(demo)?;
    let again = who_enters_again(&file)?;
    let imported = demo
        .client
        .post(format!("/api/giveaway/v1/giveaways/{id}/entries/import"))
        .token(&host)
        .csv(file)
        .ok()
        .await?;
    let number = |member: &str| thousands(imported[member].as_u64().unwrap_or_default());
    demo.story.say(format_args!(
        "{} rows: {} persons, {} repeated rows, {} rows without a usable address (each listed with its reason).",
        number("rows"), number("persons"), number("duplicates"), number("malformed_count"),
    ));
    demo.story.say(format_args!(
        "{} persons have a verified address; {} of them may win under the rules.",
        number("persons_verified"),
        number("eligible")
    ));
    demo.state.learn(|known| known.imported = Some(imported.clone()))?;
    let before = persons(demo).await?;
    for person in &again {
        enter_twice(demo, &id, person).await?;
    }
    let after = persons(demo).await?;
    anyhow::ensure!(before == after, "a repeated entry made a second person of somebody");
    demo.story.say(format_args!(
        "{} of them enter once more over the form: each is answered as if for the first time, and counts once.",
        again.len()
    ));
    Ok(())
}

fn file(demo: &Demo) -> anyhow::Result<Vec<u8>> {
    match &demo.entries {
        Entries::File(path) => std::fs::read(path)
            .with_context(|| format!("--entries: cannot read {}", path.display())),
        Entries::MadeUp { rows } => Ok(sample::entrants(demo.state.known().seed, *rows).csv),
    }
}

/// Persons whose address is verified already, so that nothing about them changes.
fn who_enters_again(file: &[u8]) -> anyhow::Result<Vec<Again>> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(file);
    let headers = reader.byte_headers().context("--entries: the header cannot be read")?.clone();
    let column = |name: &str| headers.iter().position(|header| header == name.as_bytes());
    let (Some(email), Some(country), Some(year), Some(verified)) =
        (column("email"), column("country"), column("birth_year"), column("verified"))
    else {
        // The import says what is wrong with the header.
        return Ok(Vec::new());
    };
    let again = reader
        .byte_records()
        .filter_map(Result::ok)
        .filter_map(|row| {
            let text = |index: usize| std::str::from_utf8(row.get(index)?).ok().map(str::trim);
            // Malformed rows are the import's business; a person has an address.
            let email = text(email).filter(|email| Address::of(email).is_ok())?;
            let is_verified = text(verified)?.eq_ignore_ascii_case("true");
            is_verified.then(|| {
                Some(Again {
                    email: email.to_owned(),
                    country: text(country)?.to_owned(),
                    birth_year: text(year)?.parse().ok()?,
                })
            })?
        })
        .take(ENTER_AGAIN);
    Ok(again.collect())
}

async fn enter_twice(demo: &Demo, id: &str, person: &Again) -> anyhow::Result<()> {
    let body = json!({
        "email": person.email,
        "country": person.country,
        "birth_year": person.birth_year,
    });
    let enter = async || {
        let path = format!("/api/giveaway/v1/giveaways/{id}/entries");
        demo.client.post(path).json(body.clone()).ok().await
    };
    let (first, second) = (enter().await?, enter().await?);
    anyhow::ensure!(
        first["status"] == second["status"],
        "a repeated entry was answered with {} instead of {}",
        second["status"],
        first["status"]
    );
    Ok(())
}

async fn persons(demo: &Demo) -> anyhow::Result<Value> {
    Ok(demo.public().await?["counts"].clone())
}
