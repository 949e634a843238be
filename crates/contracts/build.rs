//! Generates clients and servers from `proto/` with protox, so that no `protoc` is needed.

use std::{env, error::Error, path::Path};

const FILES: [&str; 6] = [
    "handsel/type/v1/money.proto",
    "handsel/giftcard/v1/giftcard.proto",
    "handsel/giveaway/v1/giveaway.proto",
    "handsel/giveaway/v1/account.proto",
    "handsel/realtime/v1/realtime.proto",
    "handsel/processor/v1/processor.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    let root = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("../../proto");
    println!("cargo::rerun-if-changed={}", root.display());
    let descriptors = protox::compile(FILES, [&root])?;
    let out = Path::new(&env::var("OUT_DIR")?).join("handsel_descriptor.bin");
    std::fs::write(out, prost::Message::encode_to_vec(&descriptors))?;
    tonic_prost_build::configure().bytes(".").compile_fds(descriptors)?;
    Ok(())
}
