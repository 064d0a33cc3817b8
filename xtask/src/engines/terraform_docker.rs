//! Terraform's provider for Docker, which the bench measures ours against.

use std::process::Command;

use super::go::Module;
use super::place::Place;
use super::surroundings::Surroundings;
use super::{Engine, nothing_to_stop, programs, terraform};
use crate::{Failure, files};

/// What the build is called. The module's own versions are not those that it is released under.
const VERSION: &str = "4.6.0";
const MODULE: &str = "github.com/terraform-providers/terraform-provider-docker";
const SOURCE: &str = "github.com/kreuzwerker/terraform-provider-docker v0.0.0-20260916201441-96d331c98ff4";

pub const ENGINE: Engine =
    Engine { name: "terraform-docker", needs: &["docker", "terraform"], up, stop: nothing_to_stop };

fn up(place: &Place, surroundings: &mut Surroundings) -> Result<(), Failure> {
    terraform::settings(place, surroundings)?;
    let program = format!("terraform-provider-docker_v{VERSION}");
    let folder = Module {
        engine: (ENGINE.name, VERSION),
        module: (MODULE, "v0.0.0"),
        programs: &[(MODULE, &program)],
        // It is published under another name than the one that it gives itself.
        replace: &[&format!("{MODULE} v0.0.0 => {SOURCE}")],
        ..Module::default()
    }
    .built(place)?;
    let machine = programs::answer(Command::new("go").args(["env", "GOOS", "GOARCH"])).unwrap_or_default();
    let machine = machine.split_whitespace().collect::<Vec<_>>().join("_");
    for provider in terraform::BUILT {
        let version = terraform::mirror(place)?.join(provider).join(VERSION);
        files::make_folder(&version)?;
        let link = version.join(&machine);
        match files::link_target(&link) {
            Some(target) if target == folder => continue,
            Some(_) => files::remove(&link)?,
            None => {}
        }
        files::link(&folder, &link)?;
    }
    Ok(())
}
