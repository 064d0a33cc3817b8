//! Building programs that are published as Go modules.
//!
//! A module with `replace` or `exclude` cannot be installed by its name alone, so each is built through a tiny module that
//! requires it and repeats what it replaces.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Command;

use super::place::Place;
use super::programs;
use crate::{Failure, files, output};

/// The oldest Go that fetches a newer one by itself where a module asks for it.
const OLDEST: (u32, u32) = (1, 21);

/// What to build of a module.
#[derive(Default)]
pub struct Module<'a> {
    /// What the engine is called, and its version in words.
    pub engine: (&'a str, &'a str),
    /// The module and its version.
    pub module: (&'a str, &'a str),
    /// A program of ours over it, as the package `.`.
    pub main: Option<&'a str>,
    /// Packages, and the programs made of them.
    pub programs: &'a [(&'a str, &'a str)],
    /// Lines such as `a/b v1 => c/d v2`.
    pub replace: &'a [&'a str],
    /// Variables of packages to set, as the linker takes them: `package.Name=value`.
    pub set: &'a [&'a str],
}

impl Module<'_> {
    /// The folder of its programs, built if it is not there yet.
    pub fn built(&self, place: &Place) -> Result<PathBuf, Failure> {
        let (name, version) = self.engine;
        let folder = place.version(name, version);
        if folder.exists() && !self.programs.iter().all(|(_, program)| folder.join(program).is_file()) {
            // Someone tidied up inside.
            files::remove_folder(&folder)?;
        }
        place.made(name, version, |folder| {
            go_is_new_enough()?;
            output::note(&format!("engines: building {name} {version}, which takes some minutes and happens once"));
            let log = place.log(&format!("{name}-build"));
            let workspace = folder.join("build");
            files::make_folder(&workspace)?;
            files::write(&workspace.join("go.mod"), self.file().as_bytes())?;
            if let Some(main) = self.main {
                files::write(&workspace.join("main.go"), main.as_bytes())?;
            }
            for (package, program) in self.programs {
                // Everything else on the machine goes first: this is for later.
                let mut go = Command::new("nice");
                go.args(["-n", "19", "go", "build", "-mod=mod", "-trimpath", "-ldflags", &self.linked(), "-o"]);
                go.arg(folder.join(program)).arg(package).current_dir(&workspace);
                go.env("GOWORK", "off").env("GOFLAGS", "-buildvcs=false").env("CGO_ENABLED", "0");
                programs::logged(&mut go, &log)?;
            }
            files::remove_folder(&workspace)
        })
    }

    fn file(&self) -> String {
        let (module, version) = self.module;
        let mut text = format!("module build\n\ngo 1.21\n\nrequire {module} {version}\n");
        for line in self.replace {
            // Writing to a text cannot fail.
            let _ = write!(text, "\nreplace {line}\n");
        }
        text
    }

    fn linked(&self) -> String {
        let set = self.set.iter().map(|variable| format!(" -X {variable}"));
        std::iter::once("-s -w".to_owned()).chain(set).collect()
    }
}

fn go_is_new_enough() -> Result<(), Failure> {
    let (major, minor) = OLDEST;
    let how = format!("Go {major}.{minor} or newer is needed to build it; get it from https://go.dev/dl");
    let version = programs::answer(Command::new("go").args(["env", "GOVERSION"])).ok_or_else(|| how.clone())?;
    let mut numbers = version.trim_start_matches("go").split('.').map(|number| number.parse::<u32>().unwrap_or(0));
    let found = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    if found < OLDEST { Err(format!("{how} (there is {version})")) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tiny_module_requires_and_replaces() {
        let module = Module { module: ("example.org/a", "v1.2.3"), replace: &["b v1 => c v2"], ..Module::default() };
        assert_eq!(module.file(), "module build\n\ngo 1.21\n\nrequire example.org/a v1.2.3\n\nreplace b v1 => c v2\n");
    }
}
