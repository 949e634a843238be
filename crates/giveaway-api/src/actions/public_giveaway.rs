//! What everybody may know about a giveaway, at any time of its life.

use std::{collections::HashMap, time::Duration};

use contracts::room::Kind;
use draw::{
    codes::Currency,
    fixed::{Digest, LeafId},
    moment::Moment,
    rules::{PrizeUnit, Rules},
    succession::Succession,
};
use jiff::Timestamp;
use platform::clock::from_millis;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    domain::{giveaway::GiveawayState, winner::WinnerState},
    error::{Error, Result},
    ids::{GiveawayId, UnitId},
    service::Service,
    store::{
        draw as draws,
        entry_count::{self, Counts},
        giveaway, succession, winner,
    },
};

/// How long it is kept if nobody says that it has changed. Whatever changes it does say so; this is for what
/// a restart of the cache loses.
const KEPT: Duration = Duration::from_secs(5);

/// A giveaway, as its page shows it. Nothing in it is personal: winners are leaves.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct PublicGiveaway {
    /// Its id.
    pub id: GiveawayId,
    /// Its name.
    pub title: String,
    /// What the host says about it, as plain text.
    pub description: String,
    /// Where it stands.
    pub state: GiveawayState,
    /// Our clock, so that a page can count down with it.
    pub server_time: Timestamp,
    /// When entries are taken from.
    #[schema(value_type = jiff::Timestamp)]
    pub opens_at: Moment,
    /// When entries are taken until.
    #[schema(value_type = jiff::Timestamp)]
    pub closes_at: Moment,
    /// When entries are frozen.
    pub freeze_at: Option<Timestamp>,
    /// When winners are drawn.
    #[schema(value_type = jiff::Timestamp)]
    pub draw_at: Moment,
    /// How many have entered.
    pub counts: Counts,
    /// What can be won.
    pub prizes: Vec<PublicPrize>,
    /// The hash of the rules.
    #[schema(value_type = String, pattern = "^[0-9a-f]{64}$")]
    pub rules_hash: Digest,
    /// The rules.
    #[schema(value_type = crate::http::draw_schemas::RulesSchema)]
    pub rules: Rules,
    /// The round of the beacon that decides: that of the rules, or, after a late commitment, a later
    /// one.
    pub round: u64,
    /// From the freeze on: the hash of the commitment. Whoever notes it before the draw can show
    /// later what was committed to.
    #[schema(value_type = Option<String>, pattern = "^[0-9a-f]{64}$")]
    pub manifest_hash: Option<Digest>,
    /// From the draw on: who holds which prize.
    pub winners: Option<Vec<PublicWinner>>,
}

/// So many prizes of one kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PublicPrize {
    /// What it is.
    pub description: String,
    /// Where it can be spent.
    pub merchant: String,
    /// What it is worth.
    pub value: PublicValue,
    /// How many of them.
    pub count: u32,
}

/// What a prize is worth, as the rules say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PublicValue {
    /// In minor units of the currency.
    pub minor: u64,
    /// The currency.
    #[schema(value_type = String, pattern = "^[A-Z]{3}$")]
    pub currency: Currency,
}

/// A prize and who holds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PublicWinner {
    /// The prize.
    pub unit: UnitId,
    /// Whose leaf was drawn for it, or succeeded to it; null when nobody was left.
    #[schema(value_type = Option<String>, pattern = "^[0-9a-f]{32}$")]
    pub leaf: Option<LeafId>,
    /// Where that winner stands; null when there is none.
    pub state: Option<WinnerState>,
}

/// What is kept of a giveaway for everybody who looks at it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Known {
    /// What everybody may know.
    pub(super) giveaway: PublicGiveaway,
    /// Prizes that passed on, in the order in which they did.
    pub(super) successions: Vec<Succession>,
}

/// What everybody may know about a giveaway.
///
/// # Errors
/// Before it is published: then it does not exist for the public.
pub async fn public_giveaway(service: &Service, id: GiveawayId) -> Result<PublicGiveaway> {
    Ok(known(service, id).await?.giveaway)
}

/// The same, and what belongs to it: as it was after the last change, from the cache.
///
/// # Errors
/// Before it is published.
pub(super) async fn known(service: &Service, id: GiveawayId) -> Result<Known> {
    // What is told of its room outdates the key of that name.
    let key = Kind::Giveaway.room(id);
    let mut known =
        service.roles.cache.remember(&key, KEPT, async || read(service, id).await).await?;
    known.giveaway.server_time = service.clock.now();
    Ok(known)
}

async fn read(service: &Service, id: GiveawayId) -> Result<Known> {
    let db = service.db.read();
    let giveaway = giveaway::find(db, id).await?.ok_or(Error::NotFound("giveaway"))?;
    let state = giveaway.state()?;
    if !state.is_public() {
        return Err(Error::NotFound("giveaway"));
    }
    let rules = giveaway.rules()?;
    let draw = draws::find(db, id).await?;
    let is_drawn = draw.as_ref().is_some_and(|draw| draw.drawn_at.is_some());
    let (winners, successions) = match is_drawn {
        true => (
            Some(holders(&rules, &winner::of_giveaway(db, id).await?)?),
            succession::of_giveaway(db, id).await?,
        ),
        false => (None, Vec::new()),
    };
    let giveaway = PublicGiveaway {
        id,
        state,
        server_time: service.clock.now(),
        opens_at: rules.opens_at,
        closes_at: rules.closes_at,
        freeze_at: giveaway.freeze_at.map(from_millis),
        draw_at: rules.draw_at,
        counts: entry_count::read(db, id).await?,
        prizes: prizes(&rules),
        rules_hash: rules.hash(),
        round: draw.as_ref().map_or(Ok(rules.round), draws::Model::round)?,
        manifest_hash: draw.as_ref().map(draws::Model::manifest_hash).transpose()?,
        winners,
        title: giveaway.title,
        description: giveaway.description,
        rules,
    };
    Ok(Known { giveaway, successions })
}

/// Units that are the same and follow each other, as one line.
fn prizes(rules: &Rules) -> Vec<PublicPrize> {
    let mut prizes: Vec<PublicPrize> = Vec::new();
    for unit in &rules.units {
        let value = PublicValue { minor: unit.value_minor, currency: unit.currency };
        match prizes.last_mut() {
            Some(last)
                if last.value == value
                    && last.description == unit.description
                    && last.merchant == unit.merchant =>
            {
                last.count += 1;
            }
            _ => prizes.push(PublicPrize {
                description: unit.description.clone(),
                merchant: unit.merchant.clone(),
                value,
                count: 1,
            }),
        }
    }
    prizes
}

/// The present holder of each unit: the one who was selected for it last.
fn holders(rules: &Rules, winners: &[winner::Model]) -> Result<Vec<PublicWinner>> {
    let mut latest: HashMap<UnitId, &winner::Model> = HashMap::new();
    for winner in winners {
        latest.insert(UnitId(winner.unit_id), winner);
    }
    let holder = |unit: &PrizeUnit| {
        let unit = UnitId(unit.unit.0);
        let winner = latest.get(&unit);
        Ok(PublicWinner {
            unit,
            leaf: winner.map(|winner| winner.leaf()),
            state: winner.map(|winner| winner.state()).transpose()?,
        })
    };
    rules.units.iter().map(holder).collect()
}
