//! From the freeze to the winners, and the transcript that anybody can check.

use std::{collections::HashSet, sync::Arc, time::Duration};

use axum::http::StatusCode;
use draw::{
    beacon::Chain,
    fixed::BeaconSignature,
    leaf::Reason,
    rules::Eligibility,
    transcript::Transcript,
    verify::{Options, Verdict, verify},
};
use giveaway_api::{
    actions::{commit_draw::commit_due, draw_winners::draw_due},
    beacon::Beacon,
    domain::{giveaway::GiveawayState, winner::WinnerState},
    ids::GiveawayId,
    store::{draw as draws, entry, unit, winner},
};
use jiff::Timestamp;
use sea_orm::ConnectionTrait as _;
use testkit::eventually;

use crate::support::{
    Bed, CLAIM_SECONDS, LEAD_SECONDS, OPEN_SECONDS, Outside, Plan, REVIEW_SECONDS, at, sandbox,
};

const FREEZE: i64 = OPEN_SECONDS + REVIEW_SECONDS as i64;
const DRAW: i64 = FREEZE + LEAD_SECONDS as i64;

fn closed(units: u32, alternates: u32) -> Plan {
    Plan { units, alternates, ..Plan::default() }
}

async fn scan(bed: &Bed) {
    commit_due(bed.service()).await.unwrap();
    draw_due(bed.service()).await.unwrap();
}

async fn transcript(bed: &Bed, id: GiveawayId) -> Transcript {
    let answer = bed.get(&format!("/giveaways/{id}/transcript")).await;
    assert_eq!(answer.status, StatusCode::OK, "{:?}", answer.body);
    Transcript::from_json(&answer.bytes).unwrap()
}

fn check_transcript(bed: &Bed, transcript: &Transcript) {
    let key = bed.service().instance_key.public_key();
    let seen = Some(transcript.manifest.hash());
    let options = Options { expected_key: Some(key), seen, receipt: None };
    let report = verify(transcript, &options);
    assert_eq!(report.verdict(), Verdict::Sandbox, "{}: {report:#?}", bed.db);
}

#[tokio::test]
async fn a_draw_can_be_verified_by_a_stranger() {
    for bed in Bed::all().await {
        let id = bed.giveaway(closed(3, 2)).await;
        bed.enter_verified(id, 40).await;
        bed.advance_to(OPEN_SECONDS);
        bed.close(id).await;

        // Nothing is frozen before its time, and nothing published.
        scan(&bed).await;
        assert_eq!(bed.state(id).await, GiveawayState::Closed);
        let manifest = format!("/giveaways/{id}/manifest");
        assert_eq!(bed.get(&manifest).await.status, StatusCode::NOT_FOUND);

        bed.advance_to(FREEZE);
        scan(&bed).await;
        assert_eq!(bed.state(id).await, GiveawayState::Committed, "{}", bed.db);
        let commitment = bed.get(&manifest).await;
        assert_eq!(commitment.status, StatusCode::OK);
        assert_eq!(commitment.body["manifest"]["late"], false);
        assert_eq!(commitment.body["manifest"]["leaves"], 40);
        assert_eq!(bed.mailed("commitment").await, 40);
        let public = bed.get(&format!("/giveaways/{id}/public")).await.body;
        assert_eq!(public["manifest_hash"], commitment.body["hash"]);
        assert_eq!(public["counts"]["entries"], 40);
        assert_eq!(public["winners"], serde_json::Value::Null);
        assert_eq!(bed.get(&format!("/giveaways/{id}/transcript")).await.code(), "not_found");

        // The round is public at the draw time or up to a period later, and not a moment earlier.
        bed.advance_to(DRAW - 1);
        scan(&bed).await;
        assert_eq!(bed.state(id).await, GiveawayState::Committed);
        bed.advance_to(DRAW + 3);
        scan(&bed).await;
        assert_eq!(bed.state(id).await, GiveawayState::Drawn, "{}", bed.db);

        let transcript = transcript(&bed, id).await;
        check_transcript(&bed, &transcript);
        assert_eq!(transcript.picks.len(), 5);
        let hash = commitment.body["hash"].as_str().unwrap();
        assert_eq!(transcript.manifest.hash().to_string(), hash);

        let winners = winner::of_giveaway(bed.db.read(), id).await.unwrap();
        let leaves: Vec<_> = winners.iter().map(winner::Model::leaf).collect();
        assert_eq!(leaves, transcript.picks[..3]);
        for (winner, unit) in
            winners.iter().zip(unit::of_giveaway(bed.db.read(), id).await.unwrap())
        {
            assert_eq!(winner.state().unwrap(), WinnerState::Selected);
            assert_eq!(winner.unit_id, unit.id);
            let claim_until = at(DRAW + 3 + i64::from(CLAIM_SECONDS)).as_millisecond();
            assert_eq!(winner.claim_until, claim_until);
        }
        assert_eq!(bed.mailed("winner").await, 3);
        let public = bed.get(&format!("/giveaways/{id}/public")).await.body;
        assert_eq!(public["winners"][0]["leaf"], transcript.picks[0].to_string());

        // Looking again changes nothing.
        scan(&bed).await;
        assert_eq!(winner::of_giveaway(bed.db.read(), id).await.unwrap(), winners);
        assert_eq!(bed.mailed("winner").await, 3);
    }
}

#[tokio::test]
async fn everybody_has_a_leaf_and_only_the_eligible_have_weight() {
    for bed in Bed::all().await {
        let eligibility = Eligibility { birth_year_max: Some(1995), ..Eligibility::default() };
        let id = bed.giveaway(Plan { eligibility, ..closed(1, 0) }).await;
        bed.enter_verified(id, 3).await;
        for (email, year) in [("late@example.org", 1990), ("young@example.org", 2000)] {
            let body = serde_json::json!({"email": email, "country": "DE", "birth_year": year});
            bed.post(&format!("/giveaways/{id}/entries"), body).await;
        }
        let young =
            entry::of_person(bed.db.read(), id, "young@example.org").await.unwrap().unwrap();
        entry::verify(bed.db.write(), [young.id], bed.clock.now()).await.unwrap();
        bed.advance_to(OPEN_SECONDS);
        bed.close(id).await;
        bed.advance_to(FREEZE);
        scan(&bed).await;
        let leaves = draws::read_leaves(bed.db.read(), id).await.unwrap();
        let mut reasons: Vec<_> =
            leaves.iter().map(|leaf| (leaf.reason().unwrap(), leaf.weight())).collect();
        reasons.sort_unstable();
        let takes_part = (Reason::None, 1);
        let expected =
            [takes_part, takes_part, takes_part, (Reason::Unverified, 0), (Reason::BirthYear, 0)];
        assert_eq!(reasons, expected, "{}", bed.db);
    }
}

#[tokio::test]
async fn after_downtime_everything_fires_in_order_and_the_round_is_a_later_one() {
    for bed in Bed::all().await {
        let id = bed.giveaway(closed(2, 1)).await;
        bed.enter_verified(id, 10).await;
        // Down from before the closing until long after the draw.
        bed.advance_to(DRAW + 5_000);
        bed.close(id).await;
        scan(&bed).await;
        assert_eq!(bed.state(id).await, GiveawayState::Committed, "{}", bed.db);
        let manifest = draws::find(bed.db.read(), id).await.unwrap().unwrap().manifest().unwrap();
        assert!(manifest.late);
        let chain = bed.service().beacon.chain();
        let decided_at = chain.time_of(manifest.round).unwrap().timestamp();
        assert!(decided_at >= at(DRAW + 5_000 + i64::from(LEAD_SECONDS)));

        bed.advance_to(DRAW + 5_000 + i64::from(LEAD_SECONDS) + 3);
        scan(&bed).await;
        assert_eq!(bed.state(id).await, GiveawayState::Drawn);
        check_transcript(&bed, &transcript(&bed, id).await);
    }
}

#[tokio::test]
async fn prizes_for_which_nobody_was_left_go_back() {
    for entrants in [0, 1] {
        for bed in Bed::all().await {
            too_few(&bed, entrants).await;
        }
    }
}

/// Draws three prizes among fewer entrants.
async fn too_few(bed: &Bed, entrants: u32) {
    let id = bed.giveaway(closed(3, 2)).await;
    bed.enter_verified(id, entrants).await;
    bed.close(id).await;
    bed.advance_to(FREEZE);
    scan(bed).await;
    bed.advance_to(DRAW + 3);
    scan(bed).await;
    assert_eq!(bed.state(id).await, GiveawayState::Drawn, "{} {entrants}", bed.db);
    check_transcript(bed, &transcript(bed, id).await);
    let winners = winner::of_giveaway(bed.db.read(), id).await.unwrap();
    assert_eq!(winners.len(), entrants as usize);
    let units = unit::of_giveaway(bed.db.read(), id).await.unwrap();
    let won: HashSet<_> = winners.iter().map(|winner| winner.unit_id).collect();
    let left: HashSet<_> =
        units.iter().filter(|unit| !won.contains(&unit.id)).map(|unit| unit.escrow_id).collect();
    assert_eq!(bed.returns_of(id).await, left);
}

#[tokio::test]
async fn the_database_refuses_to_change_a_commitment() {
    for bed in Bed::all().await {
        let id = bed.giveaway(closed(1, 0)).await;
        bed.enter_verified(id, 5).await;
        bed.advance_to(FREEZE);
        bed.close(id).await;
        scan(&bed).await;
        bed.advance_to(DRAW + 2_000);
        scan(&bed).await;
        for sql in [
            "UPDATE draw SET manifest = '{}'",
            "UPDATE draw SET round = round + 1",
            "UPDATE draw SET words = words + 1",
            "UPDATE draw_leaves SET part = part + 1",
            "UPDATE draw_pick SET position = position + 10",
            "DELETE FROM draw_pick",
            "DELETE FROM draw",
        ] {
            assert!(bed.db.write().execute_unprepared(sql).await.is_err(), "{} {sql}", bed.db);
        }
    }
}

/// A beacon whose network has fallen silent.
#[derive(Debug)]
struct Silent;

#[async_trait::async_trait]
impl Beacon for Silent {
    fn chain(&self) -> Chain {
        sandbox().chain()
    }

    async fn signature(&self, _: u64, _: Timestamp) -> anyhow::Result<Option<BeaconSignature>> {
        Ok(None)
    }
}

#[tokio::test]
async fn a_draw_without_a_beacon_waits_a_month_and_is_void() {
    const MONTH: i64 = 30 * 24 * 3_600;
    let outside = Outside { beacon: Arc::new(Silent), ..Outside::default() };
    for bed in Bed::all_in(outside).await {
        let id = bed.giveaway(closed(2, 0)).await;
        bed.enter_verified(id, 5).await;
        bed.advance_to(FREEZE);
        bed.close(id).await;
        scan(&bed).await;
        bed.advance_to(DRAW + MONTH - 10);
        scan(&bed).await;
        assert_eq!(bed.state(id).await, GiveawayState::Committed, "{}", bed.db);
        assert!(bed.returns_of(id).await.is_empty());
        bed.advance_to(DRAW + MONTH + 10);
        scan(&bed).await;
        assert_eq!(bed.state(id).await, GiveawayState::Cancelling, "{}", bed.db);
        assert_eq!(bed.returns_of(id).await.len(), 2);
    }
}

#[tokio::test]
async fn an_instance_that_slept_through_the_month_still_draws() {
    for bed in Bed::all().await {
        let id = bed.giveaway(closed(2, 0)).await;
        bed.enter_verified(id, 5).await;
        bed.advance_to(FREEZE);
        bed.close(id).await;
        scan(&bed).await;
        bed.advance_to(DRAW + 40 * 24 * 3_600);
        scan(&bed).await;
        assert_eq!(bed.state(id).await, GiveawayState::Drawn, "{}", bed.db);
        check_transcript(&bed, &transcript(&bed, id).await);
    }
}

#[tokio::test]
async fn the_scans_bring_a_giveaway_from_its_schedule_to_its_winners() {
    const SOON: Duration = Duration::from_secs(20);
    for bed in Bed::all().await {
        let plan = Plan { state: GiveawayState::Scheduled, ..closed(2, 1) };
        let id = bed.giveaway(plan).await;
        bed.enter_verified(id, 10).await;
        bed.app.start();
        eventually(SOON, async || bed.state(id).await == GiveawayState::Open).await;
        // As after a night without power: closing and freeze are long over.
        bed.advance_to(DRAW + 100);
        eventually(SOON, async || bed.state(id).await == GiveawayState::Committed).await;
        bed.advance_to(DRAW + 100 + i64::from(LEAD_SECONDS) + 3);
        eventually(SOON, async || bed.state(id).await == GiveawayState::Drawn).await;
        check_transcript(&bed, &transcript(&bed, id).await);
        assert!(bed.service().shutdown.stop().await, "{}", bed.db);
    }
}
