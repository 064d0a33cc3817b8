//! Ansible, in an environment of Python's own.

use std::path::Path;
use std::process::Command;

use super::place::Place;
use super::surroundings::Surroundings;
use super::{Engine, nothing_to_stop, packages, programs};
use crate::{Failure, files, output};

const VERSION: &str = "2.19.14";

pub const ENGINE: Engine = Engine { name: "ansible", needs: &[], up, stop: nothing_to_stop };

fn up(place: &Place, surroundings: &mut Surroundings) -> Result<(), Failure> {
    let folder = place.version(ENGINE.name, VERSION);
    // Such an environment cannot be moved, so it is made where it stays, and is complete when it runs.
    if !runs(&folder) {
        if folder.exists() {
            files::remove_folder(&folder)?;
        }
        install(place, &folder)?;
    }
    surroundings.folder(folder.join("bin"));
    Ok(())
}

fn runs(folder: &Path) -> bool {
    let mut version = Command::new(folder.join("bin/ansible-playbook"));
    programs::answer(version.arg("--version")).is_some_and(|answer| answer.contains(&format!("[core {VERSION}]")))
}

fn install(place: &Place, folder: &Path) -> Result<(), Failure> {
    output::note(&format!("engines: installing ansible-core {VERSION}, which happens once"));
    let log = place.log("ansible-install");
    let get = "Python 3.11 or newer with its `venv` module is needed for it";
    let mut environment = environment(folder);
    if programs::logged(&mut environment, &log).is_err() {
        // Debian keeps that module apart. What is half made is made again.
        packages::install(place, &["python3-venv"], get)?;
        programs::logged(environment.arg("--clear"), &log)?;
    }
    let mut pip = Command::new(folder.join("bin/python"));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
        .arg(format!("ansible-core=={VERSION}"));
    programs::logged(&mut pip, &log).map_err(|failure| format!("{failure}\n{get}"))?;
    if runs(folder) { Ok(()) } else { Err(format!("{} was installed, and yet does not run", folder.display())) }
}

/// The system's Python before any other: a version manager's would be gone with its next change.
fn environment(folder: &Path) -> Command {
    let system = Path::new("/usr/bin/python3");
    let mut command = Command::new(if system.is_file() { system } else { Path::new("python3") });
    command.args(["-m", "venv"]).arg(folder);
    command
}
