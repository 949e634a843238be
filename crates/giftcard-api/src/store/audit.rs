//! The queries of the audit: each looks for rows that must not be, so that nothing is loaded but
//! what is wrong.

use ledger::audit::{RowCheck, RowName, Violation};
use sea_orm::{ConnectionTrait, DbBackend, Statement};

use super::money;
use crate::{
    audit::SettledTransfer,
    domain::{
        authorisation::AuthorisationState,
        books,
        card::CardState,
        escrow::EscrowState,
        ids::{
            AuthorisationId, CardId, EscrowId, MerchantId, RedemptionId, ReversalId, SettlementId,
        },
        settlement::SettlementState,
        state::Machine,
    },
};

/// The checks of consistency. Names in braces are replaced: states, kinds and engine expressions.
/// What is looked up for each row is put together first, as a table that is joined by equal columns:
/// both engines then read every row once, and not all rows for every row.
const CONSISTENCY: &[RowCheck] = &[
    RowCheck {
        invariant: 4,
        what: "the card's value is not the sum of its parts",
        name: RowName::Id(CardId::PREFIX),
        sql: "SELECT id FROM card WHERE value_minor <> available_minor + authorised_minor \
              + redeemed_minor + voided_minor + expired_minor OR available_minor < 0",
    },
    RowCheck {
        invariant: 4,
        what: "the card's account does not hold what the card has left",
        name: RowName::Id(CardId::PREFIX),
        sql: "SELECT c.id FROM card c LEFT JOIN ledger_account a \
              ON a.owner = c.id AND a.kind = '{card}' AND a.currency = c.currency \
              WHERE COALESCE(a.balance, 0) <> c.available_minor + c.authorised_minor",
    },
    RowCheck {
        invariant: 4,
        what: "the card's redeemed value is not that of its redemptions",
        name: RowName::Id(CardId::PREFIX),
        sql: "SELECT c.id FROM card c LEFT JOIN (SELECT card_id, \
              SUM(amount_minor - reversed_minor) AS net FROM redemption GROUP BY card_id) r \
              ON r.card_id = c.id WHERE c.redeemed_minor <> COALESCE(r.net, 0)",
    },
    RowCheck {
        invariant: 4,
        what: "the card's voided value is not that of its voids",
        name: RowName::Id(CardId::PREFIX),
        sql: "SELECT c.id FROM card c LEFT JOIN (SELECT card_id, SUM(amount_minor) AS total \
              FROM card_void GROUP BY card_id) v ON v.card_id = c.id \
              WHERE c.voided_minor <> COALESCE(v.total, 0)",
    },
    RowCheck {
        invariant: 4,
        what: "what the card has set aside is not the sum of its open authorisations",
        name: RowName::Id(CardId::PREFIX),
        sql: "SELECT c.id FROM card c LEFT JOIN (SELECT card_id, SUM(amount_minor) AS total \
              FROM authorisation WHERE state = 'authorised' GROUP BY card_id) o \
              ON o.card_id = c.id WHERE c.authorised_minor <> COALESCE(o.total, 0)",
    },
    RowCheck {
        invariant: 4,
        what: "the authorisation was captured as something that it cannot be",
        name: RowName::Id(AuthorisationId::PREFIX),
        sql: "SELECT o.id FROM authorisation o LEFT JOIN redemption r ON r.id = o.redemption_id \
              WHERE (o.state = 'captured') <> (r.id IS NOT NULL) OR r.card_id <> o.card_id \
              OR r.amount_minor > o.amount_minor OR r.currency <> o.currency",
    },
    RowCheck {
        invariant: 4,
        what: "what was reversed is not the sum of the reversals",
        name: RowName::Id(RedemptionId::PREFIX),
        sql: "SELECT r.id FROM redemption r LEFT JOIN (SELECT redemption_id, \
              SUM(amount_minor) AS total FROM reversal GROUP BY redemption_id) v \
              ON v.redemption_id = r.id WHERE r.reversed_minor <> COALESCE(v.total, 0)",
    },
    RowCheck {
        invariant: 5,
        what: "the escrow's state and its terminal row disagree",
        name: RowName::Id(EscrowId::PREFIX),
        sql: "SELECT e.id FROM escrow e LEFT JOIN escrow_terminal t ON t.escrow_id = e.id \
              WHERE (e.state IN ({ended})) <> (t.escrow_id IS NOT NULL) OR t.state <> e.state",
    },
    RowCheck {
        invariant: 5,
        what: "the escrow's account does not hold its value while it is funded, or holds something else",
        name: RowName::Id(EscrowId::PREFIX),
        sql: "SELECT e.id FROM escrow e LEFT JOIN ledger_account a \
              ON a.owner = e.id AND a.kind = '{escrow}' \
              WHERE COALESCE(a.balance, 0) <> \
              CASE WHEN e.state = 'funded' THEN e.value_minor ELSE 0 END",
    },
    RowCheck {
        invariant: 5,
        what: "an issued escrow and its card do not belong together",
        name: RowName::Id(EscrowId::PREFIX),
        sql: "SELECT e.id FROM escrow e LEFT JOIN card c ON c.escrow_id = e.id \
              WHERE (e.state = 'issued') <> (c.id IS NOT NULL) \
              OR c.value_minor <> e.value_minor OR c.currency <> e.currency",
    },
    RowCheck {
        invariant: 7,
        what: "the settlement and its current attempt are in different states",
        name: RowName::Id(SettlementId::PREFIX),
        sql: "SELECT s.id FROM settlement s LEFT JOIN settlement_attempt a \
              ON a.settlement_id = s.id AND a.number = s.attempt \
              WHERE a.state IS NULL OR (a.state <> s.state AND s.state <> 'cancelled')",
    },
    RowCheck {
        invariant: 7,
        what: "more than one attempt of the settlement moved money",
        name: RowName::Id(SettlementId::PREFIX),
        sql: "SELECT settlement_id AS id FROM settlement_attempt \
              WHERE state IN ('paid', 'reversed') GROUP BY settlement_id HAVING COUNT(*) > 1",
    },
    RowCheck {
        invariant: 7,
        what: "the attempt's amount or payee is not its settlement's",
        name: RowName::Text("attempt"),
        sql: "SELECT a.provider_ref AS id FROM settlement_attempt a \
              JOIN settlement s ON s.id = a.settlement_id \
              WHERE a.amount_minor <> s.total_minor OR a.currency <> s.currency \
              OR a.merchant_id <> s.merchant_id",
    },
    RowCheck {
        invariant: 7,
        what: "the ledger and the settlement's state disagree on whether money moved",
        name: RowName::Id(SettlementId::PREFIX),
        sql: "SELECT s.id FROM settlement s LEFT JOIN (SELECT e.reference, \
              SUM(e.amount) AS moved FROM ledger_entry e JOIN ledger_account a \
              ON a.id = e.account_id WHERE a.kind = 'provider_clearing' GROUP BY e.reference) l \
              ON l.reference = s.id WHERE COALESCE(l.moved, 0) <> \
              CASE WHEN s.state = 'paid' THEN s.total_minor ELSE 0 END",
    },
    RowCheck {
        invariant: 8,
        what: "the settlement's total is not the sum of its lines",
        name: RowName::Id(SettlementId::PREFIX),
        sql: "SELECT s.id FROM settlement s LEFT JOIN (SELECT settlement_id, \
              SUM(amount_minor) AS total, COUNT(*) AS lines FROM settlement_line \
              GROUP BY settlement_id) l ON l.settlement_id = s.id \
              WHERE s.state <> 'cancelled' AND (s.total_minor <> COALESCE(l.total, 0) \
              OR s.lines_count <> COALESCE(l.lines, 0))",
    },
    RowCheck {
        invariant: 8,
        what: "the line is not of its settlement's merchant and currency",
        name: RowName::Id("line"),
        sql: "SELECT l.id FROM settlement_line l JOIN settlement s ON s.id = l.settlement_id \
              WHERE l.merchant_id <> s.merchant_id OR l.currency <> s.currency",
    },
    RowCheck {
        invariant: 8,
        what: "the redemption has no line of its amount",
        name: RowName::Id(RedemptionId::PREFIX),
        sql: "SELECT r.id FROM redemption r LEFT JOIN settlement_line l \
              ON l.id = r.id AND l.kind = 'redemption' AND l.merchant_id = r.merchant_id \
              WHERE l.id IS NULL OR l.amount_minor <> r.amount_minor OR l.currency <> r.currency",
    },
    RowCheck {
        invariant: 8,
        what: "the reversal has no line of its amount",
        name: RowName::Id(ReversalId::PREFIX),
        sql: "SELECT v.id FROM reversal v LEFT JOIN settlement_line l \
              ON l.id = v.id AND l.kind = 'reversal' AND l.merchant_id = v.merchant_id \
              WHERE l.id IS NULL OR l.amount_minor <> -v.amount_minor OR l.currency <> v.currency",
    },
    RowCheck {
        invariant: 8,
        what: "the line stands for nothing",
        name: RowName::Id("line"),
        sql: "SELECT l.id FROM settlement_line l LEFT JOIN redemption r ON r.id = l.id \
              LEFT JOIN reversal v ON v.id = l.id \
              WHERE (l.kind = 'redemption' AND r.id IS NULL) \
              OR (l.kind = 'reversal' AND v.id IS NULL)",
    },
    RowCheck {
        invariant: 8,
        what: "what the ledger owes the merchant is not what its lines and payouts leave",
        name: RowName::Id(MerchantId::PREFIX),
        sql: "SELECT w.merchant_id AS id FROM (SELECT merchant_id, currency, \
              SUM(CASE WHEN kind = 'adjustment' THEN 0 ELSE amount_minor END) AS earned \
              FROM settlement_line GROUP BY merchant_id, currency) w \
              LEFT JOIN (SELECT a.owner, a.currency, SUM(e.amount) AS owed FROM ledger_entry e \
              JOIN ledger_account a ON a.id = e.account_id WHERE a.kind = 'payable' \
              GROUP BY a.owner, a.currency) l \
              ON l.owner = w.merchant_id AND l.currency = w.currency \
              LEFT JOIN (SELECT merchant_id, currency, SUM(total_minor) AS paid FROM settlement \
              WHERE state = 'paid' GROUP BY merchant_id, currency) s \
              ON s.merchant_id = w.merchant_id AND s.currency = w.currency \
              WHERE COALESCE(l.owed, 0) <> w.earned - COALESCE(s.paid, 0)",
    },
    RowCheck {
        invariant: 10,
        what: "our clearing leg does not fit the escrow's state and voids",
        name: RowName::Id(EscrowId::PREFIX),
        sql: "SELECT e.id FROM escrow e LEFT JOIN (SELECT n.reference, SUM(n.amount) AS total \
              FROM ledger_entry n JOIN ledger_account a ON a.id = n.account_id \
              WHERE a.kind = '{clearing}' GROUP BY n.reference) l ON l.reference = e.id \
              LEFT JOIN (SELECT escrow_id, SUM(amount_minor) AS total FROM card_void \
              GROUP BY escrow_id) v ON v.escrow_id = e.id \
              WHERE COALESCE(l.total, 0) <> COALESCE(v.total, 0) + \
              CASE WHEN e.state IN ('funded', 'issued') THEN -e.value_minor ELSE 0 END",
    },
];

/// Looks for rows that contradict each other.
///
/// # Errors
/// When the database fails.
pub(crate) async fn consistency(
    conn: &impl ConnectionTrait,
    listed: u32,
) -> anyhow::Result<Vec<Violation>> {
    let ended: Vec<String> =
        EscrowState::TERMINAL.iter().map(|state| format!("'{state}'")).collect();
    let mut found = Vec::new();
    for check in CONSISTENCY {
        let sql = check
            .sql
            .replace("{ended}", &ended.join(", "))
            .replace("{card}", books::CARD)
            .replace("{escrow}", books::ESCROW)
            .replace("{clearing}", books::ESCROW_CLEARING);
        found.extend(check.look_with(conn, &sql, [], listed).await?);
    }
    found.extend(paths::<EscrowState>(conn, EscrowId::PREFIX, listed).await?);
    found.extend(paths::<CardState>(conn, CardId::PREFIX, listed).await?);
    found.extend(paths::<AuthorisationState>(conn, AuthorisationId::PREFIX, listed).await?);
    // Attempts are named after their settlement, and their transitions are a part of its table.
    found.extend(paths::<SettlementState>(conn, SettlementId::PREFIX, listed).await?);
    Ok(found)
}

/// The times before which nothing may have begun and not be over.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cutoffs {
    pub(crate) reserved: i64,
    pub(crate) attempt: i64,
    pub(crate) outbox: i64,
    pub(crate) event: i64,
    pub(crate) expiry: i64,
}

/// Looks for what is not over, too old, and has no alert.
///
/// # Errors
/// When the database fails.
pub(crate) async fn overdue(
    conn: &impl ConnectionTrait,
    cutoffs: Cutoffs,
    listed: u32,
) -> anyhow::Result<Vec<Violation>> {
    let check = |what, name, sql| RowCheck { invariant: 11, what, name, sql };
    let saga = prefixed(conn, "sga", "e.saga_id");
    let checks = [
        (
            cutoffs.reserved,
            check(
                "the escrow is reserved for too long, without an alert",
                RowName::Id(EscrowId::PREFIX),
                "SELECT e.id FROM escrow e WHERE e.state = 'reserved' AND e.created_at < $2 \
                 AND NOT EXISTS (SELECT 1 FROM alert a WHERE a.kind = 'saga_unresolved' \
                 AND a.cleared_at IS NULL AND a.subject = {saga})",
            ),
        ),
        (
            cutoffs.attempt,
            check(
                "the attempt has no result for too long, without an alert",
                RowName::Text("attempt"),
                "SELECT t.provider_ref AS id FROM settlement_attempt t \
                 JOIN merchant m ON m.id = t.merchant_id \
                 WHERE t.state IN ('intent', 'sending', 'pending_provider') AND t.created_at < $2 \
                 AND m.blocked_at IS NULL AND NOT EXISTS (SELECT 1 FROM alert a \
                 WHERE a.kind = 'attempt_stuck' AND a.cleared_at IS NULL \
                 AND a.subject = t.provider_ref)",
            ),
        ),
        (
            cutoffs.outbox,
            check(
                "the call was not answered for too long",
                RowName::Text("outbox"),
                "SELECT key AS id FROM outbox WHERE created_ms < $2",
            ),
        ),
        (
            cutoffs.event,
            check(
                "the provider's event was not acted on for too long",
                RowName::Text("provider_event"),
                "SELECT id FROM provider_event WHERE handled_at IS NULL AND received_at < $2",
            ),
        ),
        (
            cutoffs.expiry,
            check(
                "the card's time is over, and it has not expired",
                RowName::Id(CardId::PREFIX),
                "SELECT id FROM card WHERE state IN ('active', 'exhausted') AND expires_at < $2",
            ),
        ),
        (
            cutoffs.expiry,
            check(
                "the authorisation's time is over, and it has not expired",
                RowName::Id(AuthorisationId::PREFIX),
                "SELECT id FROM authorisation WHERE state = 'authorised' AND expires_at < $2",
            ),
        ),
    ];
    let mut found = Vec::new();
    for (before, check) in checks {
        let sql = check.sql.replace("{saga}", &saga);
        found.extend(check.look_with(conn, &sql, [before.into()], listed).await?);
    }
    Ok(found)
}

/// Transfers that we hold for moved, ordered by reference, from the one behind `after` on.
///
/// # Errors
/// When the database fails or a row is corrupt.
pub(crate) async fn transfers(
    conn: &impl ConnectionTrait,
    after: Option<&str>,
    limit: u32,
) -> anyhow::Result<Vec<SettledTransfer>> {
    let sql = "SELECT settlement_id, provider_ref, provider_id, merchant_id, amount_minor, \
               currency, destination, state FROM settlement_attempt \
               WHERE state IN ('paid', 'reversed') AND provider_ref > $1 \
               ORDER BY provider_ref LIMIT $2";
    let values = [after.unwrap_or_default().into(), i64::from(limit).into()];
    let page = Statement::from_sql_and_values(conn.get_database_backend(), sql, values);
    let rows = conn.query_all_raw(page).await?;
    rows.iter()
        .map(|row| {
            let currency: String = row.try_get("", "currency")?;
            Ok(SettledTransfer {
                settlement_id: row.try_get("", "settlement_id")?,
                provider_ref: row.try_get("", "provider_ref")?,
                provider_id: row.try_get("", "provider_id")?,
                merchant_id: row.try_get("", "merchant_id")?,
                amount: money(row.try_get("", "amount_minor")?, &currency)?,
                destination: row.try_get("", "destination")?,
                is_reversed: row.try_get::<String>("", "state")? == "reversed",
            })
        })
        .collect()
}

/// Transitions that are not in the machine's table.
async fn paths<S: Machine>(
    conn: &impl ConnectionTrait,
    prefix: &'static str,
    listed: u32,
) -> anyhow::Result<Vec<Violation>> {
    let allowed: Vec<String> = S::TRANSITIONS
        .iter()
        .map(|(from, to)| {
            let from = from.map_or("", Machine::as_str);
            format!("(COALESCE(from_state, '') = '{from}' AND to_state = '{}')", to.as_str())
        })
        .collect();
    let sql = format!(
        "SELECT subject AS id FROM state_event WHERE subject LIKE '{prefix}%' AND NOT ({})",
        allowed.join(" OR ")
    );
    let check = RowCheck {
        invariant: 5,
        what: "the history has a transition that is not allowed",
        name: RowName::Text("state_event of"),
        sql: "",
    };
    Ok(check.look_with(conn, &sql, [], listed).await?)
}

/// The text form of an id column, as alerts and events keep it.
fn prefixed(conn: &impl ConnectionTrait, prefix: &str, column: &str) -> String {
    match conn.get_database_backend() {
        DbBackend::Postgres => format!("'{prefix}_' || replace({column}::text, '-', '')"),
        _ => format!("'{prefix}_' || lower(hex({column}))"),
    }
}
