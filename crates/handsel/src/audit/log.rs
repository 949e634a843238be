//! What the provider says it did, whichever provider it is.

use std::collections::BTreeMap;

use jiff::Timestamp;
use platform::{
    Db,
    clock::from_millis,
    provider::{
        Payment, PaymentStatus, Provider as _, StripeProvider, Transfer, TransferStatus, stripe,
    },
};
use sea_orm::{ConnectionTrait as _, DbBackend, Statement};
use serde::Deserialize;

use crate::{
    config::{Config, ProviderKind},
    node::bank::FILE,
};

/// Entries of the log read at once.
const PAGE: u32 = 500;

/// An entry of the provider's log.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Effect {
    pub(super) seq: i64,
    pub(super) at: Timestamp,
    pub(super) kind: String,
    pub(super) object_id: String,
    pub(super) reference: String,
    pub(super) amount_minor: i64,
    pub(super) currency: String,
    pub(super) destination: Option<String>,
}

/// The whole log: what Stripe lists, or the sandbox bank's file when it belongs to this data folder, or
/// what that bank tells over HTTP.
///
/// # Errors
/// When it cannot be read: then invariants 7 and 9 are not known to hold.
pub(super) async fn read(config: &Config) -> anyhow::Result<Vec<Effect>> {
    if config.provider.kind == ProviderKind::Stripe {
        return read_stripe(config).await;
    }
    if config.provider.is_in_process() {
        let file = config.data_dir.join(FILE);
        // Before the first start there is no bank, and nothing can have moved.
        return if file.exists() { read_file(&file).await } else { Ok(Vec::new()) };
    }
    let http = reqwest::Client::builder().no_proxy().build()?;
    let mut log: Vec<Effect> = Vec::new();
    loop {
        let after = log.last().map_or(0, |effect| effect.seq);
        let page: Page = http
            .get(format!("{}/v1/log?limit={PAGE}&after={after}", config.provider.url))
            .bearer_auth(config.provider.api_key.reveal())
            .send()
            .await?
            .error_for_status()?
            .json()
            .await?;
        log.extend(page.items);
        if !page.has_more {
            return Ok(log);
        }
    }
}

#[derive(Deserialize)]
struct Page {
    items: Vec<Effect>,
    has_more: bool,
}

async fn read_file(file: &std::path::Path) -> anyhow::Result<Vec<Effect>> {
    let db = Db::sqlite_read_only(file).await?;
    let query = "SELECT seq, at_ms, kind, object_id, reference, amount_minor, currency, destination \
                 FROM effects ORDER BY seq";
    let rows = db.read().query_all_raw(Statement::from_string(DbBackend::Sqlite, query)).await?;
    let log = rows.iter().map(|row| {
        Ok(Effect {
            seq: row.try_get("", "seq")?,
            at: from_millis(row.try_get("", "at_ms")?),
            kind: row.try_get("", "kind")?,
            object_id: row.try_get("", "object_id")?,
            reference: row.try_get("", "reference")?,
            amount_minor: row.try_get("", "amount_minor")?,
            currency: row.try_get("", "currency")?,
            destination: row.try_get("", "destination")?,
        })
    });
    let log = log.collect();
    db.close().await;
    log
}

/// Stripe has objects and no log: each that moved money is an entry, and so is its way back. Its lists
/// tell an object again when it has changed; the last word counts.
async fn read_stripe(config: &Config) -> anyhow::Result<Vec<Effect>> {
    let crate::config::Provider { url, api_key, webhook_secret, .. } = &config.provider;
    let url = if url.is_empty() { stripe::BASE_URL } else { url };
    let provider = StripeProvider::new(url, api_key.reveal(), webhook_secret.reveal())?;
    let (mut transfers, mut after) = (BTreeMap::new(), None);
    loop {
        let page = provider.transfers(after.as_deref()).await?;
        transfers.extend(page.items.into_iter().map(|transfer| (transfer.id.clone(), transfer)));
        if !page.has_more {
            break;
        }
        after = page.cursor;
    }
    let (mut payments, mut after) = (BTreeMap::new(), None);
    loop {
        let page = provider.payments(after.as_deref()).await?;
        payments.extend(page.items.into_iter().map(|payment| (payment.id.clone(), payment)));
        if !page.has_more {
            break;
        }
        after = page.cursor;
    }
    let moved = transfers.into_values().flat_map(of_transfer);
    let mut log: Vec<_> = moved.chain(payments.into_values().filter_map(of_payment)).collect();
    for (seq, effect) in (1..).zip(&mut log) {
        effect.seq = seq;
    }
    Ok(log)
}

fn of_transfer(transfer: Transfer) -> Vec<Effect> {
    let kinds: &[&str] = match transfer.status {
        TransferStatus::Pending | TransferStatus::Failed => &[],
        TransferStatus::Paid => &["transfer.paid"],
        TransferStatus::Reversed => &["transfer.paid", "transfer.reversed"],
    };
    let of = |kind: &&str| Effect {
        seq: 0,
        at: transfer.created_at,
        kind: (*kind).to_owned(),
        object_id: transfer.id.clone(),
        reference: transfer.provider_ref.clone(),
        amount_minor: transfer.amount.minor,
        currency: transfer.amount.currency.clone(),
        destination: Some(transfer.destination.clone()),
    };
    kinds.iter().map(of).collect()
}

fn of_payment(payment: Payment) -> Option<Effect> {
    match payment.status {
        PaymentStatus::Pending | PaymentStatus::Failed => None,
        PaymentStatus::Paid | PaymentStatus::ChargedBack => Some(Effect {
            seq: 0,
            at: payment.created_at,
            kind: "payment.paid".to_owned(),
            object_id: payment.id,
            reference: payment.reference,
            amount_minor: payment.amount.minor,
            currency: payment.amount.currency,
            destination: None,
        }),
    }
}
