//! `handsel bench calls`: durable calls, direct calls, or both in turn.

use std::{process::ExitCode, time::Duration};

use anyhow::Context as _;
use bytes::Bytes;

use super::{
    args::CallsArgs,
    echo::Client,
    load::{Load, Measured},
    report::{Compared, Figures, Run, Single, ratio},
    setup::Setup,
};
use crate::out;

/// Connects, fills caches and lets code settle. Nothing of it is counted.
const WARM_UP: Duration = Duration::from_secs(1);

/// How often a comparison changes sides. Whatever else the machine does in the meantime then falls on
/// both, and the spread of the ratios shows how much there was of it.
const ROUNDS: u32 = 5;

/// Measures and prints.
pub(super) async fn run(args: &CallsArgs) -> anyhow::Result<ExitCode> {
    args.check()?;
    let setup = Setup::start(args).await?;
    let load = Load { in_flight: args.in_flight, payload: payload(args.payload) };
    let measuring = Measuring { args, load, time: Duration::from_secs(args.seconds.into()) };
    let is_sound = match (&setup.durable, &setup.direct) {
        (Some(durable), Some(direct)) => measuring.compare(&setup, durable, direct).await?,
        (Some(durable), None) => measuring.one("durable", &setup, durable).await?,
        (None, direct) => {
            let direct = direct.as_ref().context("there is nothing to measure")?;
            measuring.one("direct", &setup, direct).await?
        }
    };
    setup.stop().await;
    Ok(if is_sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

struct Measuring<'a> {
    args: &'a CallsArgs,
    load: Load,
    time: Duration,
}

impl Measuring<'_> {
    async fn one(
        &self,
        what: &'static str,
        setup: &Setup,
        client: &Client,
    ) -> anyhow::Result<bool> {
        self.load.run(client, "warm-up", WARM_UP).await?;
        let measured = self.load.run(client, what, self.time).await?;
        let run = Run::new(what, self.args, setup);
        let single = Single { run, figures: Figures::of(&measured) };
        self.print(&single, single.lines());
        Ok(single.figures.is_sound())
    }

    async fn compare(
        &self,
        setup: &Setup,
        durable: &Client,
        direct: &Client,
    ) -> anyhow::Result<bool> {
        for client in [direct, durable] {
            self.load.run(client, "warm-up", WARM_UP).await?;
        }
        let mut all = [Measured::new()?, Measured::new()?];
        let mut ratios = Vec::new();
        for _ in 0..ROUNDS {
            let durable = self.load.run(durable, "durable", self.time / ROUNDS).await?;
            let direct = self.load.run(direct, "direct", self.time / ROUNDS).await?;
            all[0].add(&durable)?;
            all[1].add(&direct)?;
            ratios.push(ratio(&durable, &direct));
        }
        let [durable, direct] = all;
        let compared = Compared {
            run: Run::new("compare", self.args, setup),
            durable: Figures::of(&durable),
            direct: Figures::of(&direct),
            ratio: ratio(&durable, &direct),
            ratios,
        };
        self.print(&compared, compared.lines());
        Ok(compared.durable.is_sound() && compared.direct.is_sound())
    }

    fn print(&self, json: &impl serde::Serialize, lines: Vec<String>) {
        if self.args.json {
            out::json(json);
        } else {
            lines.into_iter().for_each(out::line);
        }
    }
}

/// Bytes that do not compress into nothing, should anything on the way try.
fn payload(bytes: u32) -> Bytes {
    (0..bytes).map(|at| at.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect()
}
