//! Programs that are published as Python packages, each in an environment of its own.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::place::Place;
use super::{packages, programs};
use crate::{Failure, files, output};

const GET: &str = "Python 3.11 or newer with its `venv` module is needed for it";

/// What to install.
pub struct Package<'a> {
    /// What the engine is called, and its version.
    pub engine: (&'a str, &'a str),
    /// The name that the package goes by.
    pub package: &'a str,
    /// The parts of it that are not always installed: `[server]`.
    pub extras: &'a str,
}

impl Package<'_> {
    /// The folder of its programs, installed if it is not there yet.
    pub fn installed(&self, place: &Place) -> Result<PathBuf, Failure> {
        let (name, version) = self.engine;
        let folder = place.version(name, version);
        // Such an environment cannot be moved, so it is made where it stays, and is complete when it runs.
        if !self.runs(&folder) {
            if folder.exists() {
                files::remove_folder(&folder)?;
            }
            output::note(&format!("engines: installing {name} {version}, which happens once"));
            self.install(place, &folder)?;
        }
        Ok(folder.join("bin"))
    }

    fn runs(&self, folder: &Path) -> bool {
        let mut python = Command::new(folder.join("bin/python"));
        python.args([
            "-c",
            "import importlib.metadata, sys; print(importlib.metadata.version(sys.argv[1]))",
            self.package,
        ]);
        programs::answer(&mut python).as_deref() == Some(self.engine.1)
    }

    fn install(&self, place: &Place, folder: &Path) -> Result<(), Failure> {
        let (name, version) = self.engine;
        let log = place.log(&format!("{name}-install"));
        let mut environment = environment(folder);
        if programs::logged(&mut environment, &log).is_err() {
            // Debian keeps that module apart. What is half made is made again.
            packages::install(place, &["python3-venv"], GET)?;
            programs::logged(environment.arg("--clear"), &log)?;
        }
        let mut pip = Command::new(folder.join("bin/python"));
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
        pip.arg(format!("{}{}=={version}", self.package, self.extras));
        programs::logged(&mut pip, &log).map_err(|failure| format!("{failure}\n{GET}"))?;
        if self.runs(folder) {
            Ok(())
        } else {
            Err(format!("{} was installed, and yet does not run", folder.display()))
        }
    }
}

/// The system's Python before any other: a version manager's would be gone with its next change.
fn environment(folder: &Path) -> Command {
    let system = Path::new("/usr/bin/python3");
    let mut command = Command::new(if system.is_file() { system } else { Path::new("python3") });
    command.args(["-m", "venv"]).arg(folder);
    command
}
