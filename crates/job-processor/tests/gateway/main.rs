//! The gateway from outside: as clients of Engine.IO (v4) and Socket.IO (v5) meet it, over both transports.
//! What rooms have to say comes from an owner that the tests write to.
//!
//! | module | what it tries |
//! |---|---|
//! | `owner` | an owner of rooms, whom tests have say things |
//! | `client` | a client of the protocols, packet by packet |
//! | `protocol` | handshake, namespaces, acknowledgements, binary, heartbeats, nonsense |
//! | `transports` | polling, WebSocket, and the step from one to the other |
//! | `delivery` | in order and without holes, whatever is lost or late |
//! | `rights` | private rooms |
//! | `limits` | slow clients, many connections, the end |

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod client;
mod delivery;
mod limits;
mod owner;
mod protocol;
mod rights;
mod transports;

use std::{sync::Arc, time::Duration};

use contracts::{
    processor::{PublishRequest, realtime_service_client::RealtimeServiceClient},
    realtime::RoomPosition,
};
use durable_grpc::Target;
use job_processor::gateway::{Gateway, GatewayConfig, GatewayDeps, build};
use platform::{
    Shutdown,
    http::{TrustedProxies, serve},
    roles::{Bus, Roles},
};
use tokio::net::TcpListener;

use self::owner::Owner;

/// What takes longer than this on a busy machine does not come.
const PATIENCE: Duration = Duration::from_secs(30);

/// A gateway at a port of its own, and whose rooms it shows.
struct Running {
    gateway: Gateway,
    address: String,
    owner: Owner,
    shutdown: Shutdown,
}

impl Running {
    async fn start() -> Self {
        Self::with(GatewayConfig::default(), Owner::default(), Roles::embedded().bus).await
    }

    async fn with(config: GatewayConfig, owner: Owner, bus: Arc<dyn Bus>) -> Self {
        let shutdown = Shutdown::new();
        let channel = || Target::in_process(owner.routes()).channel();
        let deps = GatewayDeps {
            shutdown: shutdown.clone(),
            bus,
            giveaway: channel(),
            giftcard: channel(),
        };
        let gateway = build(&config, deps).unwrap();
        gateway.start();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        serve(listener, gateway.router.clone(), TrustedProxies::default(), &shutdown);
        Self { gateway, address, owner, shutdown }
    }

    /// Announces how far a room is, as a durable call does.
    async fn publish(&self, room: &str, seq: i64) {
        let rooms = vec![RoomPosition { room: room.to_owned(), seq }];
        let mut client =
            RealtimeServiceClient::new(Target::in_process(self.gateway.grpc.clone()).channel());
        client.publish(PublishRequest { rooms }).await.unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shutdown.request();
    }
}
