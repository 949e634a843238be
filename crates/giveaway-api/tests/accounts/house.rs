//! An installation without a neighbour: nothing runs but what the test runs.

use std::{num::NonZeroU32, sync::Arc};

use contracts::{giveaway::MailSubject, processor::SendMailsRequest};
use draw::{beacon::Sandbox, signing::InstanceKey};
use durable_grpc::{Calls, DirectChannel, SqliteStore, Target};
use giveaway_api::{
    App, Config, Deps, Migrator, Service,
    actions::render_mails::render_mails,
    beacon::SandboxBeacon,
    domain::address::CanonicalAddress,
    store::{account, audit_entry},
};
use jiff::SignedDuration;
use platform::{
    Clock, Shutdown,
    keys::Key,
    outbox,
    provider::{Provider, SandboxProvider},
    roles::Roles,
    token::hash_bearer,
};
use prost::Message as _;
use sea_orm::EntityTrait as _;
use testkit::TestDb;
use tonic::service::Routes;

/// The installation's token.
pub(crate) const OPERATOR: &str = "hs_test_operator";

/// A password that is taken.
pub(crate) const PASSWORD: &str = "nine green lamps";

/// Another.
pub(crate) const OTHER: &str = "eleven blue doors";

/// The application and what it stands on.
pub(crate) struct House {
    pub(crate) db: TestDb,
    pub(crate) clock: Clock,
    pub(crate) app: App,
    _files: tempfile::TempDir,
}

impl House {
    /// One on every engine there is.
    pub(crate) async fn all() -> Vec<Self> {
        Self::all_at(&Config::default().public_url).await
    }

    /// The same, reached at another address.
    pub(crate) async fn all_at(public_url: &str) -> Vec<Self> {
        let mut houses = Vec::new();
        for db in testkit::databases::<Migrator>().await {
            houses.push(Self::on(db, public_url).await);
        }
        houses
    }

    async fn on(db: TestDb, public_url: &str) -> Self {
        let nobody = || Target::in_process(Routes::default()).channel();
        let bank = SandboxProvider::new("http://127.0.0.1:9", "key", "secret").unwrap();
        Self::beside(db, public_url, nobody(), Arc::new(bank)).await
    }

    /// One with these neighbours.
    pub(crate) async fn beside(
        db: TestDb,
        public_url: &str,
        giftcard: DirectChannel,
        provider: Arc<dyn Provider>,
    ) -> Self {
        let files = tempfile::tempdir().unwrap();
        let clock = Clock::manual("2026-11-28T12:00:00Z".parse().unwrap());
        let processor = Target::in_process(Routes::default()).channel();
        let store = SqliteStore::open(files.path().join("calls.db")).unwrap();
        let period = NonZeroU32::new(3).unwrap();
        let beacon = Sandbox::from_seed(&[7; 32], clock.now().into(), period);
        let deps = Deps {
            db: (*db).clone(),
            clock: clock.clone(),
            shutdown: Shutdown::new(),
            calls: Calls::builder(store).build().unwrap(),
            giftcard,
            processor,
            provider,
            beacon: Arc::new(SandboxBeacon(beacon)),
            instance_key: InstanceKey::from_seed(&[8; 32]),
            link_key: Key::new([9; 32]),
            account_key: Key::new([10; 32]),
            admin_token_hash: hash_bearer(OPERATOR),
            roles: Roles::embedded(),
        };
        let config = Config { public_url: public_url.to_owned(), ..Config::default() };
        let app = giveaway_api::build(config, deps).await.unwrap();
        Self { db, clock, app, _files: files }
    }

    pub(crate) fn service(&self) -> &Arc<Service> {
        &self.app.service
    }

    /// Lets time pass.
    pub(crate) fn pass(&self, by: SignedDuration) {
        self.clock.advance(by).unwrap();
    }

    pub(crate) fn minutes(&self, minutes: i64) {
        self.pass(SignedDuration::from_mins(minutes));
    }

    /// The account of an address.
    pub(crate) async fn account(&self, email: &str) -> Option<account::Model> {
        let person = CanonicalAddress::of(email).unwrap();
        account::of_person(self.db.read(), person.as_str()).await.unwrap()
    }

    /// What was asked to be mailed: templates and subjects, the oldest first.
    pub(crate) async fn mails(&self) -> Vec<(String, MailSubject)> {
        let mut calls = outbox::entity::Entity::find().all(self.db.read()).await.unwrap();
        calls.sort_by(|a, b| a.key.cmp(&b.key));
        let of_mail = calls.iter().filter(|call| call.method.ends_with("/SendMails"));
        let asked = of_mail.map(|call| SendMailsRequest::decode(&call.payload[..]).unwrap());
        asked
            .flat_map(|asked| {
                let template = asked.template;
                asked.subjects.into_iter().map(move |subject| (template.clone(), subject))
            })
            .collect()
    }

    /// How many mails of a template were asked for.
    pub(crate) async fn mailed(&self, template: &str) -> usize {
        self.mails().await.iter().filter(|(of, _)| of == template).count()
    }

    /// The path that the last mail of a template leads to, written now as it would be when it is sent.
    pub(crate) async fn link(&self, template: &str) -> String {
        let mails = self.mails().await;
        let (_, subject) = mails.into_iter().rfind(|(of, _)| of == template).unwrap();
        let written = render_mails(self.service(), template, vec![subject]).await.unwrap();
        let public_url = &self.service().config.public_url;
        let mut words = written[0].text.split_whitespace();
        let link = words.find(|word| word.contains("?t=") && word.starts_with(public_url.as_str()));
        link.unwrap().strip_prefix(public_url.as_str()).unwrap().to_owned()
    }

    /// What the audit log says, in order.
    pub(crate) async fn log(&self) -> Vec<String> {
        let mut entries = audit_entry::Entity::find().all(self.db.read()).await.unwrap();
        entries.sort_by_key(|entry| entry.id);
        entries.into_iter().map(|entry| entry.action).collect()
    }
}
