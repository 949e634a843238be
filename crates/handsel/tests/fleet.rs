//! The applications as processes of their own: two of each on one PostgreSQL and one Redis, some of
//! them killed while a giveaway is funded and its prizes go back.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    path::Path,
    process::{Child, Command, Output, Stdio},
    time::Duration,
};

use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::{RedisServer, ServerDatabase, eventually, free_port, server_database};

/// The applications of a fleet.
const NAMES: [&str; 3] = ["giveaway-api", "giftcard-api", "job-processor"];

/// Cold starts of an unoptimised build beside other tests, and calls that are taken over from a process
/// that was killed.
const LIMIT: Duration = Duration::from_secs(120);

/// A publishing waits for its saga for some seconds.
const ANSWER: Duration = Duration::from_secs(30);

/// A port that was free may be somebody else's by the time it is bound: then all begin again.
const STARTS: u32 = 3;

fn handsel(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_handsel"));
    command.args(args).current_dir(folder);
    command
}

fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
    output
}

/// A process that is killed with this value.
struct Process(Child);

impl Process {
    fn start(command: &mut Command) -> Self {
        Self(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }

    fn has_ended(&mut self) -> bool {
        self.0.try_wait().unwrap().is_some()
    }

    /// As the service manager stops it. Returns whether it ended well.
    async fn stop(mut self) -> bool {
        let pid = self.0.id().to_string();
        run(Command::new("sh").args(["-c", "kill -s TERM \"$0\"", &pid]));
        eventually(LIMIT, async || self.0.try_wait().unwrap()).await.success()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// One instance's ports.
#[derive(Clone, Copy)]
struct Ports {
    http: u16,
    grpc: u16,
    admin: u16,
}

impl Ports {
    fn new() -> Self {
        Self { http: free_port(), grpc: free_port(), admin: free_port() }
    }
}

fn local(port: u16) -> String {
    format!("127.0.0.1:{port}")
}

fn urls(instances: &[Ports; 2]) -> String {
    let urls = instances.map(|ports| format!("http://{}", local(ports.grpc)));
    serde_json::to_string(&urls).unwrap()
}

/// What lasts, and where everything is.
struct Ground {
    folder: TempDir,
    database: ServerDatabase,
    redis: RedisServer,
    bank: u16,
    giveaway: [Ports; 2],
    giftcard: [Ports; 2],
    processor: [Ports; 2],
    http: reqwest::Client,
}

impl Ground {
    async fn prepare(database: ServerDatabase) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut migrate = handsel(folder.path(), &["migrate", "--data", "data"]);
        for service in ["GIVEAWAY", "GIFTCARD", "PROCESSOR"] {
            migrate.env(format!("HANDSEL__{service}__DATABASE__URL"), database.url());
        }
        run(&mut migrate);
        run(&mut handsel(folder.path(), &["keys", "make"]));
        let ports = || [Ports::new(), Ports::new()];
        Self {
            folder,
            database,
            redis: RedisServer::start().await,
            bank: free_port(),
            giveaway: ports(),
            giftcard: ports(),
            processor: ports(),
            http: reqwest::Client::builder().no_proxy().timeout(ANSWER).build().unwrap(),
        }
    }

    fn bank(&self) -> Process {
        let listen = local(self.bank);
        let mut command =
            handsel(self.folder.path(), &["sandbox-bank", "--data", "bank", "--listen", &listen]);
        for (service, ports) in [("giveaway", self.giveaway[0]), ("giftcard", self.giftcard[0])] {
            let url = format!("http://{}/api/{service}/v1/webhooks/provider", local(ports.http));
            command.args(["--webhook", &url]);
        }
        Process::start(&mut command)
    }

    fn application(&self, name: &str, ports: Ports) -> Command {
        let mut command = handsel(self.folder.path(), &[name]);
        command
            .env("HANDSEL__ADMIN__LISTEN", local(ports.admin))
            .env("HANDSEL__GRPC__LISTEN", local(ports.grpc))
            .env("HANDSEL__DATABASE__URL", self.database.url())
            .env("HANDSEL__DATABASE__MAX_CONNECTIONS", "4")
            .env("HANDSEL__REDIS__URL", self.redis.url());
        command
    }

    fn with_bank<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command
            .env("HANDSEL__PROVIDER__URL", format!("http://{}", local(self.bank)))
            .env("HANDSEL__PROVIDER__API_KEY_FILE", "bank/api-key")
            .env("HANDSEL__PROVIDER__WEBHOOK_SECRET_FILE", "bank/webhook-secret")
    }

    fn giveaway(&self, n: usize) -> Process {
        let mut command = self.application("giveaway-api", self.giveaway[n]);
        self.with_bank(&mut command)
            .env("HANDSEL__SERVER__LISTEN", local(self.giveaway[n].http))
            .env("HANDSEL__GIFTCARD__GRPC_URLS", urls(&self.giftcard))
            .env("HANDSEL__PROCESSOR__GRPC_URLS", urls(&self.processor));
        Process::start(&mut command)
    }

    fn giftcard(&self, n: usize) -> Process {
        let mut command = self.application("giftcard-api", self.giftcard[n]);
        self.with_bank(&mut command).env("HANDSEL__SERVER__LISTEN", local(self.giftcard[n].http));
        Process::start(&mut command)
    }

    fn processor(&self, n: usize) -> Process {
        let mut command = self.application("job-processor", self.processor[n]);
        command
            .env("HANDSEL__GIVEAWAY__GRPC_URLS", urls(&self.giveaway))
            .env("HANDSEL__GIFTCARD__GRPC_URLS", urls(&self.giftcard));
        Process::start(&mut command)
    }

    async fn is_ready(&self, ports: Ports) -> bool {
        let url = format!("http://{}/readyz", local(ports.admin));
        self.http.get(url).send().await.is_ok_and(|answer| answer.status().is_success())
    }

    fn admin(&self) -> String {
        let file = self.folder.path().join("keys/admin-token");
        std::fs::read_to_string(file).unwrap().trim_end().to_owned()
    }

    /// The answer to a request, made again while nobody answers.
    async fn ask(&self, ports: Ports, path: &str, token: &str, body: Option<Value>) -> Value {
        let url = format!("http://{}/api{path}", local(ports.http));
        let key = uuid::Uuid::new_v4().to_string();
        eventually(LIMIT, async || {
            let request = match &body {
                None => self.http.get(&url),
                Some(body) => self.http.post(&url).json(body).header("idempotency-key", &key),
            };
            let answer = request.bearer_auth(token).send().await.map_err(|e| e.to_string())?;
            let status = answer.status();
            let body: Value = answer.json().await.map_err(|error| error.to_string())?;
            if status.is_success() { Ok(body) } else { Err(format!("{path}: {status} {body}")) }
        })
        .await
    }

    async fn until(&self, ports: Ports, path: &str, token: &str, states: &[&str]) {
        eventually(LIMIT, async || {
            let shown = self.ask(ports, path, token, None).await;
            let state = shown["state"].as_str().unwrap_or_default().to_owned();
            if states.contains(&state.as_str()) { Ok(()) } else { Err(shown) }
        })
        .await;
    }
}

/// All processes, once every one of them is ready.
async fn start(ground: &mut Ground) -> (Process, [Vec<Process>; 3]) {
    for _ in 0..STARTS {
        let mut bank = ground.bank();
        let files = ["bank/api-key", "bank/webhook-secret"];
        eventually(LIMIT, async || {
            bank.has_ended() || files.iter().all(|file| ground.folder.path().join(file).exists())
        })
        .await;
        let of = |start: &dyn Fn(usize) -> Process| vec![start(0), start(1)];
        let mut all = [
            of(&|n| ground.giveaway(n)),
            of(&|n| ground.giftcard(n)),
            of(&|n| ground.processor(n)),
        ];
        let ports = [ground.giveaway, ground.giftcard, ground.processor].concat();
        let is_up = eventually(LIMIT, async || {
            if bank.has_ended() || all.iter_mut().flatten().any(Process::has_ended) {
                return Some(false);
            }
            for ports in &ports {
                if !ground.is_ready(*ports).await {
                    return None;
                }
            }
            Some(true)
        });
        if is_up.await {
            return (bank, all);
        }
        let ports = || [Ports::new(), Ports::new()];
        (ground.bank, ground.giveaway) = (free_port(), ports());
        (ground.giftcard, ground.processor) = (ports(), ports());
    }
    panic!("the fleet does not start");
}

mod redis {
    use super::*;

    #[tokio::test]
    async fn a_fleet_funds_a_giveaway_and_returns_it_while_processes_are_killed() {
        let Some(database) = server_database().await else { return };
        let mut ground = Ground::prepare(database).await;
        let (bank, [mut giveaways, mut giftcards, mut processors]) = start(&mut ground).await;
        let ground = ground;
        let admin = ground.admin();
        let ([one, other], [tills, _]) = (ground.giveaway, ground.giftcard);

        // People, each by whichever instance they come to.
        let host = json!({ "name": "Ada", "email": "ada@example.org" });
        let host = ground.ask(one, "/giveaway/v1/hosts", &admin, Some(host)).await;
        let path = format!("/giveaway/v1/hosts/{}/tokens", host["id"].as_str().unwrap());
        let host = ground.ask(other, &path, &admin, Some(json!({}))).await;
        let host = host["token"].as_str().unwrap();
        let shop = json!({
            "name": "Shop", "email": "shop@example.org", "payout_destination": "acct_shop",
        });
        let shop = ground.ask(tills, "/giftcard/v1/merchants", &admin, Some(shop)).await;
        let path = format!("/giftcard/v1/merchants/{}/tokens", shop["id"].as_str().unwrap());
        let shop = ground.ask(tills, &path, &admin, Some(json!({}))).await;
        let product = json!({
            "name": "Card", "currency": "EUR", "min_minor": 100, "max_minor": 5_000,
        });
        let shop = shop["token"].as_str().unwrap();
        let product = ground.ask(tills, "/giftcard/v1/products", shop, Some(product)).await;

        // Money, whose arrival the bank tells.
        let amount = json!({ "amount": { "minor": 100_000, "currency": "EUR" } });
        let top_up = ground.ask(one, "/giveaway/v1/wallet/top-ups", host, Some(amount)).await;
        let checkout = top_up["checkout_url"].as_str().unwrap();
        let paid = ground.http.post(checkout).form(&[("", "")]).send().await.unwrap();
        assert!(!paid.status().is_server_error() && !paid.status().is_client_error());
        let path = format!("/giveaway/v1/wallet/top-ups/{}", top_up["id"].as_str().unwrap());
        ground.until(other, &path, host, &["paid"]).await;

        // A giveaway, funded by calls through the queue. Half of the fleet is killed meanwhile.
        let closes_at = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24);
        let value = json!({ "minor": 100, "currency": "EUR" });
        let draft = json!({
            "title": "Winter", "currency": "EUR", "alternates": 0,
            "prizes": [{ "product_id": product["id"], "value": value, "count": 400 }],
            "closes_at": closes_at.to_string(), "review_seconds": 60, "lead_seconds": 60,
            "claim_seconds": 3_600,
        });
        let giveaway = ground.ask(one, "/giveaway/v1/giveaways", host, Some(draft)).await;
        let path = format!("/giveaway/v1/giveaways/{}", giveaway["id"].as_str().unwrap());
        let publish = format!("{path}/publish");
        let published = ground.ask(one, &publish, host, Some(json!({})));
        let killed = async {
            ground.until(other, &path, host, &["funding", "scheduled", "open"]).await;
            drop(giftcards.pop());
            drop(processors.pop());
        };
        tokio::join!(published, killed);
        ground.until(other, &path, host, &["scheduled", "open"]).await;

        // And back, by the other instance: the one that took the money is gone.
        drop(giveaways.remove(0));
        ground.ask(other, &format!("{path}/cancel"), host, Some(json!({}))).await;
        ground.until(other, &path, host, &["cancelled"]).await;
        let wallet = ground.ask(other, "/giveaway/v1/wallet", host, None).await;
        assert_eq!(wallet["balances"][0]["held"]["minor"], 0, "{wallet}");

        // What is asked to stop ends well, and the books are right.
        for process in [giveaways, giftcards, processors].into_iter().flatten() {
            assert!(process.stop().await);
        }
        let mut audit = handsel(ground.folder.path(), &["audit", "--data", "data", "--json"]);
        for service in ["GIVEAWAY", "GIFTCARD", "PROCESSOR"] {
            audit.env(format!("HANDSEL__{service}__DATABASE__URL"), ground.database.url());
        }
        let report = run(ground.with_bank(&mut audit));
        let report: Value = serde_json::from_slice(&report.stdout).unwrap();
        assert_eq!(report["audit"], "clean", "{report}");
        drop(bank);
    }
}

#[test]
fn what_a_fleet_lacks_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let check = |names: &[&str], settings: &[(&str, &str)], key: &str| {
        for name in names {
            let mut command = handsel(folder.path(), &[name]);
            let output = command.envs(settings.iter().copied()).output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(2), "{name}: {said}");
            assert!(said.contains(key), "{name} does not name {key}: {said}");
        }
    };
    let (apis, all) = (["giveaway-api", "giftcard-api"], NAMES);
    check(&all, &[("HANDSEL__REDSI__URL", "x")], "redsi");
    check(&all, &[("HANDSEL__MODE", "live")], "live");
    check(&all, &[("HANDSEL__GRPC__LISTEN", "50051")], "grpc.listen");
    let mut settings = Vec::new();
    check(&all, &settings, "redis.url");
    settings.push(("HANDSEL__REDIS__URL", "redis://127.0.0.1:1"));
    check(&all, &settings, "database.url");
    settings.push(("HANDSEL__DATABASE__URL", "postgres://127.0.0.1:1/handsel"));
    let wrong = ("HANDSEL__GIVEAWAY__GRPC_URLS", "[\"x:1\"]");
    check(&all[2..], &[settings.as_slice(), &[wrong]].concat(), "giveaway.grpc_urls");
    check(&apis, &settings, "provider.url");
    settings.push(("HANDSEL__PROVIDER__URL", "http://127.0.0.1:1"));
    check(&apis, &settings, "provider.api_key");
    settings.push(("HANDSEL__PROVIDER__API_KEY", "key"));
    settings.push(("HANDSEL__PROVIDER__WEBHOOK_SECRET", "secret"));
    let wrong = |setting| [settings.as_slice(), &[setting]].concat();
    check(&apis, &wrong(("HANDSEL__SERVER__PUBLIC_URL", "shop.example")), "server.public_url");
    // Before anything is reached that a key would protect.
    check(&apis, &settings, "handsel keys make");
}
