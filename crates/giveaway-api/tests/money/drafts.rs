//! Drafts: what is wrong is named, and only their host sees them.

use http::StatusCode;
use serde_json::json;

use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_is_written_edited_and_hidden_from_others() {
    for world in World::all().await {
        let app = world.start().await;
        let (host, stranger) = (app.host().await, app.host().await);
        let id = app.draft(&world, &host, 3).await;
        let path = format!("/giveaways/{id}");
        let edited = app.patch(&host, &path, json!({"title": "Spring", "opens_at": null})).await;
        assert_eq!(edited.status, StatusCode::OK, "{edited:?}");
        assert_eq!(edited.body["title"], "Spring");
        assert_eq!(edited.body["prizes"][0]["count"], 3);
        for answer in [
            app.get(&stranger, &path).await,
            app.patch(&stranger, &path, json!({"title": "Mine"})).await,
            app.post(&stranger, &format!("{path}/publish"), "k", json!({})).await,
            app.get(&host, &format!("{path}/public")).await,
        ] {
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{answer:?}");
        }
        let list = app.get(&host, "/giveaways?limit=1").await.body;
        assert_eq!(
            (&list["items"][0]["id"], list["items"].as_array().unwrap().len()),
            (&json!(id), 1)
        );
        assert_eq!(app.get(&stranger, "/giveaways").await.body["items"], json!([]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn mistakes_are_named_and_nothing_is_written() {
    for world in World::all().await {
        let app = world.start().await;
        let host = app.host().await;
        let check = async |change: fn(&mut serde_json::Value), pointer: &str| {
            let mut form = world.form(1);
            change(&mut form);
            let refused = app.post(&host, "/giveaways", "", form).await;
            assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{refused:?}");
            assert_eq!(refused.body["errors"][0]["pointer"], pointer);
        };
        check(|form| form["title"] = json!(""), "/title").await;
        check(|form| form["prizes"][0]["value"]["minor"] = json!(1), "/prizes/0/value/minor").await;
        check(
            |form| form["prizes"][0]["value"]["currency"] = json!("USD"),
            "/prizes/0/value/currency",
        )
        .await;
        check(
            |form| form["prizes"][0]["product_id"] = json!("prd_0198c0c0c0c070008000000000000000"),
            "/prizes/0/product_id",
        )
        .await;
        check(|form| form["closes_at"] = json!("2020-01-01T00:00:00Z"), "/closes_at").await;
        check(|form| form["colour"] = json!("red"), "/colour").await;
        assert_eq!(app.get(&host, "/giveaways").await.body["items"], json!([]));
    }
}
