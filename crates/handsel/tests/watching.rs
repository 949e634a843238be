//! Those who watch one process, with the official client over all transports: while it is killed and comes
//! back, they see the same, each in order and without holes.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod official_client {
    use std::{
        path::Path,
        process::{Child, Command, Stdio},
        time::Duration,
    };

    use serde_json::Value;
    use testkit::{eventually, fleet::local, free_port, watching::Watching};

    const PATIENCE: Duration = Duration::from_secs(60);

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

    fn known(folder: &Path) -> Option<Value> {
        let known = std::fs::read(folder.join("data/demo.json")).ok()?;
        Some(serde_json::from_slice(&known).unwrap())
    }

    #[tokio::test]
    async fn a_crowd_sees_the_same_while_the_process_is_killed() {
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let mut demo = Demo::start(folder.path(), port);
        let giveaway = eventually(PATIENCE, async || {
            known(folder.path())?["giveaway"].as_str().map(str::to_owned)
        })
        .await;
        let room = format!("giveaway:{giveaway}");
        let crowd = Watching::start(&[format!("http://{}", local(port))], &room, 6);
        for phase in ["entries", "draw", "claim"] {
            eventually(PATIENCE, async || {
                known(folder.path()).is_some_and(|known| known["phases_ms"][phase].is_u64())
            })
            .await;
            drop(demo);
            demo = Demo::start(folder.path(), port);
        }
        eventually(PATIENCE, async || {
            known(folder.path()).is_some_and(|known| known["phases_ms"]["audit"].is_u64())
        })
        .await;
        let seen = crowd.seen().await;
        assert!(seen.agrees && seen.has_ended, "{:#}", seen.report);
        let clients = seen.report["clients"].as_array().unwrap();
        assert_eq!(clients[0]["winners"].as_array().unwrap().len(), 22, "{:#}", seen.report);
        assert!(clients.iter().any(|client| client["connects"].as_u64() > Some(1)));
    }
}
