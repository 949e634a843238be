//! What is needed to look around afterwards: tokens of those who take part, and cards with something
//! on them. In a file that only its owner can read, because both are worth something, if only in a
//! demo: they have no place on a screen that is shared or in a log.

use std::{fmt::Write as _, path::PathBuf};

use platform::keys::write_atomically;

use super::{Demo, cast::MERCHANTS, story::money};

/// Cards of each merchant that are offered to be spent.
const CARDS: usize = 3;

/// Writes the file and returns where it is.
///
/// # Errors
/// When a token cannot be minted or the file not be written.
pub(crate) async fn write(demo: &mut Demo) -> anyhow::Result<PathBuf> {
    let mut text =
        String::from("Test money only. Sign in at the till with a merchant's token.\n\n");
    writeln!(text, "{:<24}{}", "administrator", demo.admin.reveal())?;
    writeln!(text, "{:<24}{}", "host", demo.host().await?)?;
    for (index, merchant) in MERCHANTS.iter().enumerate() {
        writeln!(text, "{:<24}{}", merchant.name, demo.merchant(index).await?)?;
    }
    for merchant in MERCHANTS {
        writeln!(text, "\nCards of {} that are not spent:", merchant.name)?;
        let mut cards: Vec<_> = demo
            .state
            .known()
            .cards
            .values()
            .filter(|card| card.merchant_name == merchant.name)
            .collect();
        // The story spends cards in the order of their units.
        cards.sort_by(|left, right| right.unit.cmp(&left.unit));
        for card in cards.into_iter().take(CARDS) {
            writeln!(text, "  {}  {}", card.code, money(card.minor))?;
        }
    }
    let path = demo.config.data_dir.join("try-it.txt");
    write_atomically(&path, text.as_bytes())?;
    Ok(path)
}
