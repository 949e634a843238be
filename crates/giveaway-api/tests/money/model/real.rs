//! The same steps on the real application, over HTTP, and the real rows in the model's form.

use std::collections::BTreeMap;

use giveaway_api::{
    actions::{
        send_withdrawal::send_due,
        sweep_withdrawals::sweep_withdrawals,
        take_payments::{sweep_payments, work_off_inbox},
    },
    domain::{
        books::{AVAILABLE, HELD, HOST_DEBT, of_host},
        top_up::TopUpState,
        withdrawal::WithdrawalState,
    },
    ids::{HostId, TopUpId},
    store::{charge_back, top_up, withdrawal},
};
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use ledger::{AccountKind, Mode};
use platform::provider::{PaymentStatus, TransferStatus};
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    Meets, Step,
    books::{self, Books, COST, DONE, Payment},
    may_become, pick,
};
use crate::{
    bank::Next,
    world::{ADMIN, Alive, Answer, World},
};

/// More than are ever due at once.
const SENDS: usize = 100;

/// A host's life in a world where others had theirs.
pub(crate) struct Life<'w> {
    world: &'w World,
    app: &'w Alive,
    host: HostId,
    token: String,
}

impl<'w> Life<'w> {
    pub(crate) async fn begin(world: &'w World, app: &'w Alive) -> Self {
        let body = json!({"name": "Ada", "email": "ada@example.org"});
        let made = app.post(ADMIN, "/hosts", &Uuid::new_v4().to_string(), body).await;
        let host: HostId = serde_json::from_value(made.body["id"].clone()).unwrap();
        let issued = app.post(ADMIN, &format!("/hosts/{host}/tokens"), "", json!({})).await;
        let token = issued.body["token"].as_str().unwrap().to_owned();
        Self { world, app, host, token }
    }

    /// Takes a step; what whoever asked for it is told.
    pub(crate) async fn take(&self, step: &Step) -> String {
        let (world, app) = (self.world, self.app);
        match *step {
            Step::TopUp { minor } => return self.ask("/wallet/top-ups", minor).await,
            Step::Withdraw { minor } => return self.ask("/wallet/withdrawals", minor).await,
            Step::Name { destination } => {
                let body = json!({ "destination": account(destination) });
                let named = app.put(&self.token, "/wallet/payout-destination", body).await;
                return told(&named);
            }
            Step::Pay { top_up, is_second, status } => self.pay(top_up, is_second, status).await,
            Step::ChargeBack { payment, minor } => {
                let Some((id, of)) = self.payment(payment).await else { return DONE.to_owned() };
                if matches!(of.status, PaymentStatus::Paid | PaymentStatus::ChargedBack) {
                    world.bank.charge_back(&id, of.charged_back_minor + minor);
                }
            }
            Step::HearOfPayment { payment } => {
                if let Some((id, _)) = self.payment(payment).await {
                    self.hear(&id).await;
                }
            }
            Step::SweepPayments => app.run(async |s| sweep_payments(&s).await).await,
            Step::SendDue { meets } => self.send_due(meets).await,
            Step::SweepTransfers => app.run(async |s| sweep_withdrawals(&s).await).await,
            Step::TransferBecomes { transfer, status, is_told } => {
                let known = self.transfers().await;
                let Some((id, from)) = pick(&known.iter().collect::<Vec<_>>(), transfer) else {
                    return DONE.to_owned();
                };
                if may_become(*from, status) {
                    world.bank.turn(id, status);
                }
                if is_told {
                    self.hear(id).await;
                }
            }
            Step::Pass { minutes } => {
                world.clock.advance(SignedDuration::from_mins(minutes)).unwrap();
            }
        }
        DONE.to_owned()
    }

    /// Asks twice under one key: there is one answer.
    async fn ask(&self, path: &str, minor: i64) -> String {
        let key = Uuid::new_v4().to_string();
        let body = json!({"amount": {"minor": minor, "currency": "EUR"}});
        let first = self.app.post(&self.token, path, &key, body.clone()).await;
        if first.status.is_server_error() {
            return told(&first);
        }
        let again = self.app.post(&self.token, path, &key, body).await;
        let of = |answer: &Answer| {
            (answer.status, answer.body["id"].clone(), answer.body["code"].clone())
        };
        assert_eq!(of(&again), of(&first), "the same key, the same answer: {path}");
        told(&first)
    }

    /// The bank tells of an object of its own, and we look.
    async fn hear(&self, object: &str) {
        let event = format!("{object}#{}", Uuid::new_v4());
        let heard = self.app.webhook(&event, "genuine").await;
        assert_eq!(heard.status, StatusCode::NO_CONTENT, "{heard:?}");
        self.app.run(async |s| work_off_inbox(&s).await).await;
    }

    pub(crate) async fn send_due(&self, meets: Meets) {
        let next = match meets {
            Meets::Pay => None,
            Meets::Pend => Some(Next::Pending),
            Meets::PayUnheard => Some(Next::PaidUnheard),
            Meets::LoseUnheard => Some(Next::LostUnheard),
            Meets::Refuse => Some(Next::Refused),
        };
        for _ in 0..SENDS {
            next.into_iter().for_each(|next| self.world.bank.next(next));
        }
        self.app.run(async |s| Ok(send_due(&s).await?)).await;
        self.world.bank.behave();
    }

    async fn pay(&self, top_up: usize, is_second: bool, status: PaymentStatus) {
        let known = self.top_ups().await;
        let Some(n) = top_up.checked_rem(known.len()) else { return };
        let (id, bank) = (TopUpId(known[n].id).to_string(), &self.world.bank);
        let payment = payment_id(known[n].id, is_second);
        let before = bank.payments().into_iter().find(|known| known.id == payment);
        if before.is_none_or(|before| before.status == PaymentStatus::Pending) {
            bank.pay(&payment, &id, known[n].amount_minor, status);
        }
    }

    /// One of this host's payments at the bank, in the order of their top-ups.
    async fn payment(&self, n: usize) -> Option<(String, platform::provider::Payment)> {
        let mut known = vec![];
        let payments = self.world.bank.payments();
        for top_up in self.top_ups().await {
            let ids = [false, true].map(|is_second| payment_id(top_up.id, is_second));
            for id in ids {
                let found = payments.iter().find(|payment| payment.id == id);
                known.extend(found.map(|payment| (id.clone(), payment.clone())));
            }
        }
        let n = n.checked_rem(known.len())?;
        Some(known.swap_remove(n))
    }

    /// This host's transfers at the bank, in the order of their withdrawals.
    async fn transfers(&self) -> Vec<(String, TransferStatus)> {
        let transfers = self.world.bank.transfers();
        let of = |row: withdrawal::Model| {
            let found = transfers.iter().find(|transfer| transfer.provider_ref == row.provider_ref);
            found.map(|transfer| (row.provider_ref, transfer.status))
        };
        self.withdrawals().await.into_iter().filter_map(of).collect()
    }

    async fn top_ups(&self) -> Vec<top_up::Model> {
        top_up::Entity::find()
            .filter(top_up::Column::HostId.eq(self.host.0))
            .order_by_asc(top_up::Column::Id)
            .all(self.world.db.read())
            .await
            .unwrap()
    }

    async fn withdrawals(&self) -> Vec<withdrawal::Model> {
        withdrawal::Entity::find()
            .filter(withdrawal::Column::HostId.eq(self.host.0))
            .order_by_asc(withdrawal::Column::Id)
            .all(self.world.db.read())
            .await
            .unwrap()
    }

    /// The real rows.
    pub(crate) async fn books(&self) -> Books {
        let conn = self.world.db.read();
        let top_ups = self.top_ups().await;
        let mut payments: BTreeMap<Payment, i64> = BTreeMap::new();
        for (n, row) in top_ups.iter().enumerate() {
            for is_second in [false, true] {
                let id = payment_id(row.id, is_second);
                if top_up::is_posted(conn, &id).await.unwrap() {
                    let taken = charge_back::so_far(conn, &id).await.unwrap();
                    payments.insert((n, is_second), taken);
                }
            }
        }
        let shown = self.app.get(&self.token, "/wallet/payout-destination").await.body;
        let next = &shown["next"];
        let from = next["usable_from"].as_str().map(|at| at.parse::<Timestamp>().unwrap());
        Books {
            available: self.balance(AVAILABLE).await,
            held: self.balance(HELD).await,
            debt: -self.balance(HOST_DEBT).await,
            top_ups: top_ups
                .iter()
                .map(|row| {
                    let state = row.state().unwrap();
                    books::TopUp { state: TopUpState::as_str(state), amount: row.amount_minor }
                })
                .collect(),
            payments,
            withdrawals: self.withdrawals().await.iter().map(seen).collect(),
            destination: number(&shown["destination"]),
            next: number(&next["destination"]).zip(from.map(Timestamp::as_millisecond)),
        }
    }

    async fn balance(&self, kind: AccountKind) -> i64 {
        let account = of_host(Mode::Test, self.host, kind, "EUR".parse().unwrap());
        ledger::balance(self.world.db.read(), &account).await.unwrap().minor
    }

    /// Of all that ever came into this world or went out of it, whosever it was.
    pub(crate) async fn assert_no_cent_is_lost(&self) {
        let (world, bank) = (self.world, &self.world.bank);
        assert_eq!(world.audit().await, [""; 0], "{}", world.db);
        let sums = ledger::audit::sums_by_kind(world.db.read()).await.unwrap();
        let sum = |kind| -> i64 {
            sums.iter().filter(|sum| sum.kind == kind).map(|sum| sum.total.minor).sum()
        };
        let is_received =
            |status| matches!(status, PaymentStatus::Paid | PaymentStatus::ChargedBack);
        let received = bank.payments().into_iter().filter(|payment| is_received(payment.status));
        let came: i64 = received
            .map(|payment| {
                let gross = payment.amount.minor;
                gross - COST - payment.charged_back_minor.min(gross)
            })
            .sum();
        let paid = bank.transfers().into_iter().filter(|t| t.status == TransferStatus::Paid);
        let went: i64 = paid.map(|transfer| transfer.amount.minor).sum();
        assert_eq!(sum("provider_clearing"), went - came, "what the bank has of ours");
        assert_eq!(sum("suspense"), 0, "everything is explained");
    }
}

fn seen(row: &withdrawal::Model) -> books::Withdrawal {
    books::Withdrawal {
        state: WithdrawalState::as_str(row.state().unwrap()),
        amount: row.amount_minor,
        destination: number(&json!(row.destination)).unwrap(),
        sends: row.possible_sends,
        tries: row.tries,
        first_sent_at: row.first_sent_at,
        due_at: row.due_at,
        asked_at: row.created_at,
        needs_operator: row.needs_operator,
    }
}

fn told(answer: &Answer) -> String {
    match answer.status.is_success() {
        true => DONE.to_owned(),
        false => answer.body["code"].as_str().unwrap().to_owned(),
    }
}

fn payment_id(top_up: Uuid, is_second: bool) -> String {
    format!("pay_{}_{}", top_up.simple(), if is_second { 2 } else { 1 })
}

fn account(destination: u8) -> String {
    format!("acct_{destination}")
}

fn number(account: &Value) -> Option<u8> {
    Some(account.as_str()?.trim_start_matches("acct_").parse().unwrap())
}
