//! A gRPC port: services of this process, health and reflection, behind the verification of callers.

use std::net::SocketAddr;

use anyhow::Context as _;
use durable_grpc::server::TraceLayer;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{service::Routes, transport::Server};

use crate::{Shutdown, rpc::ServiceCredential};

/// What a port serves.
#[derive(Debug)]
pub struct Services {
    /// Each by its full name, as `handsel.giftcard.v1.GiftcardService`.
    pub routes: Vec<(&'static str, Routes)>,
    /// The contracts, for reflection.
    pub descriptors: &'static [u8],
    /// Whose calls are believed.
    pub credential: ServiceCredential,
}

/// Has the port, and serves nothing yet.
///
/// # Errors
/// When the port cannot be had.
pub async fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind(address).await;
    listener.with_context(|| format!("grpc.listen: cannot listen at {address}"))
}

/// Serves until shutdown.
///
/// # Errors
/// When the descriptors are none.
pub async fn serve(
    listener: TcpListener,
    services: Services,
    shutdown: &Shutdown,
) -> anyhow::Result<()> {
    let verification = services.credential.verification();
    let routes = merged(services).await?;
    let stop = shutdown.clone();
    let server = Server::builder()
        .layer(verification)
        .layer(TraceLayer)
        .add_routes(routes)
        .serve_with_incoming_shutdown(TcpListenerStream::new(listener), async move {
            stop.requested().await;
        });
    shutdown.spawn(async move {
        if let Err(error) = server.await {
            tracing::error!(%error, "the gRPC server ended");
        }
    });
    Ok(())
}

/// One set of routes from several. Each brings an answer to unknown methods and may bring health and
/// reflection of its own, so what it is asked is said by the service's name.
async fn merged(services: Services) -> anyhow::Result<Routes> {
    let (health, health_service) = tonic_health::server::health_reporter();
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(services.descriptors)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .build_v1()
        .context("reflection")?;
    let mut all = Routes::new(health_service).add_service(reflection);
    for (service, routes) in services.routes {
        let router = std::mem::take(all.axum_router_mut());
        *all.axum_router_mut() = router.route_service(&format!("/{service}/{{*rest}}"), routes);
        health.set_service_status(service, tonic_health::ServingStatus::Serving).await;
    }
    Ok(all.prepare())
}
