//! Who may know whom. ARCHITECTURE.md draws this graph; here it is held to.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
};

use cargo_metadata::{DependencyKind, MetadataCommand};

/// What knows nothing of the applications.
const FOUNDATION: [&str; 5] = ["contracts", "draw", "durable-grpc", "ledger", "platform"];

/// What deploys on its own. Siblings never import each other.
const APPLICATIONS: [&str; 3] = ["giftcard-api", "giveaway-api", "job-processor"];

/// Ours that a crate may build on.
fn allowed(krate: &str) -> BTreeSet<&'static str> {
    match krate {
        // Its outbox feeds the relay.
        "platform" => ["durable-grpc"].into(),
        "contracts" | "draw" | "durable-grpc" | "ledger" => BTreeSet::new(),
        // A program like any payment provider: it knows nothing of us.
        "sandbox-bank" => BTreeSet::new(),
        "testkit" => ["platform"].into(),
        krate if APPLICATIONS.contains(&krate) => FOUNDATION.into(),
        // The only crate that sees all three.
        "handsel" => FOUNDATION.into_iter().chain(APPLICATIONS).chain(["sandbox-bank"]).collect(),
        // Tests everything at once; nothing that is delivered depends on it.
        "campaign" => {
            FOUNDATION.into_iter().chain(APPLICATIONS).chain(["sandbox-bank", "testkit"]).collect()
        }
        other => panic!("{other} is new: say here, and in ARCHITECTURE.md, what it may know"),
    }
}

/// What tests may use besides. The foundation may test itself with itself: that ties no application
/// to another.
const FOR_TESTS: [&str; 2] = ["testkit", "sandbox-bank"];

fn graph(kinds: &[DependencyKind]) -> BTreeMap<String, BTreeSet<String>> {
    let metadata = MetadataCommand::new().no_deps().exec().unwrap();
    let ours: BTreeSet<String> =
        metadata.packages.iter().map(|package| package.name.to_string()).collect();
    let known = |package: &cargo_metadata::Package| {
        package
            .dependencies
            .iter()
            .filter(|dependency| kinds.contains(&dependency.kind))
            .map(|dependency| dependency.name.clone())
            .filter(|name| ours.contains(name))
            .collect()
    };
    metadata.packages.iter().map(|package| (package.name.to_string(), known(package))).collect()
}

#[test]
fn crates_know_only_whom_they_may() {
    let graph = graph(&[DependencyKind::Normal, DependencyKind::Build]);
    assert!(graph.len() >= 11, "the workspace has lost a crate: {:?}", graph.keys());
    for (krate, known) in graph {
        let allowed = allowed(&krate);
        for other in known {
            assert!(allowed.contains(other.as_str()), "{krate} must not depend on {other}");
        }
    }
}

#[test]
fn tests_do_not_tie_crates_together_either() {
    for (krate, known) in graph(&[DependencyKind::Development]) {
        let mut allowed = allowed(&krate);
        allowed.extend(FOR_TESTS);
        allowed.extend(FOUNDATION);
        for other in known {
            assert!(
                allowed.contains(other.as_str()),
                "{krate} must not depend on {other}, not even in tests"
            );
        }
    }
}

#[test]
fn durable_grpc_could_be_published_by_itself() {
    let metadata = MetadataCommand::new().no_deps().exec().unwrap();
    let package = metadata.packages.iter().find(|package| package.name == "durable-grpc").unwrap();
    // Of any kind: a published crate takes its tests, benches and examples along.
    for dependency in &package.dependencies {
        assert!(dependency.path.is_none(), "durable-grpc depends on ours: {}", dependency.name);
        assert!(dependency.source.is_some(), "{} comes from no registry", dependency.name);
        assert_ne!(dependency.req.to_string(), "*", "{} has no version", dependency.name);
    }
    assert!(package.description.is_some() && package.license.is_some());
    assert!(package.readme.as_ref().is_some_and(|readme| readme.ends_with("README.md")));
    let listed = Command::new(env!("CARGO"))
        .args(["package", "--list", "--allow-dirty", "--offline", "--manifest-path"])
        .arg(&package.manifest_path)
        .output()
        .unwrap();
    assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
    let files = String::from_utf8(listed.stdout).unwrap();
    for needed in ["README.md", "src/lib.rs", "proto/shop.bin", "proto/shop.v1.rs"] {
        assert!(files.lines().any(|file| file == needed), "{needed} is not in the package");
    }
}
