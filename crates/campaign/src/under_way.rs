//! What is not over, as one statement for each database: it is asked hundreds of times a case.

/// What giveaway-api has still to do.
pub(crate) fn at_giveaway(now_ms: i64) -> String {
    each(&[
        (
            "giveaways that are due",
            "giveaway",
            &format!(
                "(state = 'scheduled' AND opens_at < {now_ms}) \
                 OR (state = 'open' AND closes_at < {now_ms}) \
                 OR (state = 'closed' AND freeze_at < {now_ms}) \
                 OR (state = 'committed' AND draw_at < {now_ms})"
            ),
        ),
        (
            "winners whose time is over",
            "winner",
            &format!("state = 'selected' AND claim_until < {now_ms}"),
        ),
        ("calls to giftcard-api", "outbox", "lane = 'giftcard'"),
        ("calls that are due", "outbox", &format!("due_ms < {now_ms}")),
        ("sagas", "saga", "state NOT IN ('confirmed', 'compensated')"),
        ("returns", "escrow_return", "state = 'requested'"),
        (
            "withdrawals",
            "withdrawal",
            "state IN ('intent', 'sending', 'pending_provider') AND NOT needs_operator",
        ),
        ("payment events", "provider_inbox", "handled_at IS NULL"),
        ("giveaways", "giveaway", "state IN ('funding', 'cancelling')"),
    ])
}

/// What giftcard-api has still to do.
pub(crate) fn at_giftcard(now_ms: i64) -> String {
    each(&[
        (
            "cards whose time is over",
            "card",
            &format!("state IN ('active', 'exhausted') AND expires_at < {now_ms}"),
        ),
        ("calls to giveaway-api", "outbox", "TRUE"),
        (
            "attempts",
            "settlement_attempt t",
            "state IN ('intent', 'sending', 'pending_provider') AND NOT EXISTS \
             (SELECT 1 FROM alert a WHERE a.kind = 'attempt_stuck' AND a.subject = t.provider_ref \
             AND a.cleared_at IS NULL)",
        ),
        ("reserved escrows", "escrow", "state = 'reserved'"),
        ("transfer events", "provider_event", "handled_at IS NULL"),
    ])
}

/// Counts each: its name, its table, and what its rows must be.
fn each(counted: &[(&str, &str, &str)]) -> String {
    let one = |(what, table, rows): &(&str, &str, &str)| {
        format!("SELECT '{what}' AS what, COUNT(*) AS n FROM {table} WHERE {rows}")
    };
    counted.iter().map(one).collect::<Vec<_>>().join(" UNION ALL ")
}
