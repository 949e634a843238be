//! What is kept, and what must not be.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use bytes::Bytes;
use futures::future::{join, join_all};
use platform::{
    Db,
    roles::{Cache, CacheStore, Look, Permit},
};
use testkit::eventually;
use tokio::sync::Notify;

use super::Instances;

const MINUTE: Duration = Duration::from_secs(60);

/// Longer than a slow machine takes for what has to end within it.
const LIMIT: Duration = Duration::from_secs(20);

/// The whole suite.
pub(crate) async fn check(instances: &Instances) {
    what_is_kept_is_found_by_all(instances).await;
    what_was_read_before_a_change_is_not_kept(instances).await;
    only_one_gets_a_permit(instances).await;
    nothing_is_kept_for_longer_than_its_life(instances).await;
    who_does_not_come_back_keeps_nobody_from_it(instances).await;
    many_who_ask_at_once_have_it_read_once(instances).await;
    what_another_version_kept_is_read_anew(instances).await;
}

fn value(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

async fn permit(store: &dyn CacheStore, key: &str) -> Permit {
    match store.look(key).await {
        Look::Missing(Some(permit)) => permit,
        other => panic!("{other:?}"),
    }
}

async fn what_is_kept_is_found_by_all(Instances { stores: [first, second], .. }: &Instances) {
    let given = permit(first.as_ref(), "all").await;
    first.keep("all", given, value("1"), MINUTE).await;
    for store in [first, second] {
        assert_eq!(store.look("all").await, Look::Found(value("1")));
    }
    permit(second.as_ref(), "another key").await;
    second.forget(&["all".to_owned(), "never seen".to_owned()]).await;
    permit(first.as_ref(), "all").await;
    first.forget(&[]).await;
}

async fn what_was_read_before_a_change_is_not_kept(
    Instances { stores: [first, second], .. }: &Instances,
) {
    let before = permit(first.as_ref(), "change").await;
    second.forget(&["change".to_owned()]).await;
    first.keep("change", before, value("old"), MINUTE).await;
    let after = permit(second.as_ref(), "change").await;
    first.keep("change", before, value("old"), MINUTE).await;
    assert_eq!(first.look("change").await, Look::Missing(None));
    second.keep("change", after, value("new"), MINUTE).await;
    first.keep("change", before, value("old"), MINUTE).await;
    assert_eq!(first.look("change").await, Look::Found(value("new")));
}

async fn only_one_gets_a_permit(Instances { stores, .. }: &Instances) {
    let looks = join_all((0..20).map(|n| stores[n % 2].look("one"))).await;
    let permits = looks.iter().filter(|look| matches!(look, Look::Missing(Some(_)))).count();
    assert_eq!(permits, 1, "{looks:?}");
}

async fn nothing_is_kept_for_longer_than_its_life(
    Instances { stores: [first, second], .. }: &Instances,
) {
    let given = permit(first.as_ref(), "life").await;
    first.keep("life", given, value("1"), Duration::from_millis(100)).await;
    eventually(LIMIT, async || !matches!(second.look("life").await, Look::Found(_))).await;
}

async fn who_does_not_come_back_keeps_nobody_from_it(
    Instances { stores: [first, second], .. }: &Instances,
) {
    let lost = permit(first.as_ref(), "lost").await;
    let given = eventually(LIMIT, async || match second.look("lost").await {
        Look::Missing(Some(permit)) => Some(permit),
        _ => None,
    });
    assert_ne!(given.await, lost);
}

async fn many_who_ask_at_once_have_it_read_once(Instances { stores: [store, _], .. }: &Instances) {
    let cache = Cache::on(store.clone());
    let (reads, go) = (AtomicUsize::new(0), Notify::new());
    let ask = async || {
        let read = async || {
            go.notified().await;
            anyhow::Ok(reads.fetch_add(1, Ordering::SeqCst))
        };
        cache.remember("crowd", MINUTE, read).await.unwrap()
    };
    let (answers, ()) = join(join_all((0..50).map(|_| ask())), async { go.notify_one() }).await;
    assert_eq!(answers, [0; 50]);
    assert_eq!(ask().await, 0, "it is kept");

    // After a change it is read anew, and also what was on its way before does not hide it.
    cache.forget(&["crowd".to_owned()]).await;
    let late = async {
        go.notify_one();
        ask().await
    };
    assert_eq!(late.await, 1);
}

async fn what_another_version_kept_is_read_anew(Instances { stores: [store, _], .. }: &Instances) {
    let cache = Cache::on(store.clone());
    let text = cache.remember("shape", MINUTE, async || anyhow::Ok("text".to_owned())).await;
    assert_eq!(text.unwrap(), "text");
    let number = cache.remember("shape", MINUTE, async || anyhow::Ok(7_u32)).await;
    assert_eq!(number.unwrap(), 7);
}

#[tokio::test]
async fn embedded() {
    check(&Instances::embedded()).await;
}

#[tokio::test]
async fn who_asks_after_a_change_does_not_wait_for_what_was_read_before() {
    let [store, _] = Instances::embedded().stores;
    let cache = Cache::on(store);
    let stuck = cache.remember("key", MINUTE, async || std::future::pending().await);
    let asked = async {
        cache.forget(&["key".to_owned()]).await;
        cache.remember("key", MINUTE, async || anyhow::Ok(2_u32)).await.unwrap()
    };
    tokio::select! {
        biased;
        old = stuck => panic!("{:?}", old as anyhow::Result<u32>),
        new = asked => assert_eq!(new, 2),
    }
}

#[tokio::test]
async fn a_failure_is_not_kept() {
    let [store, _] = Instances::embedded().stores;
    let cache = Cache::on(store);
    let failed: anyhow::Result<u32> =
        cache.remember("key", MINUTE, async || anyhow::bail!("no")).await;
    failed.unwrap_err();
    let read = cache.remember("key", MINUTE, async || anyhow::Ok(1_u32)).await;
    assert_eq!(read.unwrap(), 1);
}

#[tokio::test]
async fn a_commit_forgets_what_it_outdates() {
    let folder = tempfile::tempdir().unwrap();
    let [store, _] = Instances::embedded().stores;
    let cache = Cache::on(store);
    let db = Db::sqlite(&folder.path().join("test.db")).await.unwrap().cached_by(cache.clone());
    let keep = async |n: u32| cache.remember("key", MINUTE, async || anyhow::Ok(n)).await.unwrap();
    assert_eq!(keep(1).await, 1);

    let tx = db.begin("undone").await.unwrap();
    tx.outdates("key".to_owned());
    assert_eq!(keep(2).await, 1, "nothing has happened yet");
    tx.rollback().await.unwrap();
    assert_eq!(keep(3).await, 1, "nothing has happened at all");

    let tx = db.begin("done").await.unwrap();
    let part = tx.savepoint().await.unwrap();
    part.outdates("key".to_owned());
    part.commit().await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(keep(4).await, 4);
    db.close().await;
}
