//! The service as it runs: scans, outbox and gRPC, without anybody pushing.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use contracts::{
    giveaway::{
        CreditVoidRequest, CreditVoidResponse, RenderMailsRequest, RenderMailsResponse,
        ResolveEscrowsRequest, ResolveEscrowsResponse,
        giveaway_service_server::{GiveawayService, GiveawayServiceServer},
        resolve_escrows_response::Decision,
    },
    lane,
};
use durable_grpc::{Target, Worker, WorkerHandle};
use http::StatusCode;
use jiff::SignedDuration;
use platform::provider::TransferStatus;
use serde_json::json;
use testkit::eventually;
use tonic::{Request, Response, Status, service::Routes};

use super::{
    bank::Next,
    world::{ADMIN, World, text},
};

/// Far longer than any of this takes.
pub(super) const SOON: Duration = Duration::from_secs(20);

/// giveaway-api, as far as we ask it: no saga was ever committed, and what comes back from voids is
/// noted.
#[derive(Clone, Default)]
pub(super) struct Giveaways {
    /// What was credited, as voids, escrows and amounts.
    pub(super) credited: Arc<Mutex<Vec<(String, String, i64)>>>,
}

impl Giveaways {
    /// Answers the calls of a world from now on.
    pub(super) fn answer(&self, world: &World) -> WorkerHandle {
        let giveaway = Routes::new(GiveawayServiceServer::new(self.clone())).prepare();
        Worker::builder(&world.calls).lane(lane::GIVEAWAY, Target::in_process(giveaway)).spawn()
    }
}

#[tonic::async_trait]
impl GiveawayService for Giveaways {
    async fn credit_void(
        &self,
        request: Request<CreditVoidRequest>,
    ) -> Result<Response<CreditVoidResponse>, Status> {
        let CreditVoidRequest { void_id, escrow_id, amount } = request.into_inner();
        let credit = (void_id, escrow_id, amount.unwrap().minor);
        let mut credited = self.credited.lock().unwrap();
        if !credited.contains(&credit) {
            credited.push(credit);
        }
        Ok(Response::new(CreditVoidResponse {}))
    }

    async fn resolve_escrows(
        &self,
        _: Request<ResolveEscrowsRequest>,
    ) -> Result<Response<ResolveEscrowsResponse>, Status> {
        Ok(Response::new(ResolveEscrowsResponse { decision: Decision::Aborted.into() }))
    }

    async fn render_mails(
        &self,
        _: Request<RenderMailsRequest>,
    ) -> Result<Response<RenderMailsResponse>, Status> {
        Err(Status::unimplemented("no mails here"))
    }
}

#[tokio::test]
async fn settlements_run_by_themselves() {
    for world in World::each().await {
        let shop = world.shop().await;
        world.app.start();
        world.bank.script([Next::LoseRequest, Next::Pend]);
        let id = world.requested(&shop, 700).await;
        let state = async |wanted: &str| {
            eventually(SOON, async || {
                // Waits of the service are by its own clock.
                world.pass(SignedDuration::from_secs(1));
                text(&world.settlement(&shop, &id).await, "state") == wanted
            })
            .await;
        };
        state("pending_provider").await;
        let reference = format!("{id}_1");
        world.bank.becomes(&reference, TransferStatus::Paid);
        assert_eq!(world.webhook("evt_1", "paid", &reference).await, StatusCode::NO_CONTENT);
        state("paid").await;
        assert!(world.shutdown.stop().await);
        world.assert_sound().await;
    }
}

#[tokio::test]
async fn an_aborted_saga_frees_its_escrows() {
    for world in World::each().await {
        let shop = world.shop().await;
        world.app.start();
        let worker = Giveaways::default().answer(&world);
        world.reserve(&shop, &[500, 700]).await;
        let pending = async || {
            let listed = world.get("/admin/escrows/pending", ADMIN).await.expect(StatusCode::OK);
            listed["items"].as_array().unwrap().len()
        };
        assert_eq!(pending().await, 2);
        world.pass(SignedDuration::from_secs(300));
        eventually(SOON, async || pending().await == 0).await;
        assert!(world.shutdown.stop().await);
        worker.shutdown().await;
        world.assert_sound().await;
    }
}

#[tokio::test]
async fn cards_expire_by_themselves() {
    let world = World::sqlite().await;
    let shop = world.shop_with(json!({ "validity_days": 1_826 })).await;
    world.app.start();
    let (_, code) = world.card_code(&shop, 500).await;
    world.pass(SignedDuration::from_hours(1_826 * 24));
    eventually(SOON, async || {
        let sums = ledger::audit::sums_by_kind(world.db.read()).await.unwrap();
        sums.iter().any(|sum| sum.kind == "breakage" && sum.total.minor == 500)
    })
    .await;
    let shown = world.post("/cards/balance", &shop.token, "", json!({ "code": code })).await;
    assert_eq!(shown.expect(StatusCode::OK)["state"], "expired");
    assert!(world.shutdown.stop().await);
}
