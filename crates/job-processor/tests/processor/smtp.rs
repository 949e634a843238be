//! Mails by SMTP, against a server on a real port.

use job_processor::{Config, SmtpConfig};
use tonic::Code;

use crate::{Processor, databases, owner::GONE, smtp_server::SmtpServer};

fn with(server: &SmtpServer) -> Config {
    Config { smtp: server.config(), mailbox: false }
}

#[tokio::test]
async fn each_mail_goes_out_once_and_trouble_with_one_holds_up_none() {
    for db in databases().await {
        let server = SmtpServer::start().await;
        let processor = Processor::start(with(&server), &db).with_owner();
        let people = ["ada", "rejected", "busy", "bob", GONE];

        let first = processor.send(&people).await.unwrap_err();
        assert_eq!(first.code(), Code::Unavailable, "{db}");
        assert!(!first.message().contains('@'), "no address in {}", first.message());
        assert_eq!(server.received("ada").len(), 1, "{db}");
        assert_eq!(server.received("bob").len(), 1, "{db}");

        let second = processor.send(&people).await.unwrap();
        assert_eq!((second.sent, second.skipped), (3, 1), "{db}");
        let third = processor.send(&people).await.unwrap();
        assert_eq!((third.sent, third.skipped), (3, 1), "{db}");
        for person in ["ada", "bob", "busy"] {
            assert_eq!(server.received(person).len(), 1, "{db}: {person}");
        }
        assert!(server.received("rejected").is_empty(), "{db}");

        let mail = server.received("ada").remove(0);
        assert_eq!(mail.to, "ada@Example.org");
        assert_eq!(mail.header("Subject"), "winner for ada");
        assert_eq!(mail.header("From"), "Gifts <gifts@shop.example>");
        assert_eq!(mail.header("Auto-Submitted"), "auto-generated");
        assert!(mail.header("Message-ID").ends_with("@shop.example>"), "{}", mail.data);
        assert!(mail.data.contains("http://shop.example/c?t=ada"), "{}", mail.data);

        let warnings = processor.app.check().await.warnings;
        assert_eq!(warnings, ["1 mails could not be delivered for good"], "{db}");
    }
}

#[tokio::test]
async fn a_lost_answer_repeats_the_mail_under_the_same_message_id() {
    for db in databases().await {
        let server = SmtpServer::start().await;
        let processor = Processor::start(with(&server), &db).with_owner();
        assert_eq!(processor.send(&["lost"]).await.unwrap_err().code(), Code::Unavailable);
        assert_eq!(processor.send(&["lost"]).await.unwrap().sent, 1);
        let received = server.received("lost");
        assert_eq!(received.len(), 2, "{db}");
        assert!(!received[0].header("Message-ID").is_empty());
        assert_eq!(received[0].header("Message-ID"), received[1].header("Message-ID"));
    }
}

#[tokio::test]
async fn a_server_that_is_away_or_lacks_tls_is_tried_again_later() {
    for db in databases().await {
        let server = SmtpServer::start().await;
        let wants_tls = SmtpConfig { tls: job_processor::SmtpTls::Starttls, ..server.config() };
        let nobody = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let away = SmtpConfig { port: nobody.local_addr().unwrap().port(), ..server.config() };
        drop(nobody);
        for smtp in [wants_tls, away] {
            let config = Config { smtp, mailbox: false };
            let processor = Processor::start(config, &db).with_owner();
            let status = processor.send(&["ada"]).await.unwrap_err();
            assert_eq!(status.code(), Code::Unavailable, "{db}");
        }
        assert!(server.received("ada").is_empty(), "never in the clear: {db}");
        let processor = Processor::start(with(&server), &db).with_owner();
        assert_eq!(processor.send(&["ada"]).await.unwrap().sent, 1, "{db}");
    }
}

#[tokio::test]
async fn kept_mails_go_out_once_a_server_is_configured() {
    for db in databases().await {
        let before = Processor::start(Config::default(), &db).with_owner();
        let kept = before.send(&["ada", "rejected", GONE]).await.unwrap();
        assert_eq!((kept.sent, kept.skipped), (0, 0), "{db}");
        let warnings = before.app.check().await.warnings;
        assert!(warnings[0].contains("3 mails wait"), "{db}: {warnings:?}");
        drop(before);

        let server = SmtpServer::start().await;
        let after = Processor::start(with(&server), &db).with_owner();
        // The gone subject counts as failed: it must not wait for ever.
        let settled = ["2 mails could not be delivered for good"];
        let limit = std::time::Duration::from_secs(20);
        testkit::eventually(limit, async || after.app.check().await.warnings == settled).await;
        // A call for a mail that is just being sent is put off instead of sending it twice.
        let again = testkit::eventually(limit, async || after.send(&["ada"]).await).await;
        assert_eq!(again.sent, 1, "{db}");
        assert_eq!(server.received("ada").len(), 1, "{db}");
    }
}
