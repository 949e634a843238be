//! Winners follow the link in their mail, claim, and see their card's code once.

use std::collections::BTreeSet;

use anyhow::Context as _;
use http::StatusCode;
use serde_json::{Value, json};

use crate::demo::{
    Demo,
    client::{Answer, minor, text, wait_for},
    state::Card,
    story::money,
};

/// A winner as the host sees it.
#[derive(Debug, Clone)]
pub(super) struct Winner {
    pub(super) id: String,
    pub(super) unit: String,
    pub(super) state: String,
    pub(super) claim_until: jiff::Timestamp,
}

/// Who will not claim: the winners of the first and the last unit, as they were drawn.
pub(super) struct Aside {
    pub(super) declines: String,
    pub(super) lapses: String,
}

pub(super) async fn play(demo: &mut Demo) -> anyhow::Result<()> {
    let winners = demo.winners().await?;
    let aside = Aside::of(&winners)?;
    let mut claimed = 0;
    let mut value = 0;
    for winner in winners {
        if winner.unit == aside.declines || winner.unit == aside.lapses {
            continue;
        }
        value += claim(demo, &winner).await?.minor;
        claimed += 1;
    }
    demo.story.say(format_args!(
        "{claimed} winners read their mail and claimed cards worth {} together.",
        money(value)
    ));
    demo.story.say(format_args!(
        "Each code was shown once, by the gift-card side alone: no queue, log or link ever held it."
    ));
    Ok(())
}

impl Aside {
    /// By the units' ids, whose order never changes.
    pub(super) fn of(winners: &[Winner]) -> anyhow::Result<Self> {
        let units: BTreeSet<&String> = winners.iter().map(|winner| &winner.unit).collect();
        let first = units.first().context("nobody has won")?;
        let last = units.last().context("nobody has won")?;
        anyhow::ensure!(first != last, "the story needs at least two winners");
        Ok(Self { declines: (*first).clone(), lapses: (*last).clone() })
    }
}

/// Claims and reveals, whatever of it was done before.
pub(super) async fn claim(demo: &mut Demo, winner: &Winner) -> anyhow::Result<Card> {
    if let Some(card) = demo.state.known().cards.get(&winner.id) {
        return Ok(card.clone());
    }
    let revealed = loop {
        let answer = follow_link(demo, &winner.id).await?;
        let reveal_token = text(&answer["card"], "reveal_token")?;
        let revealed = demo
            .client
            .post("/api/giftcard/v1/cards/reveal")
            .json(json!({"token": reveal_token}))
            .answer()
            .await?;
        if revealed.status.is_success() {
            break revealed.body;
        }
        // An earlier run looked and died before it noted the code. A fresh mail shows it again.
        ask_for_fresh_mail(demo, &winner.id).await?;
    };
    let card = Card {
        id: text(&revealed, "card_id")?,
        unit: winner.unit.clone(),
        merchant_name: text(&revealed, "merchant_name")?,
        minor: minor(&revealed, "value")?,
        code: text(&revealed, "code")?,
    };
    let kept = card.clone();
    demo.state.learn(|known| {
        known.cards.insert(winner.id.clone(), kept);
    })?;
    Ok(card)
}

/// Follows the newest link until there is a card to reveal.
async fn follow_link(demo: &Demo, winner: &str) -> anyhow::Result<Value> {
    loop {
        let token = newest_link(demo, winner, 0).await?.token;
        let answer = wait_for("the card to be issued", async || {
            let answer = post_claim(demo, &token).await?;
            let ready = !answer.status.is_success() || answer.body["card"].is_object();
            Ok(ready.then_some(answer))
        })
        .await?;
        if answer.status == StatusCode::OK {
            return Ok(answer.body);
        }
        anyhow::ensure!(
            answer.status.is_client_error(),
            "the claim was answered with {}: {}",
            answer.status,
            answer.code()
        );
        ask_for_fresh_mail(demo, winner).await?;
    }
}

async fn post_claim(demo: &Demo, token: &str) -> anyhow::Result<Answer> {
    demo.client.post("/api/giveaway/v1/claims").json(json!({"token": token})).answer().await
}

async fn ask_for_fresh_mail(demo: &Demo, winner: &str) -> anyhow::Result<()> {
    let link = newest_link(demo, winner, 0).await?;
    demo.client
        .post("/api/giveaway/v1/claims/resend")
        .json(json!({"token": link.token}))
        .ok()
        .await?;
    newest_link(demo, winner, link.mails).await?;
    Ok(())
}

/// A link in a mail.
pub(super) struct Link {
    pub(super) token: String,
    /// How many mails this winner has by now.
    mails: usize,
}

/// The link in the newest mail to this winner, once there are more than `had` mails.
pub(super) async fn newest_link(demo: &Demo, winner: &str, had: usize) -> anyhow::Result<Link> {
    wait_for("a winner's mail", async || {
        let mut mails = Vec::new();
        for template in [contracts::mail::WINNER, contracts::mail::CARD_LINK] {
            let path = format!("/dev/mail.json?template={template}");
            let found = demo.client.all(&path, "").await?;
            mails.extend(found.into_iter().filter(|mail| {
                mail["mail_id"].as_str().is_some_and(|id| id.split(':').nth(1) == Some(winner))
            }));
        }
        if mails.len() <= had {
            return Ok(None);
        }
        mails.sort_by_key(|mail| mail["id"].as_str().unwrap_or_default().to_owned());
        let text = mails.last().and_then(|mail| mail["text"].as_str()).unwrap_or_default();
        let token = token_in(text).context("a winner's mail has no link")?;
        Ok(Some(Link { token, mails: mails.len() }))
    })
    .await
}

/// The token of the first link of a mail: what follows the last `=` or `/`.
fn token_in(text: &str) -> Option<String> {
    let link =
        text.split_whitespace().find(|word| word.contains("://") && word.contains("claim"))?;
    let token = link.rsplit(['=', '/']).next()?;
    let token =
        token.trim_end_matches(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_');
    (!token.is_empty()).then(|| token.to_owned())
}

impl Demo {
    /// All winners so far, those who stepped aside among them.
    pub(super) async fn winners(&mut self) -> anyhow::Result<Vec<Winner>> {
        let host = self.host().await?;
        let id = self.state.giveaway()?;
        let path = format!("/api/giveaway/v1/giveaways/{id}/winners");
        let listed = self.client.all(&path, &host).await?;
        listed
            .iter()
            .map(|winner| {
                Ok(Winner {
                    id: text(winner, "id")?,
                    unit: text(winner, "unit")?,
                    state: text(winner, "state")?,
                    claim_until: crate::demo::client::time(winner, "claim_until")?,
                })
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_is_found_in_a_mails_text() {
        let check = |text: &str, token: Option<&str>| {
            assert_eq!(token_in(text).as_deref(), token, "{text}");
        };
        check("Claim: http://h.example/claim?token=Ab-c_1\nBye", Some("Ab-c_1"));
        check("Claim (http://h.example/claim/Ab-c_1).", Some("Ab-c_1"));
        check("See http://h.example/g/gvw_1", None);
    }
}
