//! The same steps on the real service, over HTTP, and the real rows in the model's form.

use std::collections::BTreeMap;

use http::StatusCode;
use jiff::SignedDuration;
use ledger::{Account, AccountKind};
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    Meets, Step,
    model::{self, Books, DONE},
    pick,
};
use crate::{
    actions::{end_authorisation::expire_authorisations, expire_cards::expire_cards},
    domain::{
        books::CARD,
        ids::{CardId, EscrowId, MerchantId, RedemptionId, SettlementId},
    },
    store::{alert, attempt, authorisation, card, line, redemption, settlement},
    tests::{
        bank::Next,
        world::{Reply, Shop, World, eur, text},
    },
};

/// Longer than any two tills stand in each other's way.
const TRIES: usize = 1_000;

/// A merchant's life in a world where others had theirs.
pub(super) struct Life<'w> {
    world: &'w World,
    shop: Shop,
    merchant: MerchantId,
    cards: Vec<(CardId, String)>,
}

impl<'w> Life<'w> {
    pub(super) async fn begin(world: &'w World) -> Self {
        let shop = world.shop_with(json!({ "validity_days": model::VALIDITY_DAYS })).await;
        let merchant = shop.merchant.parse().unwrap();
        Self { world, shop, merchant, cards: vec![] }
    }

    /// Takes a step; what whoever asked for it is told.
    pub(super) async fn take(&mut self, step: &Step) -> String {
        if let Step::Issue { minor } = step {
            let (card, code) = self.world.card_code(&self.shop, *minor).await;
            self.cards.push((card.parse().unwrap(), code));
            return DONE.to_owned();
        }
        self.ask(step).await
    }

    /// The same for steps that several may take at once.
    pub(super) async fn ask(&self, step: &Step) -> String {
        for _ in 0..TRIES {
            let key = EscrowId::new().to_string();
            let reply = match self.send(step, &key).await {
                Some(reply) => reply,
                None => return DONE.to_owned(),
            };
            // Somebody else was in the way, and nothing was done: the client asks again.
            if reply.status == StatusCode::SERVICE_UNAVAILABLE {
                continue;
            }
            // What names nothing is not remembered: it may be there the next time.
            if reply.status != StatusCode::NOT_FOUND && !reply.status.is_server_error() {
                let again = self.send(step, &key).await.unwrap();
                assert_eq!(again.status, reply.status, "the same key, the same answer: {step:?}");
                for field in ["id", "code", "amount", "state", "available"] {
                    assert_eq!(again.body[field], reply.body[field], "{step:?}: {field}");
                }
            }
            return match reply.status.is_success() {
                true => DONE.to_owned(),
                false => text(&reply.body, "code"),
            };
        }
        panic!("{step:?} finds no end");
    }

    async fn send(&self, step: &Step, key: &str) -> Option<Reply> {
        let world = self.world;
        let amount = |minor: i64| json!({ "amount": eur(minor) });
        let part = |minor: Option<i64>| minor.map_or_else(|| json!({}), amount);
        let (path, body) = match *step {
            Step::Redeem { card, name, minor } => {
                ("/redemptions".to_owned(), self.at_card(card, name, minor))
            }
            Step::Authorise { card, name, minor, hours } => {
                let mut body = self.at_card(card, name, minor);
                body["hold_hours"] = json!(hours);
                ("/authorisations".to_owned(), body)
            }
            Step::Capture { name, minor, redemption } => {
                let mut body = part(minor);
                if let Some(redemption) = redemption {
                    body["external_id"] = json!(external(redemption));
                }
                (format!("/authorisations/{}/capture", self.authorisation(name).await), body)
            }
            Step::Release { name } => {
                (format!("/authorisations/{}/release", self.authorisation(name).await), json!({}))
            }
            Step::Reverse { name, minor } => {
                (format!("/redemptions/{}/reversals", self.redemption(name).await), part(minor))
            }
            Step::RequestSettlement => ("/settlements".to_owned(), json!({ "currency": "EUR" })),
            Step::ExpireAuthorisations => {
                expire_authorisations(world.service()).await.unwrap();
                return None;
            }
            Step::ExpireCards => {
                expire_cards(world.service()).await.unwrap();
                return None;
            }
            Step::Sweep => {
                world.sweep().await;
                return None;
            }
            Step::Pass { minutes } => {
                world.pass(SignedDuration::from_mins(minutes));
                return None;
            }
            Step::SendDue { meets, are_lookups_lost } => {
                self.send_due(meets, are_lookups_lost).await;
                return None;
            }
            Step::TransferBecomes { transfer, news, is_told } => {
                let shown = self.transfers().await;
                let (provider_ref, status) = pick(&shown.iter().collect::<Vec<_>>(), transfer)?;
                if let Some(next) = news.after(*status) {
                    world.bank.becomes(provider_ref, next);
                }
                if is_told {
                    // What it says is not believed; it is only where to look.
                    world.webhook(key, "paid", provider_ref).await;
                    world.handle_events().await;
                }
                return None;
            }
            Step::Issue { .. } => return None,
        };
        Some(world.post(&path, &self.shop.token, key, body).await)
    }

    fn at_card(&self, card: usize, name: u8, minor: i64) -> Value {
        let (_, code) = &self.cards[card % self.cards.len()];
        json!({ "code": code, "amount": eur(minor), "external_id": external(name) })
    }

    async fn authorisation(&self, name: u8) -> String {
        self.known("authorisations", name, "aut").await
    }

    async fn redemption(&self, name: u8) -> String {
        self.known("redemptions", name, "rdm").await
    }

    /// The id of what has this name, or one that nothing has.
    async fn known(&self, what: &str, name: u8, prefix: &str) -> String {
        let path = format!("/{what}?external_id={}", external(name));
        let found = self.world.get(&path, &self.shop.token).await.expect(StatusCode::OK);
        match found["items"][0]["id"].as_str() {
            Some(id) => id.to_owned(),
            None => format!("{prefix}_{}", Uuid::now_v7().simple()),
        }
    }

    async fn send_due(&self, meets: Meets, are_lookups_lost: bool) {
        let bank = &self.world.bank;
        bank.fail_lookups(are_lookups_lost);
        bank.script([match meets {
            Meets::Pay => Next::Pay,
            Meets::Pend => Next::Pend,
            Meets::PayAndLoseAnswer => Next::PayAndLoseAnswer,
            Meets::LoseRequest => Next::LoseRequest,
            Meets::Refuse => Next::Refuse("insufficient_funds"),
            Meets::Unreachable => Next::Unreachable,
        }]);
        self.world.send_due().await;
        bank.unscript();
        bank.fail_lookups(false);
    }

    /// This merchant's transfers at the bank, in the order of their attempts.
    async fn transfers(&self) -> Vec<(String, platform::provider::TransferStatus)> {
        let attempts = self.attempts().await;
        let transfers = self.world.bank.transfers();
        let of = |attempt: &attempt::Attempt| {
            let mut found = transfers.iter().filter(|t| t.provider_ref == attempt.provider_ref);
            found.next().map(|transfer| (transfer.provider_ref.clone(), transfer.status))
        };
        attempts.iter().filter_map(of).collect()
    }

    async fn attempts(&self) -> Vec<attempt::Attempt> {
        attempt::entity::Entity::find()
            .filter(attempt::entity::Column::MerchantId.eq(self.merchant))
            .order_by_asc(attempt::entity::Column::SettlementId)
            .order_by_asc(attempt::entity::Column::Number)
            .all(self.world.db.read())
            .await
            .unwrap()
    }

    /// The real rows.
    pub(super) async fn books(&self) -> Books {
        let (conn, merchant) = (self.world.db.read(), self.merchant);
        let mut cards = vec![];
        for (id, _) in &self.cards {
            let row = card::find(conn, *id).await.unwrap().unwrap();
            cards.push(model::Card {
                state: row.state,
                value: row.value_minor,
                available: row.available_minor,
                authorised: row.authorised_minor,
                redeemed: row.redeemed_minor,
                expired: row.expired_minor,
                expires_at: row.expires_at,
                account: self.balance(AccountKind::non_negative(CARD), id.0).await,
            });
        }
        let card = |id: CardId| self.cards.iter().position(|(card, _)| *card == id).unwrap();
        let redeemed = redemption::page(conn, merchant, None, u64::from(u8::MAX)).await.unwrap();
        let names: BTreeMap<RedemptionId, u8> =
            redeemed.iter().map(|row| (row.id, named(&row.external_id))).collect();
        let authorised = authorisation::page(conn, merchant, None, u64::from(u8::MAX)).await;
        let authorisations = authorised.unwrap().into_iter().map(|row| {
            let authorisation = model::Authorisation {
                state: row.state,
                card: card(row.card_id),
                amount: row.amount_minor,
                expires_at: row.expires_at,
                redemption: row.redemption_id.map(|id| names[&id]),
            };
            (named(&row.external_id), authorisation)
        });
        let redemptions = redeemed.iter().map(|row| {
            let (amount, reversed) = (row.amount_minor, row.reversed_minor);
            (
                named(&row.external_id),
                model::Redemption { card: card(row.card_id), amount, reversed },
            )
        });
        let mut requested =
            settlement::page(conn, Some(merchant), None, u64::from(u8::MAX)).await.unwrap();
        requested.reverse();
        let number = |id: SettlementId| requested.iter().position(|row| row.id == id).unwrap();
        let lines = line::entity::Entity::find()
            .filter(line::entity::Column::MerchantId.eq(merchant))
            .all(conn)
            .await
            .unwrap();
        let mut lines: Vec<_> = lines
            .into_iter()
            .map(|row| model::Line {
                kind: row.kind.as_str(),
                amount: row.amount_minor,
                settlement: row.settlement_id.map(number),
            })
            .collect();
        lines.sort_unstable();
        let (attempts, stuck) = (self.attempts().await, self.stuck().await);
        let settlements = requested.iter().map(|row| {
            let of_it = attempts.iter().filter(|attempt| attempt.settlement_id == row.id);
            let attempts: Vec<_> = of_it.map(|attempt| seen(attempt, &stuck)).collect();
            assert_eq!(usize::try_from(row.attempt).unwrap(), attempts.len(), "{row:?}");
            model::Settlement { state: row.state, total: row.total_minor, attempts }
        });
        Books {
            authorisations: authorisations.collect(),
            redemptions: redemptions.collect(),
            lines,
            settlements: settlements.collect(),
            payable: self.balance(AccountKind::clearing("payable"), merchant.0).await,
            cards,
        }
    }

    async fn stuck(&self) -> Vec<String> {
        let rows = alert::entity::Entity::find()
            .filter(alert::entity::Column::ClearedAt.is_null())
            .all(self.world.db.read())
            .await
            .unwrap();
        let stuck = |row: alert::entity::Model| {
            assert_eq!(row.kind, "attempt_stuck", "{row:?}");
            row.subject
        };
        rows.into_iter().map(stuck).collect()
    }

    async fn balance(&self, kind: AccountKind, owner: Uuid) -> i64 {
        let (mode, currency) = (ledger::Mode::Test, "EUR".parse().unwrap());
        let account = Account { mode, kind, owner, currency };
        ledger::balance(self.world.db.read(), &account).await.unwrap().minor
    }

    /// Of all that was ever issued in this world, to whomever.
    pub(super) async fn assert_no_cent_is_lost(&self) {
        self.world.assert_sound().await;
        let conn = self.world.db.read();
        let sums = ledger::audit::sums_by_kind(conn).await.unwrap();
        let sum = |kind| -> i64 {
            sums.iter().filter(|sum| sum.kind == kind).map(|sum| sum.total.minor).sum()
        };
        let cards = card::entity::Entity::find().all(conn).await.unwrap();
        let issued: i64 = cards.iter().map(|card| card.value_minor).sum();
        let expired: i64 = cards.iter().map(|card| card.expired_minor).sum();
        assert_eq!(sum("breakage"), expired, "what expired");
        assert_eq!(sum("provider_clearing"), self.world.bank.paid_minor(), "what was paid out");
        let kept = sum("card") + sum("payable") + sum("breakage") + sum("provider_clearing");
        assert_eq!(kept, issued, "every cent is somewhere");
    }
}

fn seen(row: &attempt::Attempt, stuck: &[String]) -> model::Attempt {
    model::Attempt {
        state: row.state,
        amount: row.amount_minor,
        sends: row.possible_sends,
        tries: row.tries,
        first_sent_at: row.first_sent_at,
        due_at: row.due_at,
        is_stuck: stuck.contains(&row.provider_ref),
    }
}

fn external(name: u8) -> String {
    format!("receipt-{name}")
}

fn named(external_id: &str) -> u8 {
    external_id.trim_start_matches("receipt-").parse().unwrap()
}
