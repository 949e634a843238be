//! What everybody may know is read once, until it changes.

use sea_orm::ConnectionTrait as _;
use serde_json::{Value, json};

use crate::support::{Bed, OPEN_SECONDS, Plan};

#[tokio::test]
async fn what_everybody_may_know_is_kept_until_it_changes() {
    for bed in Bed::all().await {
        let id = bed.giveaway(Plan::default()).await;
        let look = async || -> Value { bed.get(&format!("/giveaways/{id}/public")).await.body };
        let first = look().await;
        assert_eq!(first["counts"]["entries"], 0, "{}", bed.db);

        // Behind the application's back, which only somebody who reads the row again can notice.
        let title = "UPDATE giveaway SET title = 'Behind its back'";
        bed.db.write().execute_unprepared(title).await.unwrap();
        bed.advance_to(1);
        let kept = look().await;
        assert_eq!(kept["title"], first["title"], "{}", bed.db);
        assert_ne!(kept["server_time"], first["server_time"], "the clock is not kept, {}", bed.db);

        let entry = json!({"email": "one@example.org", "country": "DE", "birth_year": 1990});
        bed.post(&format!("/giveaways/{id}/entries"), entry).await;
        let entered = look().await;
        assert_eq!(entered["counts"]["entries"], 1, "{}", bed.db);
        assert_eq!(entered["title"], "Behind its back", "{}", bed.db);

        bed.advance_to(OPEN_SECONDS);
        bed.close(id).await;
        assert_eq!(look().await["state"], "closed", "{}", bed.db);
    }
}
