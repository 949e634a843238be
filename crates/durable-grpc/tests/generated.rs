//! The code generated from `proto/shop.proto` is kept in the repository, so that users of the crate
//! compile no generator. This test tells when it is stale, and with `UPDATE_GENERATED=1` renews it.

use std::{env, fs, path::Path};

use anyhow::{Context as _, ensure};
use prost::Message as _;

#[test]
fn generated_code_is_current() -> anyhow::Result<()> {
    let proto = Path::new(env!("CARGO_MANIFEST_DIR")).join("proto");
    let descriptors = protox::compile(["shop.proto"], [&proto])?;
    let out = tempfile::tempdir()?;
    let descriptor_set = descriptors.encode_to_vec();
    tonic_prost_build::configure().bytes(".").out_dir(out.path()).compile_fds(descriptors)?;
    let code = fs::read(out.path().join("shop.v1.rs"))?;

    for (name, fresh) in [("shop.v1.rs", code), ("shop.bin", descriptor_set)] {
        let path = proto.join(name);
        if env::var_os("UPDATE_GENERATED").is_some() {
            fs::write(&path, &fresh)?;
        }
        let kept = fs::read(&path).with_context(|| path.display().to_string())?;
        ensure!(kept == fresh, "{name} is stale: run this test with UPDATE_GENERATED=1");
    }
    Ok(())
}
