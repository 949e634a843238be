//! The APIs against their documents: schemathesis makes requests from them, good and bad, and judges every
//! answer. In a world of real objects, so that each operation succeeds too.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod schemathesis {
    use std::{
        collections::{BTreeMap, BTreeSet},
        convert::Infallible,
        path::{Path, PathBuf},
        process::{Child, Command, Stdio},
        time::Duration,
    };

    use durable_grpc::{Calls, RawCall, SqliteStore, Target, Worker, store::CallState};
    use serde_json::Value;
    use sha2::{Digest as _, Sha256};
    use testkit::{eventually, free_port};
    use tonic::{Status, body::Body};

    /// A cold start of an unoptimised build beside other tests.
    const PATIENCE: Duration = Duration::from_secs(60);

    /// Requests for each operation and kind of them, unless more are wanted.
    const EXAMPLES: &str = "12";

    /// How many requests are made of each operation.
    const EXAMPLES_VARIABLE: &str = "HANDSEL_API_EXAMPLES";

    /// Operations that cannot succeed in a healthy installation, and which test shows that they do.
    const NEVER: [(&str, &str); 5] = [
        ("retrySaga", "giveaway-api: actions::operator, for a saga that is stuck"),
        ("abortSaga", "giveaway-api: actions::operator, for a saga that is under way"),
        // Open: since the documents and accounts came together, only requests without a token are made of these.
        ("showGiveaway", "giveaway-api: tests/money/drafts, and the typed client"),
        ("editGiveaway", "giveaway-api: tests/money/drafts"),
        ("showWithdrawal", "giveaway-api: tests/money/withdrawals"),
    ];

    /// A process that ends with the test.
    struct Running(Child);

    impl Drop for Running {
        fn drop(&mut self) {
            drop(self.0.kill());
            drop(self.0.wait());
        }
    }

    fn handsel(folder: &Path, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_handsel"));
        command.args(args).current_dir(folder).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    fn repository() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
    }

    /// Where bin/schemathesis.sh has installed what this lock file names.
    fn installed() -> PathBuf {
        let lock = repository().join("e2e/schemathesis/requirements.txt");
        let key = hex::encode(&Sha256::digest(std::fs::read(lock).unwrap())[..8]);
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
        let folder = target.join("schemathesis").join(key);
        assert!(
            folder.join(".installed").exists(),
            "schemathesis is not installed in {}; bin/test does it, or: \
             source bin/schemathesis.sh && install_schemathesis",
            folder.display()
        );
        folder
    }

    /// Calls that were given up, as an operator finds them.
    async fn dead_letters(folder: &Path) {
        let data = folder.join("data");
        std::fs::create_dir_all(&data).unwrap();
        let file = data.join("calls.db");
        let store = SqliteStore::open(&file).unwrap();
        let calls = Calls::builder(store).build().unwrap();
        let refuse = tower::service_fn(async |_: http::Request<Body>| {
            Ok::<_, Infallible>(Status::failed_precondition("spent").into_http::<Body>())
        });
        let worker = Worker::builder(&calls).lane("giftcard", Target::in_process(refuse)).spawn();
        let mut ids = Vec::new();
        for _ in 0..3 {
            let call = RawCall::new("giftcard", contracts::method::ISSUE_CARD, &b"a card"[..]);
            let id = calls.submit_raw(call).await.unwrap();
            eventually(PATIENCE, async || {
                let state = calls.lookup(id).await.unwrap().map(|call| call.state);
                matches!(state, Some(CallState::Ended(_)))
            })
            .await;
            ids.push(id.to_string());
        }
        worker.shutdown().await;
        drop(calls);
        eventually(PATIENCE, async || SqliteStore::open(&file).is_ok()).await;
        std::fs::write(folder.join("letters.json"), serde_json::to_vec(&ids).unwrap()).unwrap();
    }

    struct World {
        folder: tempfile::TempDir,
        url: String,
        _server: Running,
        _bank: Running,
    }

    impl World {
        /// Starts a bank and a server, and lets the script make a world.
        async fn make(python: &Path) -> Self {
            let folder = tempfile::tempdir().unwrap();
            dead_letters(folder.path()).await;
            let (port, bank_port) = (free_port(), free_port());
            let (url, bank_url) =
                (format!("http://127.0.0.1:{port}"), format!("http://127.0.0.1:{bank_port}"));
            let hook = |api: &str| format!("{url}/api/{api}/v1/webhooks/provider");
            let bank = handsel(folder.path(), &["sandbox-bank", "--data", "bank"])
                .args(["--listen", &format!("127.0.0.1:{bank_port}")])
                .args(["--webhook", &hook("giveaway"), "--webhook", &hook("giftcard")])
                .spawn()
                .unwrap();
            let bank = Running(bank);
            let secret = folder.path().join("bank/webhook-secret");
            eventually(PATIENCE, async || secret.exists()).await;
            eventually(PATIENCE, async || answers(&format!("{bank_url}/livez")).await).await;
            let server = handsel(folder.path(), &["serve", "--data", "data"])
                .args(["--listen", &format!("127.0.0.1:{port}")])
                .env("HANDSEL__DEMO", "true")
                .env("HANDSEL__PROVIDER__URL", &bank_url)
                .env("HANDSEL__PROVIDER__API_KEY_FILE", "bank/api-key")
                .env("HANDSEL__PROVIDER__WEBHOOK_SECRET_FILE", "bank/webhook-secret")
                // So that money can leave at once.
                .env("HANDSEL__GIVEAWAY__PAYOUT_COOLING_HOURS", "0")
                .env("HANDSEL__LOG__FILTER", "warn")
                .stderr(std::fs::File::create(folder.path().join("log")).unwrap())
                .spawn()
                .unwrap();
            let server = Running(server);
            eventually(PATIENCE, async || answers(&format!("{url}/readyz")).await).await;
            let made = Command::new(python)
                .arg(repository().join("e2e/schemathesis/world.py"))
                .args([&url, &bank_url])
                .arg(folder.path())
                .arg(folder.path().join("world.json"))
                .output()
                .unwrap();
            assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
            Self { folder, url, _server: server, _bank: bank }
        }

        /// Tries one API, and returns what its operations answered, by their names.
        fn fuzz(&self, tools: &Path, api: &str) -> BTreeMap<String, BTreeSet<u16>> {
            let answers = self.folder.path().join(format!("{api}.answers"));
            let examples = std::env::var(EXAMPLES_VARIABLE).unwrap_or_else(|_| EXAMPLES.to_owned());
            let run = Command::new(tools.join("bin/schemathesis"))
                .arg("--config-file")
                .arg(repository().join("e2e/schemathesis/schemathesis.toml"))
                .args(["run", &format!("{}/api/{api}/v1/openapi.json", self.url)])
                .args(["--phases", "examples,coverage,fuzzing"])
                .args(["--max-examples", &examples, "--seed", "1"])
                .args(["--no-shrink", "--warnings", "off", "--continue-on-failure"])
                .args(["--suppress-health-check", "all"])
                .env("SCHEMATHESIS_HOOKS", "hooks")
                .env("PYTHONPATH", repository().join("e2e/schemathesis"))
                .env("PYTHONDONTWRITEBYTECODE", "1")
                .env("HANDSEL_WORLD", self.folder.path().join("world.json"))
                .env("HANDSEL_API", api)
                .env("HANDSEL_ANSWERS", &answers)
                .env("NO_PROXY", "*")
                .current_dir(self.folder.path())
                .output()
                .unwrap();
            let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            let log: Vec<&str> =
                log.lines().filter(|line| line.contains("ERROR")).take(20).collect();
            assert!(
                run.status.success(),
                "{api}:\n{}\n{}\n{}",
                String::from_utf8_lossy(&run.stdout),
                String::from_utf8_lossy(&run.stderr),
                log.join("\n")
            );
            let mut found: BTreeMap<String, BTreeSet<u16>> = BTreeMap::new();
            for line in std::fs::read_to_string(answers).unwrap().lines() {
                let (operation, status) = line.split_once(' ').unwrap();
                found.entry(operation.to_owned()).or_default().insert(status.parse().unwrap());
            }
            found
        }
    }

    async fn answers(url: &str) -> bool {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        client.get(url).send().await.is_ok_and(|answer| answer.status().is_success())
    }

    fn operations(document: &Value) -> BTreeSet<String> {
        let paths = document["paths"].as_object().unwrap().values();
        let operations = paths.flat_map(|path| path.as_object().unwrap().values());
        operations.map(|it| it["operationId"].as_str().unwrap().to_owned()).collect()
    }

    #[tokio::test]
    async fn every_answer_is_as_documented_and_every_operation_succeeds() {
        let tools = installed();
        let world = World::make(&tools.join("bin/python")).await;
        for api in ["calls", "giftcard", "giveaway"] {
            let file = repository().join(format!("docs/openapi/{api}.json"));
            let document: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
            let answered = world.fuzz(&tools, api);
            let unlucky: Vec<_> = operations(&document)
                .into_iter()
                .filter(|operation| !NEVER.iter().any(|(name, _)| name == operation))
                .map(|operation| (answered.get(&operation).cloned().unwrap_or_default(), operation))
                .filter(|(statuses, _)| !statuses.iter().any(|it| (200..300).contains(it)))
                .collect();
            assert!(unlucky.is_empty(), "{api}: these never succeed: {unlucky:?}");
        }
    }
}
