//! The closing time comes; the giveaway closes by itself.

use crate::demo::{Demo, client::time, pace::for_people, story::thousands};

pub(super) async fn play(demo: &mut Demo) -> anyhow::Result<()> {
    let closes_at = time(&demo.public().await?, "closes_at")?;
    demo.until(closes_at).await?;
    demo.reaches(&["closed", "committed", "drawn", "completed"]).await?;
    let entries = demo.public().await?["counts"]["entries"].as_u64().unwrap_or_default();
    demo.story.say(format_args!(
        "Closed after {}, on {}, with {} entries.",
        for_people(demo.pace.open),
        closes_at.strftime("%-d %B %Y, %H:%M UTC"),
        thousands(entries)
    ));
    Ok(())
}
