//! Both ledgers, each checked for itself, and what they say to be compared. Nothing is written.

use anyhow::Context as _;
use jiff::Timestamp;
use ledger::audit::ReferenceSum;
use platform::{Db, db::DbConfig};

use super::{
    Violation,
    bank::{Booked, Movement},
};
use crate::config::Config;

/// What both ledgers say, each checked for itself.
#[derive(Debug)]
pub(super) struct Books {
    /// What a service finds wrong alone.
    pub(super) violations: Vec<Violation>,
    /// The clearing legs of both.
    pub(super) legs: Vec<ReferenceSum>,
    /// Transfers that we hold for moved.
    pub(super) transfers: Vec<Booked>,
    /// Payments that were credited.
    pub(super) payments: Vec<Booked>,
}

impl Books {
    /// Reads and checks both.
    ///
    /// # Errors
    /// When a database is missing or cannot be read.
    pub(super) async fn read(config: &Config, now: Timestamp) -> anyhow::Result<Self> {
        let mut books =
            Self { violations: vec![], legs: vec![], transfers: vec![], payments: vec![] };
        // giftcard-api's leg of an escrow follows giveaway-api's, so it is read first: what is
        // posted in between looks unpaired and young, never old.
        let giftcard = open(config, "giftcard", &config.giftcard.database).await?;
        let read = books.read_giftcard(&giftcard, now).await;
        giftcard.close().await;
        read.context("the books of giftcard-api")?;
        let giveaway = open(config, "giveaway", &config.giveaway.database).await?;
        let read = books.read_giveaway(&giveaway, now).await;
        giveaway.close().await;
        read.context("the books of giveaway-api")?;
        Ok(books)
    }

    /// What both sides report alike.
    fn take(
        &mut self,
        books: &'static str,
        violations: Vec<ledger::audit::Violation>,
        legs: Vec<ReferenceSum>,
    ) {
        self.violations.extend(violations.into_iter().map(|found| Violation {
            invariant: found.invariant,
            books,
            what: found.what,
            rows: found.rows,
        }));
        self.legs.extend(legs);
    }

    async fn read_giftcard(&mut self, db: &Db, now: Timestamp) -> anyhow::Result<()> {
        use giftcard_api::audit::{AuditPart, Limits, run};
        let AuditPart { violations, escrow_legs, transfers } =
            run(db.read(), now, &Limits::default()).await?;
        self.take("giftcard", violations, escrow_legs);
        self.transfers.extend(transfers.into_iter().map(|transfer| Booked {
            row: format!("settlement {}", transfer.settlement_id),
            movement: Movement {
                destination: transfer.destination,
                came_back: transfer.is_reversed,
                ..Movement::new(transfer.provider_id, transfer.provider_ref, transfer.amount)
            },
        }));
        Ok(())
    }

    async fn read_giveaway(&mut self, db: &Db, now: Timestamp) -> anyhow::Result<()> {
        use giveaway_api::audit::{AuditPart, Limits, run};
        let AuditPart { violations, escrow_legs, payments, withdrawals } =
            run(db.read(), now, &Limits::default()).await?;
        self.take("giveaway", violations, escrow_legs);
        self.transfers.extend(withdrawals.into_iter().map(|withdrawal| Booked {
            row: format!("withdrawal {}", withdrawal.provider_ref),
            movement: Movement {
                destination: withdrawal.destination,
                came_back: withdrawal.is_reversed,
                ..Movement::new(withdrawal.provider_id, withdrawal.provider_ref, withdrawal.amount)
            },
        }));
        self.payments.extend(payments.into_iter().map(|payment| Booked {
            row: format!("payment {}", payment.payment_id),
            movement: Movement::new(payment.payment_id, String::new(), payment.gross),
        }));
        Ok(())
    }
}

async fn open(config: &Config, service: &str, database: &DbConfig) -> anyhow::Result<Db> {
    if database.url.is_empty() {
        Db::sqlite_read_only(&config.data_dir.join(format!("{service}.db"))).await
    } else {
        Db::open(database, service, &config.data_dir).await
    }
}
