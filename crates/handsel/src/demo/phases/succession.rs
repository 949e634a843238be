//! One winner declines, one lets the deadline pass; the next alternates take those very prizes.

use serde_json::json;

use super::{
    claim::{Aside, Winner, claim, newest_link},
    verify::fetch_and_verify,
};
use crate::demo::{Demo, client::wait_for, pace::for_people};

pub(super) async fn play(demo: &mut Demo) -> anyhow::Result<()> {
    let Aside { declines, lapses } = Aside::of(&demo.winners().await?)?;
    if let Holder::AsDrawn(winner) = holder(demo, &declines).await? {
        let token = newest_link(demo, &winner.id, 0).await?.token;
        demo.client
            .post("/api/giveaway/v1/claims/decline")
            .json(json!({"token": token}))
            .ok()
            .await?;
    }
    let successor = wait_for_successor(demo, &declines).await?;
    claim(demo, &successor).await?;
    demo.story.say(format_args!("One winner declined; the first alternate took that prize."));

    if let Holder::AsDrawn(winner) = holder(demo, &lapses).await? {
        demo.until(winner.claim_until).await?;
    }
    let successor = wait_for_successor(demo, &lapses).await?;
    claim(demo, &successor).await?;
    demo.story.say(format_args!(
        "One let the {} pass; the next alternate took that prize.",
        for_people(demo.pace.claim)
    ));

    demo.reaches(&["completed"]).await?;
    let (_, report) = fetch_and_verify(demo).await?;
    let replacements: u64 = report.winners.iter().map(|place| u64::from(place.replacements)).sum();
    demo.story.say(format_args!(
        "The giveaway is completed. The transcript now tells of {replacements} replacements, and still verifies."
    ));
    Ok(())
}

/// Who holds a unit's prize now.
enum Holder {
    /// The winner who was drawn for it.
    AsDrawn(Winner),
    /// An alternate who took the place of another.
    Alternate(Winner),
    /// Nobody: somebody left, and the next is not there yet.
    Nobody,
}

/// Judged from one answer: between two, the prize may pass on.
async fn holder(demo: &mut Demo, unit: &str) -> anyhow::Result<Holder> {
    let of_unit: Vec<Winner> =
        demo.winners().await?.into_iter().filter(|winner| winner.unit == unit).collect();
    let is_first = of_unit.len() == 1;
    let holds = |winner: &Winner| matches!(winner.state.as_str(), "selected" | "claimed");
    Ok(match of_unit.into_iter().find(holds) {
        Some(winner) if is_first => Holder::AsDrawn(winner),
        Some(winner) => Holder::Alternate(winner),
        None => Holder::Nobody,
    })
}

async fn wait_for_successor(demo: &mut Demo, unit: &str) -> anyhow::Result<Winner> {
    wait_for("an alternate to step in", async || match holder(demo, unit).await? {
        Holder::Alternate(winner) => Ok(Some(winner)),
        Holder::AsDrawn(_) | Holder::Nobody => Ok(None),
    })
    .await
}
