//! A runtime that can be dropped anywhere, also in the middle of a test that is given up: what runs in
//! it is left where it is, as when a process is killed.

use tokio::{
    runtime::{Builder, Handle, Runtime},
    task::JoinHandle,
};

#[derive(Debug)]
pub(crate) struct Process(Option<Runtime>, Handle);

impl Process {
    pub(crate) fn start(name: &str, threads: usize) -> anyhow::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(threads)
            .thread_name(name)
            .enable_all()
            .build()?;
        let handle = runtime.handle().clone();
        Ok(Self(Some(runtime), handle))
    }

    pub(crate) const fn handle(&self) -> &Handle {
        &self.1
    }

    pub(crate) fn spawn<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        self.1.spawn(work)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_may_be_dropped_while_it_works() {
        let process = Process::start("process", 1).unwrap();
        let working = process.spawn(std::future::pending::<()>());
        drop(process);
        assert!(working.await.unwrap_err().is_cancelled());
    }
}
