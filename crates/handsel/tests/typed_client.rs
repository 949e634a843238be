//! A client in TypeScript that is made from the documents: it type-checks, and does the main job.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod official_client {
    use std::{
        path::{Path, PathBuf},
        process::{Child, Command, Stdio},
        time::Duration,
    };

    use serde_json::{Value, json};
    use testkit::{eventually, free_port};

    /// A cold start of an unoptimised build beside other tests.
    const PATIENCE: Duration = Duration::from_secs(60);

    struct Server(Child);

    impl Drop for Server {
        fn drop(&mut self) {
            drop(self.0.kill());
            drop(self.0.wait());
        }
    }

    fn e2e() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../e2e").canonicalize().unwrap()
    }

    /// Runs a program of Node.js and returns what it printed.
    fn node(program: &Path, args: &[&str], folder: &Path) -> String {
        let output =
            Command::new("node").arg(program).args(args).current_dir(folder).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let more = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}:\n{said}\n{more}", program.display());
        said
    }

    #[tokio::test]
    async fn a_client_made_from_the_documents_does_the_main_job() {
        let modules = e2e().join("node_modules");
        assert!(
            modules.join("openapi-typescript").exists(),
            "the clients are not installed; bin/test does it, or: npm ci --prefix e2e"
        );
        // In a folder of its own: the client is made anew from what the program says now.
        let folder = tempfile::tempdir().unwrap();
        for file in ["tsconfig.json", "story.ts"] {
            std::fs::copy(e2e().join("client").join(file), folder.path().join(file)).unwrap();
        }
        std::fs::write(folder.path().join("package.json"), r#"{"type": "module"}"#).unwrap();
        std::os::unix::fs::symlink(&modules, folder.path().join("node_modules")).unwrap();
        for api in ["giveaway", "giftcard"] {
            let document = Command::new(env!("CARGO_BIN_EXE_handsel"))
                .args(["openapi", api])
                .output()
                .unwrap();
            assert!(document.status.success());
            let file = folder.path().join(format!("{api}.json"));
            std::fs::write(&file, document.stdout).unwrap();
            let types = format!("{api}.d.ts");
            let args = [file.to_str().unwrap(), "--output", &types, "--default-non-nullable=false"];
            node(&modules.join("openapi-typescript/bin/cli.js"), &args, folder.path());
        }
        node(&modules.join("typescript/bin/tsc"), &["--project", "."], folder.path());

        let port = free_port();
        let url = format!("http://127.0.0.1:{port}");
        let server = Command::new(env!("CARGO_BIN_EXE_handsel"))
            .args(["serve", "--data", "data", "--listen", &format!("127.0.0.1:{port}")])
            .env("HANDSEL__DEMO", "true")
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let _server = Server(server);
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        eventually(PATIENCE, async || {
            let answer = http.get(format!("{url}/readyz")).send().await;
            answer.is_ok_and(|answer| answer.status().is_success())
        })
        .await;
        let admin = std::fs::read_to_string(folder.path().join("data/admin-token")).unwrap();
        let told =
            node(&folder.path().join("build/story.js"), &[&url, admin.trim()], folder.path());
        let told: Value = serde_json::from_str(&told).unwrap();
        assert_eq!(told, json!({ "entered": true, "left": 500, "paid": 2_000 }));
    }
}
