//! The books are audited beside the running server.

use crate::{
    audit::{self, Age, Audited},
    demo::Demo,
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
    /// Audits at the end of the story, when all money is in its place, but that of other stories in the same
    /// fleet.
    pub(crate) async fn audited(&self) -> anyhow::Result<Audited> {
        let now = self.now().await?;
        let age = if self.pace.is_shared() { Age::Running { now } } else { Age::Quiet };
        audit::audit(&self.config, now, age).await
    }
}
