//! The pages of a real process in a real browser, as an entrant, a winner, a merchant, an administrator and a stranger use them; and the
//! verifier of the page, which is another implementation than ours, on a draw that happened.
//!
//! `HANDSEL_SCREENSHOTS` names a folder for pictures of every page, `HANDSEL_CHROMIUM` a browser that is elsewhere
//! than Debian puts it.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod browser {
    use std::{
        path::Path,
        process::{Child, Command, Stdio},
        time::Duration,
    };

    use serde_json::Value;
    use testkit::{eventually, fleet::local, free_port, watching::e2e};

    const PATIENCE: Duration = Duration::from_secs(120);

    struct Demo(Child);

    impl Demo {
        fn start(folder: &Path, port: u16) -> Self {
            let child = Command::new(env!("CARGO_BIN_EXE_handsel"))
                .args(["demo", "--data", "data", "--rows", "200", "--listen", &local(port)])
                .current_dir(folder)
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            Self(child)
        }
    }

    impl Drop for Demo {
        fn drop(&mut self) {
            self.0.kill().unwrap();
            self.0.wait().unwrap();
        }
    }

    /// A link that makes an administrator of the running demo.
    fn admin_link(folder: &Path) -> String {
        let said = Command::new(env!("CARGO_BIN_EXE_handsel"))
            .args(["admin", "create", "--data", "data", "--json"])
            .current_dir(folder)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&said.stderr);
        assert!(said.status.success(), "{text}");
        let told: Value = serde_json::from_slice(&said.stdout).unwrap();
        told["link"].as_str().unwrap().to_owned()
    }

    fn node(arguments: &[&str], transcript: Option<&Path>) {
        let mut command = Command::new("node");
        command.args(arguments).current_dir(e2e());
        if let Some(transcript) = transcript {
            command.env("HANDSEL_TRANSCRIPT", transcript);
        }
        let said = command.output().unwrap();
        let text = String::from_utf8_lossy(&said.stdout);
        assert!(said.status.success(), "{text}{}", String::from_utf8_lossy(&said.stderr));
    }

    #[tokio::test]
    async fn every_page_does_what_it_says_and_everybody_can_use_it() {
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let demo = Demo::start(folder.path(), port);
        let data = folder.path().join("data");
        let told = eventually(PATIENCE, async || {
            // The last thing that the story writes.
            data.join("try-it.txt").exists().then_some(())?;
            let known = std::fs::read(data.join("demo.json")).ok()?;
            serde_json::from_slice::<Value>(&known).ok()
        })
        .await;
        let url = format!("http://{}", local(port));
        let giveaway = told["giveaway"].as_str().unwrap();
        let transcript = format!("{url}/api/giveaway/v1/giveaways/{giveaway}/transcript");
        let transcript = reqwest::get(transcript).await.unwrap().bytes().await.unwrap();
        let file = folder.path().join("transcript.json");
        std::fs::write(&file, transcript).unwrap();
        let data = data.to_str().unwrap().to_owned();
        let admin = admin_link(folder.path());
        tokio::task::spawn_blocking(move || {
            node(&["--test", "tests/"], Some(&file));
            let arguments = ["browser.mjs", "--url", &url, "--data", &data, "--admin", &admin];
            node(&arguments, None);
        })
        .await
        .unwrap();
        drop(demo);
    }

    #[test]
    fn the_elements_and_the_verifier_keep_their_promises_without_a_browser() {
        node(&["--test", "tests/"], None);
    }
}
