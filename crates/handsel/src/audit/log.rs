//! What the provider says it did, whichever provider it is.

use jiff::Timestamp;
use platform::{
    Db,
    clock::from_millis,
    provider::{Payment, PaymentStatus, ProviderKind, Transfer, TransferStatus},
};
use sea_orm::{ConnectionTrait as _, DbBackend, QueryResult, Statement};
use serde::Deserialize;

use crate::{config::Config, node::bank::FILE};

/// Entries of the log read at once.
const PAGE: u32 = 500;

/// An entry of the provider's log.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Effect {
    /// Its place; none where a provider has objects and no log, and may tell an object again.
    pub(super) seq: Option<i64>,
    pub(super) at: Timestamp,
    pub(super) kind: String,
    pub(super) object_id: String,
    pub(super) reference: String,
    pub(super) amount_minor: i64,
    pub(super) currency: String,
    pub(super) destination: Option<String>,
}

/// Tells the whole log, a page at a time: what Stripe lists, or the sandbox bank's file when it belongs
/// to this data folder, or what that bank tells over HTTP.
///
/// # Errors
/// When it cannot be read: then invariants 7 and 9 are not known to hold.
pub(super) async fn read(config: &Config, mut tell: impl FnMut(Effect)) -> anyhow::Result<()> {
    if config.provider.kind == ProviderKind::Stripe {
        return read_stripe(config, tell).await;
    }
    if config.provider.is_in_process() {
        let file = config.data_dir.join(FILE);
        // Before the first start there is no bank, and nothing can have moved.
        return if file.exists() { read_file(&file, tell).await } else { Ok(()) };
    }
    let http = reqwest::Client::builder().no_proxy().build()?;
    let mut after = 0;
    loop {
        let page: Page = http
            .get(format!("{}/v1/log?limit={PAGE}&after={after}", config.provider.url))
            .bearer_auth(config.provider.api_key.reveal())
            .send()
            .await?
            .error_for_status()?
            .json()
            .await?;
        after = page.items.last().and_then(|effect| effect.seq).unwrap_or(after);
        page.items.into_iter().for_each(&mut tell);
        if !page.has_more {
            return Ok(());
        }
    }
}

#[derive(Deserialize)]
struct Page {
    items: Vec<Effect>,
    has_more: bool,
}

async fn read_file(file: &std::path::Path, mut tell: impl FnMut(Effect)) -> anyhow::Result<()> {
    let db = Db::sqlite_read_only(file).await?;
    let mut after = Some(0);
    let mut read = Ok(());
    while let (Some(seq), Ok(())) = (after, &read) {
        match page_of_file(&db, seq).await {
            Ok(page) => {
                after = page.last().and_then(|effect| effect.seq);
                page.into_iter().for_each(&mut tell);
            }
            Err(error) => read = Err(error),
        }
    }
    db.close().await;
    read
}

async fn page_of_file(db: &Db, after: i64) -> anyhow::Result<Vec<Effect>> {
    let query = "SELECT seq, at_ms, kind, object_id, reference, amount_minor, currency, destination \
                 FROM effects WHERE seq > $1 ORDER BY seq LIMIT $2";
    let values = [after.into(), i64::from(PAGE).into()];
    let query = Statement::from_sql_and_values(DbBackend::Sqlite, query, values);
    let rows = db.read().query_all_raw(query).await?;
    let effect = |row: &QueryResult| {
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
    };
    rows.iter().map(effect).collect()
}

/// Stripe has objects and no log: each that moved money is an entry, and so is its way back. Its lists
/// tell an object again when it has changed; the last word counts.
async fn read_stripe(config: &Config, mut tell: impl FnMut(Effect)) -> anyhow::Result<()> {
    let provider = config.provider.connect()?;
    let mut after = None;
    loop {
        let page = provider.transfers(after.as_deref()).await?;
        page.items.into_iter().flat_map(of_transfer).for_each(&mut tell);
        if !page.has_more {
            break;
        }
        after = page.cursor;
    }
    let mut after = None;
    loop {
        let page = provider.payments(after.as_deref()).await?;
        page.items.into_iter().filter_map(of_payment).for_each(&mut tell);
        if !page.has_more {
            return Ok(());
        }
        after = page.cursor;
    }
}

fn of_transfer(transfer: Transfer) -> Vec<Effect> {
    let kinds: &[&str] = match transfer.status {
        TransferStatus::Pending | TransferStatus::Failed => &[],
        TransferStatus::Paid => &["transfer.paid"],
        TransferStatus::Reversed => &["transfer.paid", "transfer.reversed"],
    };
    let of = |kind: &&str| Effect {
        seq: None,
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
            seq: None,
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
