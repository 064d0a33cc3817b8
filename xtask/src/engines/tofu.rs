//! OpenTofu: what speaks Terraform's language and is not Terraform.

use std::path::PathBuf;
use std::process::Command;

use super::go::Module;
use super::place::Place;
use super::surroundings::Surroundings;
use super::{Engine, nothing_to_stop, programs, terraform};
use crate::Failure;

const VERSION: &str = "1.10.10";

pub const ENGINE: Engine = Engine { name: "tofu", needs: &[], up, stop: nothing_to_stop };

fn up(place: &Place, surroundings: &mut Surroundings) -> Result<(), Failure> {
    terraform::settings(place, surroundings)?;
    let folder = Module {
        engine: (ENGINE.name, VERSION),
        module: ("github.com/opentofu/opentofu", &format!("v{VERSION}")),
        programs: &[("github.com/opentofu/opentofu/cmd/tofu", "tofu")],
        // It replaces this one itself, which a module that requires it has to repeat.
        replace: &[
            "github.com/hashicorp/hcl/v2 v2.20.1 => github.com/opentofu/hcl/v2 v2.20.2-0.20251021132045-587d123c2828",
        ],
        // Otherwise it takes itself for a version that is not out yet.
        set: &["github.com/opentofu/opentofu/version.dev=no"],
        ..Module::default()
    }
    .built(place)?;
    let program = folder.join("tofu");
    surroundings.folder(folder);
    let mut version = Command::new(&program);
    version.args(["version", "-json"]);
    surroundings.apply(&mut version);
    match programs::answer(&mut version) {
        Some(_) => Ok(()),
        None => Err(format!("{} was built, and yet does not run", program.display())),
    }
}

/// OpenTofu as it was built for the tests, if it was.
pub fn kept_tofu() -> Option<PathBuf> {
    let program = Place::new().ok()?.version(ENGINE.name, VERSION).join("tofu");
    program.is_file().then_some(program)
}
