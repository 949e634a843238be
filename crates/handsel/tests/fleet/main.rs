//! The applications as processes of their own. `redis` kills some of them while a giveaway is funded and
//! its prizes go back, and while the whole story is told.

mod redis;

use std::process::Command;

use testkit::fleet::Application;

#[test]
fn what_a_fleet_lacks_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let check = |applications: &[Application], settings: &[(&str, &str)], key: &str| {
        for application in applications {
            let mut command = Command::new(env!("CARGO_BIN_EXE_handsel"));
            command.args(application.command()).current_dir(folder.path());
            let output = command.envs(settings.iter().copied()).output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            let name = application.name();
            assert_eq!(output.status.code(), Some(2), "{name}: {said}");
            assert!(said.contains(key), "{name} does not name {key}: {said}");
        }
    };
    let all = Application::ALL;
    let (apis, with_rows) = (&all[..2], &all[..3]);
    check(&all, &[("HANDSEL__REDSI__URL", "x")], "redsi");
    check(&all, &[("HANDSEL__MODE", "live")], "live");
    check(&all, &[("HANDSEL__GRPC__LISTEN", "50051")], "grpc.listen");
    let mut settings = Vec::new();
    check(&all, &settings, "redis.url");
    check(&all, &[("HANDSEL__REDIS__URL", "localhost:6379")], "redis.url");
    settings.push(("HANDSEL__REDIS__URL", "redis://127.0.0.1:1"));
    check(with_rows, &settings, "database.url");
    let wrong = [settings[0], ("HANDSEL__DATABASE__URL", "sqlite://handsel.db")];
    check(with_rows, &wrong, "database.url");
    settings.push(("HANDSEL__DATABASE__URL", "postgres://127.0.0.1:1/handsel"));
    let wrong = ("HANDSEL__GIVEAWAY__GRPC_URLS", "[\"x:1\"]");
    check(&all[2..3], &[settings.as_slice(), &[wrong]].concat(), "giveaway.grpc_urls");
    check(&all[3..], &[settings[0], wrong], "giveaway.grpc_urls");
    check(&all[3..], &settings, "database");
    check(&all[3..], &[settings[0], ("HANDSEL__GATEWAY__MAX_CONNECTIONS", "0")], "max_connections");
    check(apis, &settings, "provider.url");
    settings.push(("HANDSEL__PROVIDER__URL", "http://127.0.0.1:1"));
    check(apis, &settings, "provider.api_key");
    settings.push(("HANDSEL__PROVIDER__API_KEY", "key"));
    settings.push(("HANDSEL__PROVIDER__WEBHOOK_SECRET", "secret"));
    let wrong = |setting| [settings.as_slice(), &[setting]].concat();
    check(apis, &wrong(("HANDSEL__SERVER__PUBLIC_URL", "shop.example")), "server.public_url");
    check(
        apis,
        &wrong(("HANDSEL__SERVER__TRUSTED_PROXIES", "[\"10.0.0.0/99\"]")),
        "trusted_proxies",
    );
    check(&all[..1], &wrong(("HANDSEL__GIFTCARD__GRPC_URLS", "[]")), "giftcard.grpc_urls");
    // Before anything is reached that a key would protect.
    check(apis, &settings, "handsel keys make");
}
