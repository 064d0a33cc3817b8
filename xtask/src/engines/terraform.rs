//! Terraform, as it is installed.
//!
//! It is published as a program only, under a licence that does not let everyone pass it on, so it is not built here.

use std::path::PathBuf;
use std::process::Command;

use super::place::Place;
use super::surroundings::Surroundings;
use super::{Engine, nothing_to_stop, programs};
use crate::{Failure, files};

/// The first whose plan and events as JSON have all that is read from them.
const OLDEST: (u32, u32) = (1, 5);
const GET: &str = "install Terraform 1.5 or newer as https://developer.hashicorp.com/terraform/install says";
/// Providers that were built here, and are never asked of a registry.
pub const BUILT: [&str; 2] = ["registry.terraform.io/kreuzwerker/docker", "registry.opentofu.org/kreuzwerker/docker"];

pub const ENGINE: Engine = Engine { name: "terraform", needs: &[], up, stop: nothing_to_stop };

fn up(place: &Place, surroundings: &mut Surroundings) -> Result<(), Failure> {
    settings(place, surroundings)?;
    let mut version = Command::new("terraform");
    version.args(["version", "-json"]);
    surroundings.apply(&mut version);
    let answer = programs::answer(&mut version).ok_or(GET)?;
    let answer: serde_json::Value = serde_json::from_str(&answer).map_err(|error| format!("{error}; {GET}"))?;
    let version = answer.get("terraform_version").and_then(serde_json::Value::as_str).unwrap_or_default();
    let mut numbers = version.split('.').map(|number| number.parse::<u32>().unwrap_or(0));
    let found = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    if found < OLDEST { Err(format!("Terraform {version} is too old; {GET}")) } else { Ok(()) }
}

/// Settings of our own for Terraform and OpenTofu, so that the user's do not decide what a test sees.
pub fn settings(place: &Place, surroundings: &mut Surroundings) -> Result<(), Failure> {
    let file = place.data("terraform-settings")?.join("terraform.tfrc");
    let own = BUILT.map(|provider| format!("{provider:?}")).join(", ");
    let text = format!(
        "disable_checkpoint = true\n\nprovider_installation {{\n  filesystem_mirror {{\n    path    = {:?}\n    include = [{own}]\n  }}\n  direct {{\n    exclude = [{own}]\n  }}\n}}\n",
        mirror(place)?
    );
    // Another run may be reading it.
    if files::read(&file).as_deref() != Some(&text) {
        files::write(&file, text.as_bytes())?;
    }
    surroundings.set("TF_CLI_CONFIG_FILE", file.to_string_lossy());
    surroundings.set("CHECKPOINT_DISABLE", "1");
    Ok(())
}

/// Where providers that were built here are found.
pub fn mirror(place: &Place) -> Result<PathBuf, Failure> {
    place.data("terraform-providers")
}
