//! Several at once at the same wallet, while the bank tells of payments and transfers: what they were
//! told and what is written afterwards must be what some order of their steps, one after the other,
//! leads to.

use std::collections::HashSet;

use giveaway_api::actions::{send_withdrawal::send_due, sweep_withdrawals::sweep_withdrawals};
use platform::provider::{PaymentStatus, TransferStatus};
use proptest::prelude::*;

use super::{
    Meets, Step, about_debts, at_the_bank, at_the_wallet, begin,
    books::{Books, Model},
    end, run,
};
use crate::world::{Alive, World};

const LANES: usize = 4;
const STEPS: usize = 4;
const CASES: u32 = 16;

/// The model after some order of the steps in which everybody was told what they were told, and
/// which ends as the real rows do. Places that were come to before are not searched again: steps that
/// do not meet lead there by many ways.
fn explained(
    model: &Model,
    lanes: &[Vec<(Step, String)>],
    rows: &Books,
    done: &mut Vec<usize>,
    seen: &mut HashSet<(Vec<usize>, Books)>,
) -> Option<Model> {
    if !seen.insert((done.clone(), model.books.clone())) {
        return None;
    }
    if lanes.iter().zip(done.iter()).all(|(lane, done)| lane.len() == *done) {
        return (model.books == *rows).then(|| model.clone());
    }
    for lane in 0..lanes.len() {
        let Some((step, told)) = lanes[lane].get(done[lane]) else { continue };
        let mut after = model.clone();
        if after.apply(step) == told {
            done[lane] += 1;
            let end = explained(&after, lanes, rows, done, seen);
            done[lane] -= 1;
            if end.is_some() {
                return end;
            }
        }
    }
    None
}

/// What one of the crowd does: the host in several windows, and the bank's messages.
fn lane() -> impl Strategy<Value = Vec<Step>> {
    // Twice the same object: a message comes again, or two come of one payment.
    let heard = prop_oneof![
        3 => (0..3_usize).prop_map(|payment| Step::HearOfPayment { payment }),
        1 => (0..3_usize).prop_map(|transfer| Step::TransferBecomes {
            transfer,
            // The bank says nothing new now; what it said before is looked at.
            status: TransferStatus::Pending,
            is_told: true,
        }),
    ];
    prop::collection::vec(prop_oneof![at_the_wallet(), heard], 1..=STEPS)
}

async fn all_at_once(
    world: &World,
    app: &Alive,
    (before, news, lanes): (Vec<Step>, Vec<Step>, Vec<Vec<Step>>),
) -> Result<(), TestCaseError> {
    let (life, mut model) = begin(world, app).await;
    // Two payments that nobody has heard of: to hear of one is to change the wallet.
    let (status, is_second) = (PaymentStatus::Paid, false);
    let paid = [1, 2].map(|top_up| Step::Pay { top_up, is_second, status });
    let asked = [Step::TopUp { minor: 500 }, Step::TopUp { minor: 600 }];
    for step in before.iter().chain(&asked).chain(&paid).chain(&news) {
        prop_assert_eq!(&life.take(step).await, model.apply(step), "before: {:?}", step);
    }
    let lane = async |steps: &Vec<Step>| {
        let mut told = vec![];
        for step in steps {
            told.push((step.clone(), life.take(step).await));
        }
        told
    };
    let told = futures::future::join_all(lanes.iter().map(lane)).await;
    let rows = life.books().await;
    let mut done = vec![0; told.len()];
    let after = explained(&model, &told, &rows, &mut done, &mut HashSet::new());
    prop_assert!(
        after.is_some(),
        "no order explains {:#?}\nfrom {:#?}\nto {:#?}",
        told,
        model,
        rows
    );
    let mut model = after.unwrap_or_default();
    // Two instances send what is due at the same moment, and the bank's list is read meanwhile. The
    // rows count the sends: each is sent once.
    tokio::join!(
        app.run(async |s| Ok(send_due(&s).await?)),
        app.run(async |s| Ok(send_due(&s).await?)),
        app.run(async |s| sweep_withdrawals(&s).await),
    );
    model.apply(&Step::SendDue { meets: Meets::Pay });
    model.apply(&Step::SweepTransfers);
    life.take(&Step::SweepTransfers).await;
    prop_assert_eq!(&life.books().await, &model.books, "after all was sent");
    end(&life, &mut model).await
}

#[test]
fn a_crowd_is_told_what_some_order_explains() {
    let before = prop::collection::vec(about_debts(), 0..10);
    let news = prop::collection::vec(at_the_bank(), 0..6);
    let lanes = prop::collection::vec(lane(), 2..=LANES);
    run(CASES, &(before, news, lanes), all_at_once);
}
