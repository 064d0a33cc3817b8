//! Docker Compose, as the plugin that the `docker` client looks for.

use std::path::PathBuf;
use std::process::Command;

use super::go::Module;
use super::place::{Place, home};
use super::surroundings::Surroundings;
use super::{Engine, nothing_to_stop, programs};
use crate::{Failure, files};

const VERSION: &str = "2.40.3";
const PROGRAM: &str = "docker-compose";

pub const ENGINE: Engine = Engine { name: "compose", needs: &["docker"], up, stop: nothing_to_stop };

fn up(place: &Place, _: &mut Surroundings) -> Result<(), Failure> {
    // Any Compose of version 2 or later that is there already is the user's own, and as good.
    if version().is_some_and(|version| version.split('.').next().and_then(|major| major.parse().ok()) >= Some(2_u32)) {
        return Ok(());
    }
    let set = format!("github.com/docker/compose/v2/internal.Version=v{VERSION}");
    let folder = Module {
        engine: (ENGINE.name, VERSION),
        module: ("github.com/docker/compose/v2", &format!("v{VERSION}")),
        programs: &[("github.com/docker/compose/v2/cmd", PROGRAM)],
        set: &[&set],
        ..Module::default()
    }
    .built(place)?;
    let plugins = match std::env::var_os("DOCKER_CONFIG").filter(|folder| !folder.is_empty()) {
        Some(folder) => PathBuf::from(folder),
        None => home()?.join(".docker"),
    }
    .join("cli-plugins");
    files::make_folder(&plugins)?;
    let link = plugins.join(PROGRAM);
    let ours = files::link_target(&link).is_some_and(|target| target.ends_with(PROGRAM) && !target.exists());
    if ours {
        // Left by a version that has been cleaned away since.
        files::remove(&link)?;
    }
    files::link(&folder.join(PROGRAM), &link)?;
    match version() {
        Some(_) => Ok(()),
        None => Err(format!("{} is there, and yet `docker compose version` fails", link.display())),
    }
}

fn version() -> Option<String> {
    let version = programs::answer(Command::new("docker").args(["compose", "version", "--short"]))?;
    Some(version.trim_start_matches('v').to_owned())
}
