//! Both ledgers, each checked for itself, and what they say to be compared, a page at a time. Nothing
//! is written.

use anyhow::Context as _;
use jiff::Timestamp;
use platform::{Db, db::DbConfig};

use super::{
    Age, Violation,
    bank::{Booked, Movement},
    pairs::{self, Legs},
};
use crate::config::Config;

/// Both ledgers.
#[derive(Debug)]
pub(crate) struct Books {
    /// What giveaway-api has written.
    pub(crate) giveaway: Db,
    /// What giftcard-api has written.
    pub(crate) giftcard: Db,
}

impl Books {
    /// Opens those of an installation.
    ///
    /// # Errors
    /// When a database is missing or cannot be reached.
    pub(super) async fn open(config: &Config) -> anyhow::Result<Self> {
        let giveaway = open(config, "giveaway", &config.giveaway.database).await?;
        match open(config, "giftcard", &config.giftcard.database).await {
            Ok(giftcard) => Ok(Self { giveaway, giftcard }),
            Err(error) => {
                giveaway.close().await;
                Err(error)
            }
        }
    }

    pub(super) async fn close(self) {
        self.giftcard.close().await;
        self.giveaway.close().await;
    }

    /// What each service finds wrong alone.
    ///
    /// # Errors
    /// When a database cannot be read.
    pub(super) async fn violations(&self, now: Timestamp) -> anyhow::Result<Vec<Violation>> {
        let limits = giftcard_api::audit::Limits::default();
        let giftcard = giftcard_api::audit::violations(self.giftcard.read(), now, &limits).await;
        let limits = giveaway_api::audit::Limits::default();
        let giveaway = giveaway_api::audit::violations(self.giveaway.read(), now, &limits).await;
        let of = |books: &'static str| {
            move |found: ledger::audit::Violation| Violation {
                invariant: found.invariant,
                books,
                what: found.what,
                rows: found.rows,
            }
        };
        let giftcard = giftcard.context("the books of giftcard-api")?.into_iter();
        let giveaway = giveaway.context("the books of giveaway-api")?.into_iter();
        Ok(giftcard.map(of("giftcard")).chain(giveaway.map(of("giveaway"))).collect())
    }

    /// Escrows whose legs in the two ledgers do not cancel each other.
    ///
    /// # Errors
    /// When a database cannot be read.
    pub(super) async fn unpaired(&self, age: Age) -> anyhow::Result<Vec<Violation>> {
        let giftcard = Legs::new(async |after| {
            giftcard_api::audit::escrow_legs(self.giftcard.read(), after).await
        });
        let giveaway = Legs::new(async |after| {
            giveaway_api::audit::escrow_legs(self.giveaway.read(), after).await
        });
        pairs::unpaired(giftcard, giveaway, age).await
    }

    /// Shows every transfer that we hold for moved: settlements, then withdrawals.
    ///
    /// # Errors
    /// When a database cannot be read.
    pub(super) async fn each_transfer(&self, mut show: impl FnMut(Booked)) -> anyhow::Result<()> {
        let mut last: Option<String> = None;
        loop {
            let page =
                giftcard_api::audit::transfers(self.giftcard.read(), last.as_deref()).await?;
            let Some(end) = page.last() else { break };
            last = Some(end.provider_ref.clone());
            page.into_iter().map(settled).for_each(&mut show);
        }
        let mut last: Option<String> = None;
        loop {
            let page =
                giveaway_api::audit::withdrawals(self.giveaway.read(), last.as_deref()).await?;
            let Some(end) = page.last() else { break };
            last = Some(end.provider_ref.clone());
            page.into_iter().map(withdrawn).for_each(&mut show);
        }
        Ok(())
    }

    /// Shows every payment that was credited.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub(super) async fn each_payment(&self, mut show: impl FnMut(Booked)) -> anyhow::Result<()> {
        let mut last: Option<String> = None;
        loop {
            let page = giveaway_api::audit::payments(self.giveaway.read(), last.as_deref()).await?;
            let Some(end) = page.last() else { return Ok(()) };
            last = Some(end.payment_id.clone());
            page.into_iter().map(paid).for_each(&mut show);
        }
    }
}

fn settled(transfer: giftcard_api::audit::SettledTransfer) -> Booked {
    Booked {
        row: format!("settlement {}", transfer.settlement_id),
        movement: Movement {
            destination: transfer.destination,
            came_back: transfer.is_reversed,
            ..Movement::new(transfer.provider_id, transfer.provider_ref, transfer.amount)
        },
    }
}

fn withdrawn(withdrawal: giveaway_api::audit::PaidWithdrawal) -> Booked {
    Booked {
        row: format!("withdrawal {}", withdrawal.provider_ref),
        movement: Movement {
            destination: withdrawal.destination,
            came_back: withdrawal.is_reversed,
            ..Movement::new(withdrawal.provider_id, withdrawal.provider_ref, withdrawal.amount)
        },
    }
}

fn paid(payment: giveaway_api::audit::PostedPayment) -> Booked {
    Booked {
        row: format!("payment {}", payment.payment_id),
        movement: Movement::new(payment.payment_id, String::new(), payment.gross),
    }
}

async fn open(config: &Config, service: &str, database: &DbConfig) -> anyhow::Result<Db> {
    if database.url.is_empty() {
        Db::sqlite_read_only(&config.data_dir.join(format!("{service}.db"))).await
    } else {
        Db::open(database, service, &config.data_dir).await
    }
}
