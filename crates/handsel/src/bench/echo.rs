//! The callee: a generated client and server, and the least that a server can do.

use durable_grpc::DurableChannel;
use tonic::{Request, Response, Status, service::Routes, transport::Channel};

use self::generated::{
    EchoRequest, EchoResponse,
    echo_service_client::EchoServiceClient,
    echo_service_server::{EchoService, EchoServiceServer},
};

/// Says that the method is idempotent and unary.
pub(crate) const DESCRIPTORS: &[u8] =
    include_bytes!(concat!(env!("OUT_DIR"), "/echo_descriptor.bin"));

/// The lane of the calls. A run that was killed leaves calls in it, which the next run executes.
pub(crate) const LANE: &str = "handsel-bench";

#[expect(
    unreachable_pub,
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    reason = "generated from echo.proto, documented there"
)]
mod generated {
    tonic::include_proto!("handsel.bench.v1");
}

/// The server.
pub(crate) fn routes() -> Routes {
    Routes::new(EchoServiceServer::new(Echo)).prepare()
}

/// The same generated client over either channel. Cheap to clone; clones share the channel.
#[derive(Clone, Debug)]
pub(crate) enum Client {
    /// Through the queue.
    Durable(EchoServiceClient<DurableChannel>),
    /// Straight to the callee.
    Direct(EchoServiceClient<Channel>),
}

impl Client {
    /// A client whose calls are durable.
    pub(crate) fn durable(channel: DurableChannel) -> Self {
        Self::Durable(EchoServiceClient::new(channel))
    }

    /// A client as tonic has it.
    pub(crate) fn direct(channel: Channel) -> Self {
        Self::Direct(EchoServiceClient::new(channel))
    }

    /// One call. An answer that is not what was sent counts as an error.
    pub(crate) async fn echo(&mut self, payload: bytes::Bytes) -> Result<(), Status> {
        let request = EchoRequest { payload: payload.clone() };
        let answer = match self {
            Self::Durable(client) => client.echo(request).await,
            Self::Direct(client) => client.echo(request).await,
        };
        let same = answer?.get_ref().payload == payload;
        if same { Ok(()) } else { Err(Status::data_loss("the answer is not what was sent")) }
    }
}

#[derive(Debug)]
struct Echo;

#[tonic::async_trait]
impl EchoService for Echo {
    async fn echo(&self, request: Request<EchoRequest>) -> Result<Response<EchoResponse>, Status> {
        Ok(Response::new(EchoResponse { payload: request.into_inner().payload }))
    }
}
