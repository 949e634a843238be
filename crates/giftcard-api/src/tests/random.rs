//! Anything in any order: whatever the tills and the bank do, the books hold and no cent is made
//! or lost.

use http::StatusCode;
use jiff::SignedDuration;
use platform::provider::TransferStatus;
use proptest::prelude::*;
use serde_json::json;

use super::{
    bank::Next,
    world::{Shop, World, eur, text},
};
use crate::actions::expire_cards::expire_cards;

/// One thing that happens. Numbers choose among what there is.
#[derive(Clone, Debug)]
enum Step {
    Issue { minor: i64 },
    Redeem { card: usize, minor: i64 },
    Reverse { redemption: usize, minor: i64 },
    RequestSettlement,
    SendDue { meets: Meets },
    Sweep,
    TransferBecomes { transfer: usize, news: News },
    Pass { minutes: i64 },
    YearsPass,
}

#[derive(Clone, Copy, Debug)]
enum Meets {
    Pay,
    Pend,
    PayAndLoseAnswer,
    LoseRequest,
    Refuse,
    Unreachable,
}

#[derive(Clone, Copy, Debug)]
enum News {
    Paid,
    Failed,
    Reversed,
}

fn step() -> impl Strategy<Value = Step> {
    let meets = prop::sample::select(vec![
        Meets::Pay,
        Meets::Pend,
        Meets::PayAndLoseAnswer,
        Meets::LoseRequest,
        Meets::Refuse,
        Meets::Unreachable,
    ]);
    let news = prop::sample::select(vec![News::Paid, News::Failed, News::Reversed]);
    prop_oneof![
        2 => (100..2_000_i64).prop_map(|minor| Step::Issue { minor }),
        6 => (any::<usize>(), 1..1_500_i64).prop_map(|(card, minor)| Step::Redeem { card, minor }),
        3 => (any::<usize>(), 1..800_i64)
            .prop_map(|(redemption, minor)| Step::Reverse { redemption, minor }),
        3 => Just(Step::RequestSettlement),
        4 => meets.prop_map(|meets| Step::SendDue { meets }),
        2 => Just(Step::Sweep),
        2 => (any::<usize>(), news).prop_map(|(transfer, news)| Step::TransferBecomes { transfer, news }),
        3 => (1..90_i64).prop_map(|minutes| Step::Pass { minutes }),
        1 => Just(Step::YearsPass),
    ]
}

struct Life {
    world: World,
    shop: Shop,
    codes: Vec<String>,
    redemptions: Vec<String>,
    issued: i64,
    steps: usize,
}

impl Life {
    async fn begin() -> Self {
        let world = World::sqlite().await;
        let shop = world.shop_with(json!({ "validity_days": 1_826 })).await;
        Self { world, shop, codes: vec![], redemptions: vec![], issued: 0, steps: 0 }
    }

    async fn take(&mut self, step: &Step) {
        self.steps += 1;
        let (world, shop) = (&self.world, &self.shop);
        match *step {
            Step::Issue { minor } => {
                self.codes.push(world.card_code(shop, minor).await.1);
                self.issued += minor;
            }
            Step::Redeem { card, minor } => {
                let Some(code) = pick(&self.codes, card) else { return };
                let reply = world.redeem(shop, code, minor).await;
                assert!(
                    matches!(reply.status, StatusCode::CREATED | StatusCode::CONFLICT),
                    "{reply:?}"
                );
                if reply.status == StatusCode::CREATED {
                    self.redemptions.push(text(&reply.body, "id"));
                }
            }
            Step::Reverse { redemption, minor } => {
                let Some(id) = pick(&self.redemptions, redemption) else { return };
                let (path, key) = (format!("/redemptions/{id}/reversals"), self.steps.to_string());
                let reply =
                    world.post(&path, &shop.token, &key, json!({ "amount": eur(minor) })).await;
                assert!(
                    matches!(reply.status, StatusCode::CREATED | StatusCode::CONFLICT),
                    "{reply:?}"
                );
            }
            Step::RequestSettlement => {
                let reply = world.request_settlement(shop).await;
                assert!(
                    matches!(reply.status, StatusCode::ACCEPTED | StatusCode::CONFLICT),
                    "{reply:?}"
                );
            }
            Step::SendDue { meets } => {
                let sends = world.bank.sends().len();
                world.bank.script([match meets {
                    Meets::Pay => Next::Pay,
                    Meets::Pend => Next::Pend,
                    Meets::PayAndLoseAnswer => Next::PayAndLoseAnswer,
                    Meets::LoseRequest => Next::LoseRequest,
                    Meets::Refuse => Next::Refuse("insufficient_funds"),
                    Meets::Unreachable => Next::Unreachable,
                }]);
                world.send_due().await;
                if world.bank.sends().len() == sends {
                    world.bank.unscript();
                }
            }
            Step::Sweep => world.sweep().await,
            Step::TransferBecomes { transfer, news } => {
                let transfers = world.bank.transfers();
                let Some(transfer) = pick(&transfers, transfer) else { return };
                let next = match (transfer.status, news) {
                    (TransferStatus::Pending, News::Paid) => TransferStatus::Paid,
                    (TransferStatus::Pending, News::Failed) => TransferStatus::Failed,
                    (TransferStatus::Paid, News::Reversed) => TransferStatus::Reversed,
                    _ => return,
                };
                world.bank.becomes(&transfer.provider_ref, next);
            }
            Step::Pass { minutes } => world.pass(SignedDuration::from_mins(minutes)),
            Step::YearsPass => {
                // What is under way ends first: nobody waits for years.
                self.settle_down().await;
                self.world.pass(SignedDuration::from_hours(1_826 * 24));
                expire_cards(self.world.service()).await.unwrap();
            }
        }
    }

    /// Everything that is under way comes to its end, with a bank that behaves.
    async fn settle_down(&self) {
        for _ in 0..3 {
            for transfer in self.world.bank.transfers() {
                if transfer.status == TransferStatus::Pending {
                    self.world.bank.becomes(&transfer.provider_ref, TransferStatus::Paid);
                }
            }
            self.world.pass(SignedDuration::from_mins(2));
            self.world.send_due().await;
            self.world.sweep().await;
        }
    }

    async fn end(self) {
        self.settle_down().await;
        for _ in 0..2 {
            self.world.request_settlement(&self.shop).await;
            self.settle_down().await;
        }
        assert_eq!(self.world.alerts().await, Vec::<String>::new());
        self.world.assert_sound().await;
        let sums = ledger::audit::sums_by_kind(self.world.db.read()).await.unwrap();
        let sum = |kind| -> i64 {
            sums.iter().filter(|sum| sum.kind == kind).map(|sum| sum.total.minor).sum()
        };
        assert_eq!(sum("provider_clearing"), self.world.bank.paid_minor(), "what was paid out");
        let kept = sum("card") + sum("payable") + sum("breakage") + sum("provider_clearing");
        assert_eq!(kept, self.issued, "every cent is somewhere");
        assert!(sum("payable") <= 0, "all that is owed is paid");
    }
}

fn pick<T>(items: &[T], n: usize) -> Option<&T> {
    items.get(n.checked_rem(items.len())?)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn the_books_hold(steps in prop::collection::vec(step(), 1..50)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut life = Life::begin().await;
            for step in &steps {
                life.take(step).await;
            }
            life.end().await;
        });
    }
}
