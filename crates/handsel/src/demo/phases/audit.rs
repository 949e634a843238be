//! The books are audited beside the running server.

use crate::{
    audit::{self, Age, Audited},
    demo::{Demo, client::time},
};

pub(super) async fn play(demo: &mut Demo) -> anyhow::Result<()> {
    let audited = demo.audited().await?;
    if audited.is_clean() {
        demo.story.say(format_args!(
            "Both ledgers and the bank's log, against {} invariants: no violation.",
            Audited::checked()
        ));
    } else {
        for line in audited.lines() {
            demo.story.say(line);
        }
    }
    Ok(())
}

impl Demo {
    /// Audits at the end of the story, when all money is in its place.
    pub(crate) async fn audited(&self) -> anyhow::Result<Audited> {
        let now = time(&self.client.get("/dev/clock").ok().await?, "now")?;
        audit::audit(&self.config, now, Age::Quiet).await
    }
}
