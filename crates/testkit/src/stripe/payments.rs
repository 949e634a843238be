//! Checkout sessions, and what follows when a customer pays: a PaymentIntent with a charge and a
//! balance transaction, refunds, disputes.

use serde_json::{Value, json};

use super::{
    State, Stripe,
    api::{Failure, missing},
    events, find, find_mut, lists,
    params::{Params, invalid},
};

/// What Stripe keeps of a payment: a fixed part …
const FEE_FIXED_MINOR: i64 = 25;

/// … and this many per thousand.
const FEE_PER_MILLE: i64 = 15;

/// What a dispute costs, besides what it takes.
const DISPUTE_FEE_MINOR: i64 = 1_500;

pub(super) fn check_session(params: &Params) -> Result<(), Failure> {
    params.only(&[
        "mode",
        "client_reference_id",
        "line_items[0][quantity]",
        "line_items[0][price_data][currency]",
        "line_items[0][price_data][unit_amount]",
        "line_items[0][price_data][product_data][name]",
        "payment_intent_data[metadata][reference]",
        "payment_intent_data[capture_method]",
        "success_url",
        "cancel_url",
    ])?;
    if params.need("mode")? != "payment" {
        return Err(invalid("parameter_invalid", "only payments are taken here"));
    }
    params.positive("line_items[0][quantity]")?;
    params.currency("line_items[0][price_data][currency]")?;
    params.positive("line_items[0][price_data][unit_amount]")?;
    params.need("line_items[0][price_data][product_data][name]")?;
    for url in ["success_url", "cancel_url"] {
        if !params.need(url)?.starts_with("http") {
            return Err(invalid("url_invalid", "Not a valid URL"));
        }
    }
    Ok(())
}

pub(super) fn create_session(
    state: &mut State,
    params: &Params,
    now_s: i64,
) -> Result<Value, Failure> {
    let id = state.id("cs_test");
    let unit = params.positive("line_items[0][price_data][unit_amount]")?;
    let session = json!({
        "id": id,
        "object": "checkout.session",
        "amount_total": unit * params.positive("line_items[0][quantity]")?,
        "client_reference_id": params.get("client_reference_id"),
        "created": now_s,
        "currency": params.currency("line_items[0][price_data][currency]")?,
        "livemode": false,
        "mode": "payment",
        "payment_intent": null,
        "payment_status": "unpaid",
        "status": "open",
        "url": format!("https://checkout.stripe.com/c/pay/{id}"),
        // Kept for the payment that may come; Stripe does not show it.
        "_metadata": { "reference": params.get("payment_intent_data[metadata][reference]") },
        "_capture": params.get("payment_intent_data[capture_method]").unwrap_or("automatic_async"),
    });
    state.sessions.push(session.clone());
    Ok(session)
}

pub(super) fn check_refund(params: &Params) -> Result<(), Failure> {
    params.only(&["payment_intent", "amount", "reason", "metadata[reference]"])?;
    params.need("payment_intent")?;
    params.positive("amount")?;
    Ok(())
}

pub(super) fn create_refund(
    state: &mut State,
    params: &Params,
    now_s: i64,
) -> Result<Value, Failure> {
    let (intent, amount) = (params.need("payment_intent")?, params.positive("amount")?);
    let id = state.id("re");
    let charge = state.charges.iter_mut().find(|charge| charge["payment_intent"] == intent);
    let charge = charge.ok_or_else(|| missing("payment_intent", intent))?;
    let refunded = charge["amount_refunded"].as_i64().unwrap_or_default() + amount;
    if charge["amount"].as_i64().unwrap_or_default() < refunded {
        let message = "Refund amount is greater than unrefunded amount on charge";
        return Err(invalid("amount_too_large", message));
    }
    charge["amount_refunded"] = refunded.into();
    charge["refunded"] = (charge["amount"] == refunded).into();
    let charge = charge.clone();
    let refund = json!({
        "id": id,
        "object": "refund",
        "amount": amount,
        "charge": charge["id"],
        "created": now_s,
        "currency": charge["currency"],
        "metadata": { "reference": params.get("metadata[reference]") },
        "payment_intent": intent,
        "status": "succeeded",
    });
    state.refunds.push(refund.clone());
    events::emit(state, "charge.refunded", charge, now_s);
    events::emit(state, "refund.created", refund.clone(), now_s);
    Ok(refund)
}

pub(super) fn retrieve(state: &State, id: &str, params: &Params) -> Result<Value, Failure> {
    params.only(&["expand[]"])?;
    let intent = find(&state.payment_intents, id).ok_or_else(|| missing("payment_intent", id))?;
    Ok(expanded(state, intent, params.all("expand[]")))
}

pub(super) fn list(state: &State, params: &Params) -> Result<Value, Failure> {
    params.only(&lists::PARAMS)?;
    let url = "/v1/payment_intents";
    let mut page = lists::page(url, "payment_intent", &state.payment_intents, params, |_| true)?;
    let fields: Vec<_> =
        params.all("expand[]").filter_map(|field| field.strip_prefix("data.")).collect();
    if let Some(data) = page["data"].as_array_mut() {
        for intent in data {
            *intent = expanded(state, intent, fields.iter().copied());
        }
    }
    Ok(page)
}

/// What is not asked for stays an id.
fn expanded<'a>(state: &State, intent: &Value, fields: impl Iterator<Item = &'a str>) -> Value {
    let of =
        |objects: &[Value], id: &Value| find(objects, id.as_str().unwrap_or_default()).cloned();
    let mut intent = intent.clone();
    for field in fields {
        if let Some(mut charge) = of(&state.charges, &intent["latest_charge"]) {
            if field == "latest_charge.balance_transaction" {
                let transactions = &state.balance_transactions;
                charge["balance_transaction"] =
                    of(transactions, &charge["balance_transaction"]).unwrap_or_default();
            }
            intent["latest_charge"] = charge;
        }
    }
    intent
}

impl Stripe {
    /// Every checkout session, oldest first.
    pub fn sessions(&self) -> Vec<Value> {
        self.shared.lock().sessions.clone()
    }

    /// The customer pays. Returns the id of the payment.
    ///
    /// # Panics
    /// When there is no such session.
    #[track_caller]
    pub fn pay(&self, session: &str) -> String {
        self.begin(session, |state, intent, now_s| {
            charge(state, intent, now_s);
            let captures_now = state.sessions.iter().any(|session| {
                session["payment_intent"] == intent && session["_capture"] == "automatic"
            });
            if captures_now {
                book(state, intent, now_s);
            }
            succeed(state, intent, now_s);
        })
    }

    /// The customer pays, and Stripe captures in the background whatever was asked for: until
    /// [`Stripe::finish_capture`], the payment has succeeded and its cost is not known.
    #[track_caller]
    pub fn pay_in_background(&self, session: &str) -> String {
        self.begin(session, |state, intent, now_s| {
            charge(state, intent, now_s);
            succeed(state, intent, now_s);
        })
    }

    /// The balance transaction of a payment is there.
    ///
    /// # Panics
    /// When there is no such payment.
    #[track_caller]
    pub fn finish_capture(&self, intent: &str) {
        let now_s = self.shared.now_s();
        let state = &mut *self.shared.lock();
        book(state, intent, now_s);
        let charge = charge_of(state, intent).clone();
        events::emit(state, "charge.updated", charge, now_s);
    }

    /// The customer's card is declined; another may be tried.
    #[track_caller]
    pub fn decline(&self, session: &str) -> String {
        self.begin(session, |state, intent, now_s| {
            let object = set_status(state, intent, "requires_payment_method");
            events::emit(state, "payment_intent.payment_failed", object, now_s);
        })
    }

    /// A day has passed, and nobody has paid.
    ///
    /// # Panics
    /// When there is no such session.
    #[track_caller]
    pub fn expire(&self, session: &str) {
        let now_s = self.shared.now_s();
        let state = &mut *self.shared.lock();
        let session = find_mut(&mut state.sessions, session).expect("a session");
        session["status"] = "expired".into();
        session["url"] = Value::Null;
        let session = session.clone();
        events::emit(state, "checkout.session.expired", session, now_s);
    }

    /// Nobody paid in time.
    ///
    /// # Panics
    /// When there is no such payment.
    #[track_caller]
    pub fn cancel(&self, intent: &str) {
        let now_s = self.shared.now_s();
        let state = &mut *self.shared.lock();
        let object = set_status(state, intent, "canceled");
        events::emit(state, "payment_intent.canceled", object, now_s);
    }

    /// The next payment is converted to this currency.
    pub fn settle_next_in(&self, currency: &str) {
        self.shared.lock().settles_in = Some(currency.to_owned());
    }

    /// The customer's bank takes money back, or only asks (an inquiry moves nothing).
    ///
    /// # Panics
    /// When there is no such payment.
    #[track_caller]
    pub fn dispute(&self, intent: &str, minor: i64, is_inquiry: bool) -> String {
        let now_s = self.shared.now_s();
        let state = &mut *self.shared.lock();
        let id = state.id("du");
        let charge = charge_of(state, intent);
        charge["disputed"] = true.into();
        let (charge_id, currency) = (charge["id"].clone(), charge["currency"].clone());
        let dispute = json!({
            "id": id,
            "object": "dispute",
            "amount": minor,
            "balance_transactions": [],
            "charge": charge_id,
            "currency": currency,
            "created": now_s,
            "payment_intent": intent,
            "status": if is_inquiry { "warning_needs_response" } else { "needs_response" },
        });
        state.disputes.push(dispute.clone());
        events::emit(state, "charge.dispute.created", dispute, now_s);
        if !is_inquiry {
            let dispute = move_disputed(state, &id, (-minor, DISPUTE_FEE_MINOR));
            events::emit(state, "charge.dispute.funds_withdrawn", dispute, now_s);
        }
        id
    }

    /// The dispute ends; what was taken comes back when it was won.
    ///
    /// # Panics
    /// When there is no such dispute.
    #[track_caller]
    pub fn close_dispute(&self, id: &str, is_won: bool) {
        let now_s = self.shared.now_s();
        let state = &mut *self.shared.lock();
        let dispute = find_mut(&mut state.disputes, id).expect("a dispute");
        dispute["status"] = if is_won { "won" } else { "lost" }.into();
        let dispute = dispute.clone();
        if is_won {
            let minor = dispute["amount"].as_i64().unwrap_or_default();
            let dispute = move_disputed(state, id, (minor, 0));
            events::emit(state, "charge.dispute.funds_reinstated", dispute, now_s);
        }
        events::emit(state, "charge.dispute.closed", dispute, now_s);
    }

    /// A payment begins; `goes_on` says how.
    #[track_caller]
    fn begin(&self, session: &str, goes_on: impl FnOnce(&mut State, &str, i64)) -> String {
        let now_s = self.shared.now_s();
        let state = &mut *self.shared.lock();
        let id = state.id("pi");
        let session = find_mut(&mut state.sessions, session).expect("a session");
        session["payment_intent"] = id.as_str().into();
        let intent = json!({
            "id": id,
            "object": "payment_intent",
            "amount": session["amount_total"],
            "amount_received": 0,
            "created": now_s,
            "currency": session["currency"],
            "latest_charge": null,
            "livemode": false,
            "metadata": session["_metadata"],
            "status": "processing",
        });
        state.payment_intents.push(intent);
        goes_on(state, &id, now_s);
        id
    }
}

fn set_status(state: &mut State, intent: &str, status: &str) -> Value {
    let intent = find_mut(&mut state.payment_intents, intent).expect("a payment");
    intent["status"] = status.into();
    intent.clone()
}

fn charge_of<'a>(state: &'a mut State, intent: &str) -> &'a mut Value {
    let charge = state.charges.iter_mut().find(|charge| charge["payment_intent"] == intent);
    charge.expect("a charge")
}

fn charge(state: &mut State, intent: &str, now_s: i64) {
    let id = state.id("ch");
    let object = find_mut(&mut state.payment_intents, intent).expect("a payment");
    object["latest_charge"] = id.as_str().into();
    object["amount_received"] = object["amount"].clone();
    let charge = json!({
        "id": id,
        "object": "charge",
        "amount": object["amount"],
        "amount_refunded": 0,
        "balance_transaction": null,
        "created": now_s,
        "currency": object["currency"],
        "disputed": false,
        "metadata": object["metadata"],
        "paid": true,
        "payment_intent": intent,
        "refunded": false,
        "status": "succeeded",
    });
    state.charges.push(charge.clone());
    events::emit(state, "charge.succeeded", charge, now_s);
}

fn book(state: &mut State, intent: &str, now_s: i64) {
    let id = state.id("txn");
    let converted = state.settles_in.take();
    let charge = charge_of(state, intent);
    let amount = charge["amount"].as_i64().unwrap_or_default();
    let fee = FEE_FIXED_MINOR + amount * FEE_PER_MILLE / 1_000;
    let currency = converted.map_or_else(|| charge["currency"].clone(), Value::from);
    charge["balance_transaction"] = id.as_str().into();
    let name = currency.as_str().unwrap_or_default().to_owned();
    let transaction = json!({
        "id": id,
        "object": "balance_transaction",
        "amount": amount,
        "created": now_s,
        "currency": currency,
        "fee": fee,
        "net": amount - fee,
        "type": "charge",
    });
    state.balance_transactions.push(transaction);
    *state.balance.entry(name).or_default() += amount - fee;
}

fn succeed(state: &mut State, intent: &str, now_s: i64) {
    let object = set_status(state, intent, "succeeded");
    events::emit(state, "payment_intent.succeeded", object, now_s);
    let session = state.sessions.iter_mut().find(|session| session["payment_intent"] == intent);
    let session = session.expect("a session");
    session["status"] = "complete".into();
    session["payment_status"] = "paid".into();
    session["url"] = Value::Null;
    let session = session.clone();
    events::emit(state, "checkout.session.completed", session, now_s);
}

fn move_disputed(state: &mut State, id: &str, (amount, fee): (i64, i64)) -> Value {
    let transaction = state.id("txn");
    let dispute = find_mut(&mut state.disputes, id).expect("a dispute");
    let currency = dispute["currency"].clone();
    if let Some(moved) = dispute["balance_transactions"].as_array_mut() {
        moved.push(json!({
            "id": transaction,
            "object": "balance_transaction",
            "amount": amount,
            "currency": currency,
            "fee": fee,
            "net": amount - fee,
            "type": "adjustment",
        }));
    }
    let dispute = dispute.clone();
    let currency = currency.as_str().unwrap_or_default().to_owned();
    *state.balance.entry(currency).or_default() += amount - fee;
    dispute
}
