//! The clock is moved to the closing time; the giveaway closes by itself.

use crate::demo::{Demo, client::time, story::thousands};

pub(super) async fn play(demo: &mut Demo) -> anyhow::Result<()> {
    let closes_at = time(&demo.public().await?, "closes_at")?;
    demo.client.move_clock_to(closes_at).await?;
    demo.reaches(&["closed", "committed", "drawn", "completed"]).await?;
    let entries = demo.public().await?["counts"]["entries"].as_u64().unwrap_or_default();
    demo.story.say(format_args!(
        "Closed on {} with {} entries.",
        closes_at.strftime("%-d %B %Y, %H:%M UTC"),
        thousands(entries)
    ));
    Ok(())
}
