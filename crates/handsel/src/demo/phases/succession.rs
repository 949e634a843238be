//! One winner declines, one lets the deadline pass; the next alternates take those very prizes.

use serde_json::json;

use super::{
    claim::{Aside, Winner, claim, newest_link},
    verify::fetch_and_verify,
};
use crate::demo::{Demo, client::wait_for};

pub(super) async fn play(demo: &mut Demo) -> anyhow::Result<()> {
    let Aside { declines, lapses } = Aside::of(&demo.winners().await?)?;
    if let Some(winner) = holder(demo, &declines).await?
        && is_first(demo, &winner).await?
    {
        let token = newest_link(demo, &winner.id, 0).await?.token;
        demo.client
            .post("/api/giveaway/v1/claims/decline")
            .json(json!({"token": token}))
            .ok()
            .await?;
    }
    let successor = successor(demo, &declines).await?;
    claim(demo, &successor).await?;
    demo.story.say(format_args!("One winner declined; the first alternate took that prize."));

    if let Some(winner) = holder(demo, &lapses).await?
        && is_first(demo, &winner).await?
    {
        demo.client.move_clock_to(winner.claim_until).await?;
    }
    let successor = self::successor(demo, &lapses).await?;
    claim(demo, &successor).await?;
    demo.story
        .say(format_args!("One let the fourteen days pass; the next alternate took that prize."));

    demo.reaches(&["completed"]).await?;
    let (_, report) = fetch_and_verify(demo).await?;
    let replacements: u64 = report.winners.iter().map(|place| u64::from(place.replacements)).sum();
    demo.story.say(format_args!(
        "The giveaway is completed. The transcript now tells of {replacements} replacements, and still verifies."
    ));
    Ok(())
}

/// Who holds a unit's prize now, if somebody does.
async fn holder(demo: &mut Demo, unit: &str) -> anyhow::Result<Option<Winner>> {
    let winners = demo.winners().await?;
    Ok(winners.into_iter().find(|winner| {
        winner.unit == unit && matches!(winner.state.as_str(), "selected" | "claimed")
    }))
}

/// Whether nobody was drawn for the unit before.
async fn is_first(demo: &mut Demo, winner: &Winner) -> anyhow::Result<bool> {
    let winners = demo.winners().await?;
    Ok(winners.iter().filter(|other| other.unit == winner.unit).count() == 1)
}

/// The alternate who holds the unit, once there is one.
async fn successor(demo: &mut Demo, unit: &str) -> anyhow::Result<Winner> {
    wait_for("an alternate to step in", async || match holder(demo, unit).await? {
        Some(winner) if !is_first(demo, &winner).await? => Ok(Some(winner)),
        _ => Ok(None),
    })
    .await
}
