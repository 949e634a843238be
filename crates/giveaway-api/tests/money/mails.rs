//! Mails are written when they are sent, for those who still get them, with links that work.

use contracts::{giveaway::MailSubject, mail};
use giveaway_api::actions::render_mails::render_mails;

use crate::{
    claims::{claim, drawn, winners},
    world::World,
};

#[tokio::test(flavor = "multi_thread")]
async fn the_link_in_the_mail_claims_the_prize() {
    for world in World::all().await {
        let app = world.start().await;
        let (host, id) = drawn(&world, &app, 3).await;
        let winner = winners(&app, &host, id).await[0]["id"].as_str().unwrap().to_owned();
        let subject = |subject_id: &str| MailSubject {
            mail_id: format!("mail of {subject_id}"),
            subject_id: subject_id.to_owned(),
        };
        let render = async |template: &str, subject_id: &str| {
            render_mails(app.service(), template, vec![subject(subject_id)]).await
        };
        let mails = render(mail::WINNER, &winner).await.unwrap();
        assert_eq!(mails.len(), 1);
        assert!(mails[0].to.ends_with("@example.org"));
        let token = mails[0].text.split("/claim?t=").nth(1).unwrap().split_whitespace().next();
        assert_eq!(claim(&app, token.unwrap()).await.status, http::StatusCode::OK);
        assert!(mails[0].html.contains("/claim?t="));

        assert_eq!(render(mail::WINNER, &winner).await.unwrap(), [], "claimed: nothing to write");
        let fresh = render(mail::CARD_LINK, &winner).await.unwrap();
        let token = fresh[0].text.split("/claim?t=").nth(1).unwrap().split_whitespace().next();
        world.giftcard.reveal();
        assert_eq!(claim(&app, token.unwrap()).await.status, http::StatusCode::OK);
        world.pass(16 * 60);
        assert_eq!(claim(&app, token.unwrap()).await.body["code"], "link_used");

        let entry = winners(&app, &host, id).await[0]["entry"].as_str().unwrap().to_owned();
        assert_eq!(render(mail::CONFIRM_ENTRY, &entry).await.unwrap(), [], "confirmed already");
        assert!(render(mail::RECEIPT, &entry).await.unwrap()[0].text.contains("leaf_id"));
        assert!(render(mail::COMMITMENT, &entry).await.unwrap()[0].text.contains("--seen"));
        assert!(render("party", &entry).await.is_err());
        assert!(render(mail::RECEIPT, "win_1").await.is_err());
    }
}
