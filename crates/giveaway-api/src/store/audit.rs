//! The queries of the audit: each looks for rows that must not be, so that nothing is loaded but
//! what is wrong.

use ledger::{
    Money,
    audit::{RowCheck, RowName, Violation},
};
use sea_orm::{ConnectionTrait, Statement};

use crate::{
    audit::{PaidWithdrawal, PostedPayment},
    domain::{
        giveaway::{GiveawayState, ReturnState, UnitState},
        saga::{BatchState, SagaState},
        top_up::TopUpState,
        winner::WinnerState,
        withdrawal::WithdrawalState,
    },
    ids::{EscrowId, GiveawayId, SagaId, TopUpId, UnitId, WinnerId, WithdrawalId},
};

/// What is looked up for each row is put together first, as a table that is joined by equal columns:
/// both engines then read every row once, where a subquery for each row, or a join by a column without
/// an index, would read all rows for every row.
const CONSISTENCY: &[RowCheck] = &[
    RowCheck {
        invariant: 5,
        what: "the prize is filled without a winner who has its card, or the other way round",
        name: RowName::Id(UnitId::PREFIX),
        sql: "SELECT u.id FROM prize_unit u LEFT JOIN (SELECT DISTINCT unit_id FROM winner \
              WHERE state = 'claimed' AND card_id IS NOT NULL) w ON w.unit_id = u.id \
              LEFT JOIN escrow_return r ON r.escrow_id = u.escrow_id AND r.state = 'issued' \
              WHERE (u.state = 'filled') <> (w.unit_id IS NOT NULL OR r.escrow_id IS NOT NULL)",
    },
    RowCheck {
        invariant: 5,
        what: "the prize is returned without an answered return, or the other way round",
        name: RowName::Id(UnitId::PREFIX),
        sql: "SELECT u.id FROM prize_unit u LEFT JOIN escrow_return r \
              ON r.escrow_id = u.escrow_id AND r.state = 'returned' \
              WHERE (u.state = 'returned') <> (r.escrow_id IS NOT NULL)",
    },
    RowCheck {
        invariant: 5,
        what: "the prize is on its way back and has a winner all the same",
        name: RowName::Id(UnitId::PREFIX),
        sql: "SELECT u.id FROM prize_unit u JOIN escrow_return r ON r.escrow_id = u.escrow_id \
              JOIN winner w ON w.unit_id = u.id AND w.state IN ('selected', 'claimed')",
    },
    RowCheck {
        invariant: 5,
        what: "the giveaway was published without every escrow funded",
        name: RowName::Id(GiveawayId::PREFIX),
        sql: "SELECT g.id FROM giveaway g LEFT JOIN saga s ON s.id = g.saga_id \
              WHERE g.state NOT IN ('draft', 'funding') \
              AND (s.state IS NULL OR s.state <> 'confirmed')",
    },
    RowCheck {
        invariant: 5,
        what: "the giveaway is over with a prize that is neither filled nor returned",
        name: RowName::Id(GiveawayId::PREFIX),
        sql: "SELECT DISTINCT g.id FROM giveaway g JOIN prize_unit u ON u.giveaway_id = g.id \
              WHERE g.state IN ('completed', 'cancelled') AND u.state = 'open'",
    },
    RowCheck {
        invariant: 6,
        what: "the saga and its hold disagree on whether the money was taken",
        name: RowName::Id(SagaId::PREFIX),
        sql: "SELECT s.id FROM saga s LEFT JOIN ledger_hold h ON h.id = s.id \
              WHERE h.state IS NULL OR h.amount <> s.amount_minor OR h.state <> CASE \
              WHEN s.state IN ('committed', 'confirmed') THEN 'captured' \
              WHEN s.state IN ('compensating', 'compensated') THEN 'released' ELSE 'held' END",
    },
    RowCheck {
        invariant: 6,
        what: "the saga's amount is not the sum of its items",
        name: RowName::Id(SagaId::PREFIX),
        sql: "SELECT s.id FROM saga s LEFT JOIN (SELECT saga_id, SUM(value_minor) AS total \
              FROM saga_item GROUP BY saga_id) i ON i.saga_id = s.id \
              WHERE s.amount_minor <> COALESCE(i.total, 0)",
    },
    RowCheck {
        invariant: 6,
        what: "the saga ended before all of its batches did",
        name: RowName::Id(SagaId::PREFIX),
        sql: "SELECT DISTINCT s.id FROM saga s JOIN saga_batch b ON b.saga_id = s.id \
              WHERE (s.state = 'confirmed' AND b.state <> 'confirmed') \
              OR (s.state = 'compensated' AND b.state <> 'cancelled')",
    },
    RowCheck {
        invariant: 7,
        what: "the withdrawal and its hold disagree on whether the money left",
        name: RowName::Id(WithdrawalId::PREFIX),
        sql: "SELECT w.id FROM withdrawal w LEFT JOIN ledger_hold h ON h.id = w.id \
              WHERE h.state IS NULL OR h.amount <> w.amount_minor OR h.state <> CASE \
              WHEN w.state IN ('paid', 'reversed') THEN 'captured' \
              WHEN w.state = 'failed' THEN 'released' ELSE 'held' END",
    },
    RowCheck {
        invariant: 9,
        what: "the top-up is paid without a posted payment, or the other way round",
        name: RowName::Id(TopUpId::PREFIX),
        sql: "SELECT t.id FROM top_up t LEFT JOIN (SELECT DISTINCT top_up_id FROM provider_payment) p \
              ON p.top_up_id = t.id WHERE (t.state = 'paid') <> (p.top_up_id IS NOT NULL)",
    },
    RowCheck {
        invariant: 9,
        what: "what the ledger holds at the provider is not what came and went there, in currency",
        name: RowName::Text("provider_clearing in"),
        sql: "SELECT p.currency AS id FROM (SELECT currency, SUM(net) AS net FROM ( \
              SELECT currency, gross_minor - cost_minor AS net FROM provider_payment UNION ALL \
              SELECT currency, -amount_minor AS net FROM provider_charge_back UNION ALL \
              SELECT currency, -amount_minor AS net FROM withdrawal WHERE state = 'paid' UNION ALL \
              SELECT u.currency, -u.amount_minor AS net FROM provider_transfer_unmatched u \
              WHERE NOT EXISTS (SELECT 1 FROM provider_transfer_returned r \
              WHERE r.provider_id = u.provider_id)) m GROUP BY currency) p LEFT JOIN (SELECT a.currency, \
              SUM(e.amount) AS total FROM ledger_entry e JOIN ledger_account a \
              ON a.id = e.account_id WHERE a.kind = 'provider_clearing' GROUP BY a.currency) l \
              ON l.currency = p.currency WHERE COALESCE(l.total, 0) <> -p.net",
    },
    RowCheck {
        invariant: 9,
        what: "more of the payment was taken back than was paid, or its parts do not add up",
        name: RowName::Text("provider_payment"),
        sql: "SELECT p.payment_id AS id FROM provider_payment p JOIN (SELECT payment_id, \
              SUM(amount_minor) AS total, MAX(so_far_minor) AS so_far FROM provider_charge_back \
              GROUP BY payment_id) c ON c.payment_id = p.payment_id \
              WHERE c.total <> c.so_far OR c.so_far > p.gross_minor",
    },
    RowCheck {
        invariant: 9,
        what: "the ledger holds something at the provider that nothing explains, in currency",
        name: RowName::Text("provider_clearing in"),
        sql: "SELECT DISTINCT a.currency AS id FROM ledger_entry e JOIN ledger_account a \
              ON a.id = e.account_id WHERE a.kind = 'provider_clearing' AND a.currency NOT IN \
              (SELECT currency FROM provider_payment UNION \
              SELECT currency FROM provider_transfer_unmatched)",
    },
    RowCheck {
        invariant: 10,
        what: "our clearing leg does not fit the escrow's saga, return and voids",
        name: RowName::Id(EscrowId::PREFIX),
        sql: "SELECT i.escrow_id AS id FROM saga_item i JOIN saga s ON s.id = i.saga_id \
              LEFT JOIN escrow_return r ON r.escrow_id = i.escrow_id AND r.state = 'returned' \
              LEFT JOIN (SELECT n.reference, SUM(n.amount) AS total FROM ledger_entry n \
              JOIN ledger_account a ON a.id = n.account_id WHERE a.kind = 'escrow_clearing' \
              GROUP BY n.reference) l ON l.reference = i.escrow_id \
              LEFT JOIN (SELECT escrow_id, SUM(amount_minor) AS total FROM card_void \
              GROUP BY escrow_id) v ON v.escrow_id = i.escrow_id \
              WHERE COALESCE(l.total, 0) <> CASE WHEN s.state IN ('committed', 'confirmed') \
              AND r.escrow_id IS NULL THEN i.value_minor ELSE 0 END - COALESCE(v.total, 0)",
    },
    RowCheck {
        invariant: 10,
        what: "more came back from voids of the escrow's card than it was worth",
        name: RowName::Id(EscrowId::PREFIX),
        sql: "SELECT v.escrow_id AS id FROM card_void v LEFT JOIN saga_item i \
              ON i.escrow_id = v.escrow_id GROUP BY v.escrow_id \
              HAVING SUM(v.amount_minor) > COALESCE(MAX(i.value_minor), 0)",
    },
    RowCheck {
        invariant: 10,
        what: "escrow clearing has an entry for something that no saga reserved",
        name: RowName::Id(EscrowId::PREFIX),
        sql: "SELECT DISTINCT n.reference AS id FROM ledger_entry n JOIN ledger_account a \
              ON a.id = n.account_id WHERE a.kind = 'escrow_clearing' \
              AND n.reference IS NOT NULL AND NOT EXISTS \
              (SELECT 1 FROM saga_item i WHERE i.escrow_id = n.reference)",
    },
];

/// Looks for rows that contradict each other.
///
/// # Errors
/// When the database fails.
pub(crate) async fn consistency<C: ConnectionTrait>(
    conn: &C,
    listed: u32,
) -> anyhow::Result<Vec<Violation>> {
    let mut found = Vec::new();
    for check in CONSISTENCY {
        found.extend(check.look(conn, [], listed).await?);
    }
    let machines = [
        ("giveaway", GiveawayId::PREFIX, steps(GiveawayState::ALL, GiveawayState::successors)),
        ("prize_unit", UnitId::PREFIX, steps(UnitState::ALL, UnitState::successors)),
        ("escrow_return", EscrowId::PREFIX, steps(ReturnState::ALL, ReturnState::successors)),
        ("saga", SagaId::PREFIX, steps(SagaState::ALL, SagaState::successors)),
        ("saga_batch", crate::ids::BatchId::PREFIX, steps(BatchState::ALL, BatchState::successors)),
        ("top_up", TopUpId::PREFIX, steps(TopUpState::ALL, TopUpState::successors)),
        (
            "withdrawal",
            WithdrawalId::PREFIX,
            steps(WithdrawalState::ALL, WithdrawalState::successors),
        ),
        ("winner", WinnerId::PREFIX, steps(WinnerState::ALL, WinnerState::successors)),
    ];
    for (machine, prefix, allowed) in machines {
        found.extend(paths(conn, machine, prefix, &allowed, listed).await?);
    }
    Ok(found)
}

/// The times before which nothing may have begun and not be over.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cutoffs {
    pub(crate) saga: i64,
    pub(crate) escrow_return: i64,
    pub(crate) outbox: i64,
    pub(crate) event: i64,
    pub(crate) withdrawal: i64,
    pub(crate) due: i64,
}

/// Looks for what is not over and too old. A saga that an operator was called to has its alert.
///
/// # Errors
/// When the database fails.
pub(crate) async fn overdue<C: ConnectionTrait>(
    conn: &C,
    cutoffs: Cutoffs,
    listed: u32,
) -> anyhow::Result<Vec<Violation>> {
    let check = |what, name, sql| RowCheck { invariant: 11, what, name, sql };
    let giveaway = RowName::Id(GiveawayId::PREFIX);
    let checks = [
        (
            cutoffs.saga,
            check(
                "the saga has not ended for too long, without an alert",
                RowName::Id(SagaId::PREFIX),
                "SELECT id FROM saga WHERE state NOT IN ('confirmed', 'compensated') \
                 AND changed_at < $2 AND NOT needs_operator",
            ),
        ),
        (
            cutoffs.escrow_return,
            check(
                "the escrow was not returned for too long",
                RowName::Id(EscrowId::PREFIX),
                "SELECT escrow_id AS id FROM escrow_return \
                 WHERE state = 'requested' AND requested_at < $2",
            ),
        ),
        (
            cutoffs.outbox,
            check(
                "the call was not answered for too long",
                RowName::Text("outbox"),
                "SELECT key AS id FROM outbox WHERE created_ms < $2 AND due_ms < $2",
            ),
        ),
        (
            cutoffs.event,
            check(
                "the provider's event was not acted on for too long",
                RowName::Text("provider_inbox"),
                "SELECT event_id AS id FROM provider_inbox \
                 WHERE handled_at IS NULL AND received_at < $2",
            ),
        ),
        (
            cutoffs.withdrawal,
            check(
                "the withdrawal has not ended for too long, without an alert",
                RowName::Id(WithdrawalId::PREFIX),
                "SELECT id FROM withdrawal WHERE NOT needs_operator AND ( \
                 (state IN ('intent', 'sending') AND created_at < $2) \
                 OR (state = 'pending_provider' AND due_at < $2))",
            ),
        ),
        (
            cutoffs.due,
            check(
                "the giveaway's time has come, and nothing happened",
                giveaway,
                "SELECT id FROM giveaway WHERE (state = 'scheduled' AND opens_at < $2) \
                 OR (state = 'open' AND closes_at < $2) OR (state = 'closed' AND freeze_at < $2)",
            ),
        ),
        (
            cutoffs.due,
            check(
                "the winner's time to claim is over, and the prize has not passed on",
                RowName::Id(WinnerId::PREFIX),
                "SELECT id FROM winner WHERE state = 'selected' AND claim_until < $2",
            ),
        ),
    ];
    let mut found = Vec::new();
    for (before, check) in checks {
        found.extend(check.look(conn, [before.into()], listed).await?);
    }
    Ok(found)
}

/// Payments that were posted, ordered by the provider's id, from the one behind `after` on.
///
/// # Errors
/// When the database fails or a row is corrupt.
pub(crate) async fn payments<C: ConnectionTrait>(
    conn: &C,
    after: Option<&str>,
    limit: u32,
) -> anyhow::Result<Vec<PostedPayment>> {
    let sql = "SELECT payment_id, gross_minor, cost_minor, currency FROM provider_payment \
               WHERE payment_id > $1 ORDER BY payment_id LIMIT $2";
    let rows = conn.query_all_raw(behind(conn, sql, after, limit)).await?;
    rows.iter()
        .map(|row| {
            let currency: String = row.try_get("", "currency")?;
            Ok(PostedPayment {
                payment_id: row.try_get("", "payment_id")?,
                gross: Money::new(row.try_get("", "gross_minor")?, currency.parse()?),
                cost_minor: row.try_get("", "cost_minor")?,
            })
        })
        .collect()
}

/// Withdrawals whose money moved, ordered by our reference, from the one behind `after` on.
///
/// # Errors
/// When the database fails or a row is corrupt.
pub(crate) async fn withdrawals<C: ConnectionTrait>(
    conn: &C,
    after: Option<&str>,
    limit: u32,
) -> anyhow::Result<Vec<PaidWithdrawal>> {
    let sql = "SELECT provider_ref, provider_id, amount_minor, currency, destination, state \
               FROM withdrawal WHERE state IN ('paid', 'reversed') AND provider_ref > $1 \
               ORDER BY provider_ref LIMIT $2";
    let rows = conn.query_all_raw(behind(conn, sql, after, limit)).await?;
    rows.iter()
        .map(|row| {
            let currency: String = row.try_get("", "currency")?;
            Ok(PaidWithdrawal {
                provider_ref: row.try_get("", "provider_ref")?,
                provider_id: row.try_get("", "provider_id")?,
                amount: Money::new(row.try_get("", "amount_minor")?, currency.parse()?),
                destination: row.try_get("", "destination")?,
                is_reversed: row.try_get::<String>("", "state")? == "reversed",
            })
        })
        .collect()
}

/// A page of a listing by a text that is never empty.
fn behind(conn: &impl ConnectionTrait, sql: &str, after: Option<&str>, limit: u32) -> Statement {
    let values = [after.unwrap_or_default().into(), i64::from(limit).into()];
    Statement::from_sql_and_values(conn.get_database_backend(), sql, values)
}

/// Every step that a machine allows.
fn steps<S: Copy + std::fmt::Display>(all: &[S], successors: fn(S) -> &'static [S]) -> Vec<String> {
    let of = |from: &S| {
        let from = *from;
        successors(from)
            .iter()
            .map(move |to| format!("(from_state = '{from}' AND to_state = '{to}')"))
            .collect::<Vec<_>>()
    };
    all.iter().flat_map(of).collect()
}

/// Steps in the history that the machine does not allow. A row's birth has no state before it.
async fn paths<C: ConnectionTrait>(
    conn: &C,
    machine: &'static str,
    prefix: &'static str,
    allowed: &[String],
    listed: u32,
) -> anyhow::Result<Vec<Violation>> {
    let sql = format!(
        "SELECT subject AS id FROM state_event WHERE machine = '{machine}' \
         AND from_state <> '' AND NOT ({})",
        allowed.join(" OR ")
    );
    let what = "the history has a step that is not allowed";
    let check = RowCheck { invariant: 5, what, name: RowName::Id(prefix), sql: "" };
    Ok(check.look_with(conn, &sql, [], listed).await?)
}
