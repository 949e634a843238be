//! The job processor from outside: over its gRPC services and its routes, on real databases.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod counts;
mod mailbox;
mod owner;
mod smtp;
mod smtp_server;

use durable_grpc::Target;
use job_processor::{App, Config, Deps, Migrator};
use platform::{Clock, Shutdown, clock::from_millis, roles::Roles};
use testkit::TestDb;

/// A job processor over a test's database.
struct Processor {
    app: App,
    shutdown: Shutdown,
}

impl Processor {
    fn start(config: Config, db: &TestDb) -> Self {
        let shutdown = Shutdown::new();
        let clock = Clock::manual(from_millis(1_800_000_000_000));
        let deps = Deps {
            db: (**db).clone(),
            clock,
            shutdown: shutdown.clone(),
            roles: Roles::embedded(),
        };
        Self { app: job_processor::build(config, deps).unwrap(), shutdown }
    }

    fn target(&self) -> Target {
        Target::in_process(self.app.grpc.clone())
    }
}

impl Drop for Processor {
    fn drop(&mut self) {
        self.shutdown.request();
    }
}

async fn databases() -> Vec<TestDb> {
    testkit::databases::<Migrator>().await
}
