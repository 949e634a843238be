//! The applications as processes of their own: two of each on one PostgreSQL, where each may do what
//! `deploy/postgres/roles.sql` says, and one Redis, beside a sandbox bank.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::{Child, Command, Output},
    time::Duration,
};

use serde_json::json;
use tempfile::TempDir;

use crate::{RedisServer, ServerDatabase, eventually, free_port};

/// Cold starts of an unoptimised build beside other tests, and calls that are taken over from a process
/// that was killed.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// Longer than any answer takes: publishing waits for its saga for some seconds.
const ANSWER: Duration = Duration::from_secs(30);

/// A port that was free may be somebody else's by the time it is bound: then all begin again.
const STARTS: u32 = 3;

/// Which roles there are, and what each may do.
pub const ROLES: &str = include_str!("../../../deploy/postgres/roles.sql");

/// The role that owns the tables.
pub const OWNER: &str = "handsel_owner";

/// Lines that say how a process ended.
const LAST_LINES: usize = 20;

/// Connections of one process: two of each application, and room for others on the same server.
const CONNECTIONS: &str = "4";

/// How many applications there are.
pub const KINDS: usize = 4;

/// An application of a fleet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Application {
    /// Hosts and entrants.
    Giveaway,
    /// Merchants and winners.
    Giftcard,
    /// Calls and mails.
    Processor,
    /// Connections of those who watch.
    Gateway,
}

impl Application {
    /// All of them.
    pub const ALL: [Self; KINDS] = [Self::Giveaway, Self::Giftcard, Self::Processor, Self::Gateway];

    /// What it is called.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Giveaway => "giveaway-api",
            Self::Giftcard => "giftcard-api",
            Self::Processor => "job-processor",
            Self::Gateway => "gateway",
        }
    }

    /// Its command.
    pub const fn command(self) -> &'static [&'static str] {
        match self {
            Self::Giveaway => &["giveaway-api"],
            Self::Giftcard => &["giftcard-api"],
            Self::Processor => &["job-processor"],
            Self::Gateway => &["job-processor", "--mode", "gateway"],
        }
    }

    /// Its role at PostgreSQL, if it has rows.
    const fn role(self) -> Option<&'static str> {
        match self {
            Self::Giveaway => Some("giveaway_app"),
            Self::Giftcard => Some("giftcard_app"),
            Self::Processor => Some("processor_app"),
            Self::Gateway => None,
        }
    }
}

/// A process that is killed with this value.
#[derive(Debug)]
pub struct Process(Child);

impl Process {
    /// Starts one; what it logs is added to a file.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start(command: &mut Command, log: &Path) -> Self {
        let log = File::options().create(true).append(true).open(log).expect("no log");
        let again = log.try_clone().expect("no log");
        Self(command.stdout(log).stderr(again).spawn().expect("no process"))
    }

    /// Whether it has ended by itself.
    ///
    /// # Panics
    /// When the system does not say.
    pub fn has_ended(&mut self) -> bool {
        self.0.try_wait().expect("no state").is_some()
    }

    /// Sends a signal, by its name.
    ///
    /// # Panics
    /// When there is no such signal or process.
    pub fn signal(&self, name: &str) {
        let pid = self.0.id().to_string();
        run(Command::new("sh").args(["-c", "kill -s \"$0\" \"$1\"", name, &pid]));
    }

    /// Stops it as the service manager does. Returns whether it ended well.
    ///
    /// # Panics
    /// When it does not end.
    pub async fn stop(&mut self) -> bool {
        self.signal("TERM");
        eventually(PATIENCE, async || self.0.try_wait().expect("no state")).await.success()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// One instance's ports.
#[derive(Clone, Copy, Debug)]
pub struct Ports {
    /// For people and programs; a worker has none.
    pub http: u16,
    /// For the other applications.
    pub grpc: u16,
    /// Health and metrics.
    pub admin: u16,
}

impl Ports {
    fn new() -> Self {
        Self { http: free_port(), grpc: free_port(), admin: free_port() }
    }
}

/// What lasts, and where everything is. The processes are whoever's who has started them.
#[derive(Debug)]
pub struct Fleet {
    handsel: PathBuf,
    folder: TempDir,
    database: ServerDatabase,
    redis: RedisServer,
    bank: u16,
    instances: [[Ports; 2]; KINDS],
    http: reqwest::Client,
}

/// The processes of a fleet.
#[derive(Debug)]
pub struct Running {
    /// The sandbox bank.
    pub bank: Process,
    /// Two of each application, in the order of [`Application::ALL`].
    pub applications: [[Process; 2]; KINDS],
}

impl Fleet {
    /// Makes tables, roles and keys, and starts Redis. `handsel` is the program.
    ///
    /// # Panics
    /// When something of it cannot be had.
    pub async fn prepare(handsel: &Path, database: ServerDatabase) -> Self {
        database.execute(ROLES).await;
        let fleet = Self {
            handsel: handsel.to_owned(),
            folder: tempfile::tempdir().expect("no temporary folder"),
            database,
            redis: RedisServer::start().await,
            bank: free_port(),
            instances: [[(); 2]; KINDS].map(|pair| pair.map(|()| Ports::new())),
            http: reqwest::Client::builder().no_proxy().timeout(ANSWER).build().expect("no client"),
        };
        run(fleet.as_owner(&mut fleet.command(&["migrate", "--data", "data"])));
        run(&mut fleet.command(&["keys", "make"]));
        fleet
    }

    /// Starts the bank and two of each application, and waits until every one of them is ready.
    ///
    /// # Panics
    /// When they do not start.
    pub async fn start(&mut self) -> Running {
        for _ in 0..STARTS {
            if let Some(running) = self.try_start().await {
                self.describe();
                return running;
            }
            self.bank = free_port();
            self.instances = self.instances.map(|pair| pair.map(|_| Ports::new()));
        }
        panic!("the fleet does not start");
    }

    async fn try_start(&self) -> Option<Running> {
        let mut bank = self.start_bank();
        let files = ["bank/api-key", "bank/webhook-secret"];
        eventually(PATIENCE, async || {
            bank.has_ended() || files.iter().all(|file| self.folder().join(file).exists())
        })
        .await;
        let mut applications =
            Application::ALL.map(|application| [0, 1].map(|n| self.start_one(application, n)));
        let is_up = eventually(PATIENCE, async || {
            if bank.has_ended() || applications.iter_mut().flatten().any(Process::has_ended) {
                return Some(false);
            }
            for ports in self.instances.iter().flatten() {
                if !self.is_ready(*ports).await {
                    return None;
                }
            }
            Some(true)
        });
        is_up.await.then_some(Running { bank, applications })
    }

    /// The folder that commands run in: `keys`, `bank`, and `fleet.json` for `handsel demo --fleet`.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The database.
    pub fn database(&self) -> &ServerDatabase {
        &self.database
    }

    /// The Redis that all share.
    pub fn redis(&mut self) -> &mut RedisServer {
        &mut self.redis
    }

    /// Where an instance is, the first or the second.
    pub fn ports(&self, application: Application, n: usize) -> Ports {
        self.instances[application as usize][n]
    }

    /// Where the gateways are, for those who watch.
    pub fn gateways(&self) -> Vec<String> {
        let gateways = self.instances[Application::Gateway as usize];
        gateways.iter().map(|ports| format!("http://{}", local(ports.http))).collect()
    }

    /// A client that waits for an answer, but not for ever.
    pub fn http(&self) -> &reqwest::Client {
        &self.http
    }

    /// The administrator's token.
    ///
    /// # Panics
    /// When its file cannot be read.
    pub fn admin(&self) -> String {
        let file = self.folder().join("keys/admin-token");
        std::fs::read_to_string(file).expect("no token").trim_end().to_owned()
    }

    /// A command of `handsel`.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.handsel);
        command.args(args).current_dir(self.folder());
        command
    }

    /// Tells a command where the rows of all services are, for the role that owns them.
    pub fn as_owner<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        for service in ["GIVEAWAY", "GIFTCARD", "PROCESSOR"] {
            let key = format!("HANDSEL__{service}__DATABASE__URL");
            command.env(key, self.database.url_of(OWNER));
        }
        command
    }

    /// Tells a command where the bank is.
    pub fn with_bank<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command
            .env("HANDSEL__PROVIDER__URL", format!("http://{}", local(self.bank)))
            .env("HANDSEL__PROVIDER__API_KEY_FILE", "bank/api-key")
            .env("HANDSEL__PROVIDER__WEBHOOK_SECRET_FILE", "bank/webhook-secret")
    }

    /// What `handsel audit` has to say, and whether it found nothing. Nothing may be under way.
    ///
    /// # Panics
    /// When it cannot be run.
    pub fn audit(&self) -> Output {
        let mut audit = self.command(&["audit", "--data", "data", "--at-rest", "--json"]);
        self.with_bank(self.as_owner(&mut audit)).output().expect("no audit")
    }

    /// Starts the bank.
    pub fn start_bank(&self) -> Process {
        let mut command =
            self.command(&["sandbox-bank", "--data", "bank", "--listen", &local(self.bank)]);
        for (service, application) in
            [("giveaway", Application::Giveaway), ("giftcard", Application::Giftcard)]
        {
            let at = local(self.ports(application, 0).http);
            command.args(["--webhook", &format!("http://{at}/api/{service}/v1/webhooks/provider")]);
        }
        Process::start(&mut command, &self.folder().join("bank.log"))
    }

    /// Starts an instance, the first or the second.
    pub fn start_one(&self, application: Application, n: usize) -> Process {
        let ports = self.ports(application, n);
        let mut command = self.command(application.command());
        command
            .env("HANDSEL__ADMIN__LISTEN", local(ports.admin))
            .env("HANDSEL__GRPC__LISTEN", local(ports.grpc))
            .env("HANDSEL__REDIS__URL", self.redis.url());
        if let Some(role) = application.role() {
            command
                .env("HANDSEL__DATABASE__URL", self.database.url_of(role))
                .env("HANDSEL__DATABASE__MAX_CONNECTIONS", CONNECTIONS);
        }
        match application {
            Application::Giveaway => self
                .with_bank(&mut command)
                .env("HANDSEL__SERVER__LISTEN", local(ports.http))
                .env("HANDSEL__GIFTCARD__GRPC_URLS", self.urls(Application::Giftcard))
                .env("HANDSEL__PROCESSOR__GRPC_URLS", self.urls(Application::Processor)),
            Application::Giftcard => self
                .with_bank(&mut command)
                .env("HANDSEL__SERVER__LISTEN", local(ports.http))
                .env("HANDSEL__GIVEAWAY__GRPC_URLS", self.urls(Application::Giveaway)),
            Application::Processor => command
                .env("HANDSEL__GIVEAWAY__GRPC_URLS", self.urls(Application::Giveaway))
                .env("HANDSEL__GIFTCARD__GRPC_URLS", self.urls(Application::Giftcard))
                .env("HANDSEL__MAILBOX", "true"),
            Application::Gateway => command
                .env("HANDSEL__SERVER__LISTEN", local(ports.http))
                .env("HANDSEL__GIVEAWAY__GRPC_URLS", self.urls(Application::Giveaway))
                .env("HANDSEL__GIFTCARD__GRPC_URLS", self.urls(Application::Giftcard)),
        };
        Process::start(&mut command, &self.log(application, n))
    }

    /// What an instance logged last.
    pub fn last_words(&self, application: Application, n: usize) -> String {
        let text = std::fs::read_to_string(self.log(application, n)).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(LAST_LINES)..].join("\n")
    }

    fn log(&self, application: Application, n: usize) -> PathBuf {
        self.folder().join(format!("{}-{}.log", application.name(), n + 1))
    }

    /// Whether an instance says that it can work.
    pub async fn is_ready(&self, ports: Ports) -> bool {
        let url = format!("http://{}/readyz", local(ports.admin));
        self.http.get(url).send().await.is_ok_and(|answer| answer.status().is_success())
    }

    fn urls(&self, application: Application) -> String {
        let urls = self.instances[application as usize]
            .map(|ports| format!("http://{}", local(ports.grpc)));
        json!(urls).to_string()
    }

    /// Writes down where everybody is.
    fn describe(&self) {
        let file = |name: &str| self.folder().join(name);
        let at = |application: Application, port: fn(&Ports) -> u16| {
            self.instances[application as usize]
                .map(|ports| format!("http://{}", local(port(&ports))))
        };
        let fleet = json!({
            "giveaway": at(Application::Giveaway, |ports| ports.http),
            "giftcard": at(Application::Giftcard, |ports| ports.http),
            "mail": at(Application::Processor, |ports| ports.admin),
            "gateway": at(Application::Gateway, |ports| ports.http),
            "bank": format!("http://{}", local(self.bank)),
            "bank_key_file": file("bank/api-key"),
            "bank_webhook_secret_file": file("bank/webhook-secret"),
            "admin_token_file": file("keys/admin-token"),
            "database": self.database.url_of(OWNER),
        });
        std::fs::write(file("fleet.json"), fleet.to_string()).expect("no file");
    }
}

/// An address on this machine.
pub fn local(port: u16) -> String {
    format!("127.0.0.1:{port}")
}

/// Runs a command that has to succeed.
///
/// # Panics
/// When it does not.
pub fn run(command: &mut Command) -> Output {
    let output = command.output().expect("no process");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
    output
}
