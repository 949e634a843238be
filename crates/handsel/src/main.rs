//! The `handsel` command line.
fn main() {}
