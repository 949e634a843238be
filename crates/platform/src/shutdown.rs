//! Stop accepting, finish or release what is under way, stop: within a limit.

use std::{future::Future, time::Duration};

use tokio::task::JoinHandle;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How long tasks may take to finish after a stop was asked for. Claims that are not released by
/// then are taken over by others after their lease, so a longer wait would only delay a restart.
pub const GRACE: Duration = Duration::from_secs(10);

/// One per process; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Shutdown {
    token: CancellationToken,
    tasks: TaskTracker,
}

impl Shutdown {
    /// A process that has not been asked to stop.
    pub fn new() -> Self {
        Self::default()
    }

    /// Spawns a task that [`Shutdown::stop`] waits for. The task itself watches
    /// [`Shutdown::requested`]. The handle may be dropped.
    pub fn spawn<F>(&self, task: F) -> JoinHandle<()>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.tasks.spawn(task)
    }

    /// Resolves once a stop was asked for.
    pub async fn requested(&self) {
        self.token.cancelled().await;
    }

    /// Whether a stop was asked for.
    pub fn is_requested(&self) -> bool {
        self.token.is_cancelled()
    }

    /// Asks all tasks to stop; does not wait.
    pub fn request(&self) {
        self.token.cancel();
    }

    /// Asks all tasks to stop and waits for them, at most [`GRACE`]. Returns whether all ended.
    pub async fn stop(&self) -> bool {
        self.request();
        self.tasks.close();
        tokio::time::timeout(GRACE, self.tasks.wait()).await.is_ok()
    }

    /// Asks for a stop when the process gets SIGINT or SIGTERM.
    ///
    /// # Errors
    /// When the signal handlers cannot be installed.
    pub fn on_signals(&self) -> std::io::Result<()> {
        use tokio::signal::unix::{SignalKind, signal};
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let token = self.token.clone();
        tokio::spawn(async move {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            token.cancel();
        });
        Ok(())
    }
}
