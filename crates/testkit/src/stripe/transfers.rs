//! Transfers to connected accounts. There are no pending or failed ones: a transfer is made at once,
//! or refused with an error such as insufficient funds. It can be reversed, also in part.

use serde_json::{Value, json};

use super::{
    State, Stripe,
    api::Failure,
    events, find_mut, lists,
    params::{Params, invalid},
};

/// Checks the parameters alone.
pub(super) fn check(params: &Params) -> Result<(), Failure> {
    params.only(&[
        "amount",
        "currency",
        "destination",
        "transfer_group",
        "description",
        "metadata[reference]",
    ])?;
    params.positive("amount")?;
    params.currency("currency")?;
    params.need("destination")?;
    Ok(())
}

pub(super) fn create(state: &mut State, params: &Params, now_s: i64) -> Result<Value, Failure> {
    let (amount, currency) = (params.positive("amount")?, params.currency("currency")?);
    let destination = params.need("destination")?;
    if !state.accounts.contains(destination) {
        let message = format!("No such destination: '{destination}'");
        return Err(invalid("resource_missing", &message));
    }
    let available = state.balance.entry(currency.clone()).or_default();
    if *available < amount {
        let message = "You have insufficient available funds in your Stripe account.";
        return Err(invalid("balance_insufficient", message));
    }
    *available -= amount;
    let transfer = json!({
        "id": state.id("tr"),
        "object": "transfer",
        "amount": amount,
        "amount_reversed": 0,
        "created": now_s,
        "currency": currency,
        "destination": destination,
        "livemode": false,
        "metadata": { "reference": params.get("metadata[reference]") },
        "reversed": false,
        "source_type": "card",
        "transfer_group": params.get("transfer_group"),
    });
    state.transfers.push(transfer.clone());
    events::emit(state, "transfer.created", transfer.clone(), now_s);
    Ok(transfer)
}

pub(super) fn list(state: &State, params: &Params) -> Result<Value, Failure> {
    params.only(&[&lists::PARAMS[..], &["transfer_group", "destination"]].concat())?;
    let has =
        |transfer: &Value, name: &str| params.get(name).is_none_or(|asked| transfer[name] == asked);
    lists::page("/v1/transfers", "transfer", &state.transfers, params, |transfer| {
        has(transfer, "transfer_group") && has(transfer, "destination")
    })
}

impl Stripe {
    /// Every transfer, oldest first, as it is shown.
    pub fn transfers(&self) -> Vec<Value> {
        self.shared.lock().transfers.clone()
    }

    /// What has gone to connected accounts and stayed there.
    pub fn transferred_minor(&self) -> i64 {
        let minor = |transfer: &Value, name: &str| transfer[name].as_i64().unwrap_or_default();
        let transfers = self.transfers();
        transfers.iter().map(|made| minor(made, "amount") - minor(made, "amount_reversed")).sum()
    }

    /// Takes back this much of a transfer, as the platform can in the dashboard.
    ///
    /// # Panics
    /// When there is no such transfer.
    #[track_caller]
    pub fn reverse_transfer(&self, id: &str, minor: i64) {
        let now_s = self.shared.now_s();
        let state = &mut *self.shared.lock();
        let transfer = find_mut(&mut state.transfers, id).expect("a transfer");
        let reversed = transfer["amount_reversed"].as_i64().unwrap_or_default() + minor;
        transfer["amount_reversed"] = reversed.into();
        transfer["reversed"] = (transfer["amount"] == reversed).into();
        let transfer = transfer.clone();
        let currency = transfer["currency"].as_str().unwrap_or_default().to_owned();
        *state.balance.entry(currency).or_default() += minor;
        events::emit(state, "transfer.reversed", transfer, now_s);
    }
}
