//! Calls between the services behind fail points: before the callee sees one, and after it has
//! answered.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use futures::future::BoxFuture;
use http::{Request, Response};
use platform::boundary::Broken;
use tonic::{Status, body::Body};
use tower::{BoxError, Service, ServiceExt as _, util::BoxCloneSyncService};

use crate::points::Watcher;

type Callee = BoxCloneSyncService<Request<Body>, Response<Body>, BoxError>;

/// A callee whose network fails where it is planned, and that is gone when its process is: services
/// know each other in a circle, and would otherwise keep each other and their files for ever.
#[derive(Clone)]
pub(crate) struct Bounded {
    callee: Arc<Mutex<Option<Callee>>>,
    watcher: Watcher,
}

impl Bounded {
    pub(crate) fn new<S>(callee: S, watcher: Watcher) -> Self
    where
        S: Service<Request<Body>, Response = Response<Body>> + Clone + Send + Sync + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send + 'static,
    {
        let callee = BoxCloneSyncService::new(callee.map_err(Into::into));
        Self { callee: Arc::new(Mutex::new(Some(callee))), watcher }
    }

    /// Nobody is called any more.
    pub(crate) fn cut(&self) {
        self.callee.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    async fn exchange(self, request: Request<Body>) -> Response<Body> {
        let method = request.uri().path().rsplit('/').next().unwrap_or_default().to_owned();
        if let Err(Broken) = self.watcher.reach(&format!("call.{method}.received")).await {
            return unavailable();
        }
        let callee = self.callee.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(callee) = callee else { return unavailable() };
        let Ok(response) = callee.oneshot(request).await else { return unavailable() };
        match self.watcher.reach(&format!("call.{method}.answered")).await {
            Ok(()) => response,
            Err(Broken) => unavailable(),
        }
    }
}

impl Service<Request<Body>> for Bounded {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let exchange = self.clone().exchange(request);
        Box::pin(async move { Ok(exchange.await) })
    }
}

fn unavailable() -> Response<Body> {
    Status::unavailable("the connection broke").into_http()
}
