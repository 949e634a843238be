//! Logs of rooms on both engines.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use platform::{
    Db,
    rooms::{self, Event, Page, Position},
};
use sea_orm_migration::{MigrationTrait, MigratorTrait};
use serde_json::json;

struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![rooms::migration()]
    }
}

fn event(room: &str, n: i64) -> Event {
    Event { room: room.into(), name: "test", data: json!({ "n": n }), at_ms: n }
}

async fn page(db: &Db, room: &str, after: i64) -> Page {
    let position = Position { room: room.into(), seq: after };
    rooms::read(db.read(), &[position], 10).await.unwrap().remove(0)
}

fn seqs(page: &Page) -> Vec<i64> {
    page.events.iter().map(|event| event.seq).collect()
}

#[tokio::test]
async fn what_was_committed_is_numbered_without_holes() {
    for db in testkit::databases::<Migrator>().await {
        let tx = db.begin("told").await.unwrap();
        tx.tell(event("b", 1));
        tx.tell(event("a", 2));
        tx.tell(event("b", 3));
        tx.commit().await.unwrap();
        let tx = db.begin("undone").await.unwrap();
        tx.tell(event("b", 4));
        tx.rollback().await.unwrap();
        let tx = db.begin("told").await.unwrap();
        let part = tx.savepoint().await.unwrap();
        part.tell(event("b", 5));
        part.rollback().await.unwrap();
        let part = tx.savepoint().await.unwrap();
        part.tell(event("b", 6));
        part.commit().await.unwrap();
        tx.commit().await.unwrap();

        let all = page(&db, "b", 0).await;
        assert_eq!((all.seq, seqs(&all), all.has_gap), (3, vec![1, 2, 3], false), "{db}");
        let told: Vec<&str> = all.events.iter().map(|event| event.data.as_str()).collect();
        assert_eq!(told, [r#"{"n":1}"#, r#"{"n":3}"#, r#"{"n":6}"#], "{db}");
        assert_eq!(seqs(&page(&db, "b", 2).await), [3], "{db}");
        assert_eq!(page(&db, "a", 1).await, Page { seq: 1, ..Page::default() }, "{db}");
        assert_eq!(page(&db, "nobody", 0).await, Page::default(), "{db}");
    }
}

#[tokio::test]
async fn who_asks_for_what_is_not_there_is_told_so() {
    for db in testkit::databases::<Migrator>().await {
        for n in 1..=5 {
            let tx = db.begin("told").await.unwrap();
            tx.tell(event("a", n));
            tx.commit().await.unwrap();
        }
        assert!(page(&db, "a", 6).await.has_gap, "{db}: a number that never was");
        assert_eq!(rooms::forget(db.write(), 4, 2).await.unwrap(), 2, "{db}");
        assert_eq!(rooms::forget(db.write(), 4, 2).await.unwrap(), 1, "{db}");
        let late = page(&db, "a", 2).await;
        assert_eq!((late.seq, seqs(&late), late.has_gap), (5, vec![], true), "{db}");
        assert_eq!(seqs(&page(&db, "a", 3).await), [4, 5], "{db}");
        let last = page(&db, "a", rooms::LAST).await;
        assert_eq!((seqs(&last), last.has_gap), (vec![4, 5], false), "{db}");
    }
}

/// Numbers appear in the order of commits: nobody can read the second of two before the first.
#[tokio::test]
async fn two_at_once_take_turns() {
    for db in testkit::databases::<Migrator>().await {
        let one = async |n: i64| {
            let tx = db.begin("told").await.unwrap();
            tx.tell(event("a", n));
            tx.tell(event("b", n));
            tx.commit().await.unwrap();
        };
        let many: Vec<_> = (0..20).map(one).collect();
        let watch = async {
            let mut after = 0;
            while after < 20 {
                let page = page(&db, "a", after).await;
                assert!(!page.has_gap, "{db}: a hole after {after}");
                after = page.events.last().map_or(after, |event| event.seq);
                tokio::task::yield_now().await;
            }
        };
        tokio::join!(futures::future::join_all(many), watch);
        assert_eq!(page(&db, "b", 0).await.seq, 20, "{db}");
    }
}
