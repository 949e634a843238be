//! Generates the client and the server that `handsel bench calls` measures, with protox, so that no
//! `protoc` is needed.

use std::{env, error::Error, path::Path};

fn main() -> Result<(), Box<dyn Error>> {
    let root = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("src/bench");
    println!("cargo::rerun-if-changed={}", root.join("echo.proto").display());
    let descriptors = protox::compile(["echo.proto"], [&root])?;
    let out = Path::new(&env::var("OUT_DIR")?).join("echo_descriptor.bin");
    std::fs::write(out, prost::Message::encode_to_vec(&descriptors))?;
    tonic_prost_build::configure().bytes(".").compile_fds(descriptors)?;
    Ok(())
}
