//! The optional gRPC port: the services of all three applications, health and reflection, behind the
//! same verification as in process.

use std::net::SocketAddr;

use anyhow::Context as _;
use durable_grpc::server::TraceLayer;
use platform::Shutdown;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{service::Routes, transport::Server};

use super::{applications::Applications, secrets::Secrets};
use crate::config::Config;

/// Listens if a port is configured, and returns where.
///
/// # Errors
/// When the port cannot be had.
pub(crate) async fn start(
    config: &Config,
    secrets: &Secrets,
    applications: &Applications,
    shutdown: &Shutdown,
) -> anyhow::Result<Option<SocketAddr>> {
    let Some(wanted) = config.grpc_address()? else { return Ok(None) };
    let listener = TcpListener::bind(wanted)
        .await
        .with_context(|| format!("grpc.listen: cannot listen at {wanted}"))?;
    let address = listener.local_addr()?;
    let routes = merged(applications.grpc()).await?;
    let stop = shutdown.clone();
    let server = Server::builder()
        .layer(secrets.credential.verification())
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
    Ok(Some(address))
}

/// One set of routes from several. Each brings an answer to unknown methods and may bring health and
/// reflection of its own, so what it is asked is said by the service's name.
async fn merged(services: Vec<(&'static str, Routes)>) -> anyhow::Result<Routes> {
    let (health, health_service) = tonic_health::server::health_reporter();
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(contracts::FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .build_v1()
        .context("reflection")?;
    let mut all = Routes::new(health_service).add_service(reflection);
    for (service, routes) in services {
        let router = std::mem::take(all.axum_router_mut());
        *all.axum_router_mut() = router.route_service(&format!("/{service}/{{*rest}}"), routes);
        health.set_service_status(service, tonic_health::ServingStatus::Serving).await;
    }
    Ok(all.prepare())
}
