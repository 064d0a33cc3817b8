//! The real programs. One that is not here fails the test that needs it.

use std::path::Path;

/// Terraform, by its path.
pub fn terraform() -> String {
    found("terraform")
}

/// OpenTofu, by its path.
pub fn tofu() -> String {
    found("tofu")
}

fn found(name: &str) -> String {
    let found = deployctl_sdk::program::find(name, Path::new("/"));
    let found = found.unwrap_or_else(|| panic!("there is no {name} in PATH: eval \"$(cargo xtask engines {name})\""));
    found.to_string_lossy().into_owned()
}
