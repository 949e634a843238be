//! What must be true once everything has come to rest: by the books, by the bank's log, and by both
//! together. The bank's log is nobody's but the bank's.

use std::collections::BTreeMap;

use sea_orm::{ConnectionTrait as _, Statement};

use crate::life::Life;

/// Everything that is wrong, in words with the rows that say so.
///
/// # Errors
/// When something cannot be asked: then nothing is known.
pub async fn violations(life: &Life) -> anyhow::Result<Vec<String>> {
    let mut found = books(life).await?;
    found.extend(transfers(life).await?);
    found.extend(payments(life).await?);
    found.extend(cash(life).await?);
    found.extend(escrows(life).await?);
    found.extend(cards(life).await?);
    found.extend(alerts(life).await?);
    Ok(found)
}

/// Both audits, and both legs of every escrow.
async fn books(life: &Life) -> anyhow::Result<Vec<String>> {
    let now = life.world.clock.now();
    let giveaway = giveaway_api::audit::Limits::default();
    let giveaway = giveaway_api::audit::run(life.world.giveaway.read(), now, &giveaway).await?;
    let giftcard = giftcard_api::audit::Limits::default();
    let giftcard = giftcard_api::audit::run(life.world.giftcard.read(), now, &giftcard).await?;
    let mut legs: BTreeMap<_, i64> = BTreeMap::new();
    for leg in giveaway.escrow_legs.iter().chain(&giftcard.escrow_legs) {
        *legs.entry(leg.reference).or_default() += leg.total.minor;
    }
    let unpaired = legs.into_iter().filter(|(_, rest)| *rest != 0).map(|(escrow, rest)| {
        format!("10: the legs of escrow {escrow} differ by {rest} minor units at rest")
    });
    let named = |service: &'static str| {
        move |found: ledger::audit::Violation| {
            format!("{}: {service}: {} {:?}", found.invariant, found.what, found.rows)
        }
    };
    Ok(unpaired
        .chain(giveaway.violations.into_iter().map(named("giveaway")))
        .chain(giftcard.violations.into_iter().map(named("giftcard")))
        .collect())
}

/// Each transfer of the bank is one attempt of ours, paid or reversed alike, and the other way round;
/// and no settlement was paid twice.
async fn transfers(life: &Life) -> anyhow::Result<Vec<String>> {
    let log = life.world.bank.log().await?;
    let mut at_bank: BTreeMap<&str, (i64, bool)> = BTreeMap::new();
    let mut found = Vec::new();
    for effect in log.iter().filter(|effect| effect.kind == "transfer.paid") {
        if at_bank.insert(&effect.reference, (effect.minor, false)).is_some() {
            found.push(format!("7: {} was paid twice", effect.reference));
        }
    }
    for effect in log.iter().filter(|effect| effect.kind == "transfer.reversed") {
        if let Some(paid) = at_bank.get_mut(effect.reference.as_str()) {
            paid.1 = true;
        }
    }
    let sql = "SELECT provider_ref, amount_minor, state FROM settlement_attempt \
               WHERE state IN ('paid', 'reversed')";
    let paid = |row: &sea_orm::QueryResult| {
        let state: String = row.try_get("", "state")?;
        anyhow::Ok((row.try_get("", "amount_minor")?, state == "reversed"))
    };
    let mut ours: BTreeMap<String, (i64, bool)> = BTreeMap::new();
    for row in rows(&life.world.giftcard, sql).await? {
        ours.insert(row.try_get("", "provider_ref")?, paid(&row)?);
    }
    let sql = "SELECT provider_ref, amount_minor, state FROM withdrawal \
               WHERE state IN ('paid', 'reversed')";
    for row in rows(&life.world.giveaway, sql).await? {
        ours.insert(row.try_get("", "provider_ref")?, paid(&row)?);
    }
    for (reference, paid) in &at_bank {
        match ours.get(*reference) {
            None => found.push(format!("7: the bank paid {reference}, which we know nothing of")),
            Some(known) if known != paid => {
                found.push(format!("7: {reference} is {paid:?} at the bank and {known:?} here"));
            }
            Some(_) => {}
        }
    }
    for reference in ours.keys().filter(|reference| !at_bank.contains_key(reference.as_str())) {
        found.push(format!("7: {reference} is paid here and not at the bank"));
    }
    Ok(found)
}

/// Each payment is credited once, in its amount.
async fn payments(life: &Life) -> anyhow::Result<Vec<String>> {
    let log = life.world.bank.log().await?;
    let mut at_bank: BTreeMap<String, i64> = BTreeMap::new();
    for effect in log.into_iter().filter(|effect| effect.kind == "payment.paid") {
        at_bank.insert(effect.object_id, effect.minor);
    }
    let sql = "SELECT payment_id, gross_minor FROM provider_payment";
    let mut ours: BTreeMap<String, i64> = BTreeMap::new();
    for row in rows(&life.world.giveaway, sql).await? {
        ours.insert(row.try_get("", "payment_id")?, row.try_get("", "gross_minor")?);
    }
    let different =
        at_bank.keys().chain(ours.keys()).filter(|id| at_bank.get(*id) != ours.get(*id));
    Ok(different
        .map(|id| {
            format!("9: payment {id}: {:?} at the bank, {:?} here", at_bank.get(id), ours.get(id))
        })
        .collect())
}

/// What both ledgers hold at the provider is what the provider holds for us.
async fn cash(life: &Life) -> anyhow::Result<Vec<String>> {
    let at_bank = life.world.bank.balance_minor().await?;
    let sql = "SELECT CAST(COALESCE(SUM(e.amount), 0) AS BIGINT) AS n FROM ledger_entry e \
               JOIN ledger_account a ON a.id = e.account_id WHERE a.kind = 'provider_clearing'";
    let giveaway = crate::life::count(&life.world.giveaway, sql).await?;
    let giftcard = crate::life::count(&life.world.giftcard, sql).await?;
    let ours = -(giveaway + giftcard);
    Ok((ours != at_bank)
        .then(|| format!("9: the bank holds {at_bank} minor units for us, the ledgers say {ours}"))
        .into_iter()
        .collect())
}

/// Each escrow of a saga is what the saga decided: also one that was never reserved has been cancelled,
/// or a late reservation would find its way.
async fn escrows(life: &Life) -> anyhow::Result<Vec<String>> {
    let sql = "SELECT id, state FROM escrow";
    let mut there: BTreeMap<uuid::Uuid, String> = BTreeMap::new();
    for row in rows(&life.world.giftcard, sql).await? {
        there.insert(row.try_get("", "id")?, row.try_get("", "state")?);
    }
    let sql = "SELECT i.escrow_id, s.state FROM saga_item i JOIN saga s ON s.id = i.saga_id";
    let mut found = Vec::new();
    for row in rows(&life.world.giveaway, sql).await? {
        let escrow: uuid::Uuid = row.try_get("", "escrow_id")?;
        let saga: String = row.try_get("", "state")?;
        let state = there.get(&escrow).map(String::as_str);
        let fits = match saga.as_str() {
            "compensated" => state == Some("cancelled"),
            _ => matches!(state, Some("funded" | "issued" | "refunded")),
        };
        if !fits {
            found.push(format!("5: escrow {escrow} of a {saga} saga is {state:?}"));
        }
    }
    Ok(found)
}

/// Each card is that of a winner who has claimed.
async fn cards(life: &Life) -> anyhow::Result<Vec<String>> {
    let sql = "SELECT id, state FROM winner";
    let mut winners: BTreeMap<uuid::Uuid, String> = BTreeMap::new();
    for row in rows(&life.world.giveaway, sql).await? {
        winners.insert(row.try_get("", "id")?, row.try_get("", "state")?);
    }
    let mut found = Vec::new();
    for row in rows(&life.world.giftcard, "SELECT id, winner_id FROM card").await? {
        let (card, winner): (uuid::Uuid, uuid::Uuid) =
            (row.try_get("", "id")?, row.try_get("", "winner_id")?);
        let state = winners.get(&winner).map(String::as_str);
        if state != Some("claimed") {
            found.push(format!("5: card {card} is of winner {winner}, who is {state:?}"));
        }
    }
    Ok(found)
}

/// Nobody else moves money here, and no call contradicts another: an alert is a defect.
async fn alerts(life: &Life) -> anyhow::Result<Vec<String>> {
    let named = |row: &sea_orm::QueryResult| {
        let text = |name| row.try_get::<String>("", name);
        anyhow::Ok(format!("alert {}: {}: {}", text("kind")?, text("subject")?, text("detail")?))
    };
    let sql = "SELECT kind, subject, detail FROM alert WHERE cleared_at IS NULL";
    let mut found: Vec<_> = rows(&life.world.giftcard, sql).await?;
    let sql = "SELECT 'withdrawal' AS kind, provider_ref AS subject, \
               COALESCE(note, '') AS detail FROM withdrawal WHERE needs_operator UNION ALL \
               SELECT 'unmatched' AS kind, provider_ref AS subject, reason AS detail \
               FROM provider_transfer_unmatched";
    found.extend(rows(&life.world.giveaway, sql).await?);
    found.iter().map(named).collect()
}

async fn rows(db: &platform::Db, sql: &str) -> anyhow::Result<Vec<sea_orm::QueryResult>> {
    let statement = Statement::from_string(db.engine(), sql);
    Ok(db.read().query_all_raw(statement).await?)
}
