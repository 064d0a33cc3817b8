//! The real programs. One that is not here fails the test that needs it.

use std::path::PathBuf;

/// The version of OpenTofu that the chores build.
const TOFU: &str = "tofu-1.10.10/tofu";

/// Terraform, by its path.
pub fn terraform() -> String {
    let found = deployctl_sdk::program::find("terraform", std::path::Path::new("/"));
    let found =
        found.unwrap_or_else(|| panic!("there is no terraform in PATH: eval \"$(cargo xtask engines terraform)\""));
    found.to_string_lossy().into_owned()
}

/// OpenTofu, by its path.
pub fn tofu() -> String {
    let built = PathBuf::from(std::env::var("HOME").unwrap()).join(".cache/deployctl/engines").join(TOFU);
    let found =
        deployctl_sdk::program::find("tofu", std::path::Path::new("/")).or(Some(built).filter(|path| path.exists()));
    let found = found.unwrap_or_else(|| panic!("OpenTofu is not built: eval \"$(cargo xtask engines tofu)\""));
    found.to_string_lossy().into_owned()
}
