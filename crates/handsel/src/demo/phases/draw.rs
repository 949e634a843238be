//! The freeze, the commitment, and the round that decides.

use anyhow::Context as _;
use jiff::SignedDuration;

use super::publish::short;
use crate::demo::{
    Demo,
    client::{text, time},
    pace::for_people,
};

/// The states from the commitment on.
const COMMITTED: [&str; 3] = ["committed", "drawn", "completed"];
/// Between two rounds of the sandbox beacon.
const BEACON_PERIOD: SignedDuration = SignedDuration::from_secs(3);

/// The states from the draw on.
const DRAWN: [&str; 2] = ["drawn", "completed"];

pub(super) async fn play(demo: &mut Demo) -> anyhow::Result<()> {
    let public = demo.public().await?;
    demo.until(time(&public, "freeze_at")?).await?;
    demo.reaches(&COMMITTED).await?;
    let id = demo.state.giveaway()?.to_owned();
    let commitment =
        demo.client.get(format!("/api/giveaway/v1/giveaways/{id}/manifest")).ok().await?;
    let (hash, key) = (text(&commitment, "hash")?, text(&commitment, "public_key")?);
    // Noted before the round is public, as an entrant would who wants to check later.
    demo.state.learn(|known| {
        known.seen = Some(hash.clone());
        known.instance_key = Some(key);
    })?;
    demo.story.say(format_args!(
        "{} entries are frozen and committed to: manifest {}.",
        commitment["manifest"]["leaves"],
        short(&hash)
    ));

    let public = demo.public().await?;
    // The round that decides is the first at or after that time.
    let public_by = time(&public, "draw_at")? + BEACON_PERIOD;
    demo.until(public_by).await?;
    demo.reaches(&DRAWN).await?;
    let public = demo.public().await?;
    let winners = public["winners"].as_array().context("the public page names no winners")?;
    demo.story.say(format_args!(
        "Beacon round {} came {} later and drew {} winners.",
        public["round"],
        for_people(demo.pace.lead),
        winners.len()
    ));
    Ok(())
}
