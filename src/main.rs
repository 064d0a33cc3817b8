//! The `deployctl` program.

fn main() {}
