//! Packages of Debian and its relatives.

use std::process::Command;

use super::place::Place;
use super::programs;
use crate::{Failure, output};

/// Installs packages, if we may; `instead` says what to do where we may not.
pub fn install(place: &Place, packages: &[&str], instead: &str) -> Result<(), Failure> {
    let named = packages.join(" ");
    if programs::find("apt-get").is_none() {
        return Err(format!("there is no `apt-get` to install {named} with; {instead}"));
    }
    if !programs::root() {
        return Err(format!("run `sudo apt-get install {named}`, or {instead}"));
    }
    output::note(&format!("engines: installing {named}"));
    let log = place.log("apt");
    programs::logged(apt().arg("update"), &log)?;
    programs::logged(apt().args(["install", "--yes"]).args(packages), &log)
}

/// Unpacks a package into a folder without installing it, for which one need not be root.
pub fn unpack(place: &Place, package: &str, folder: &std::path::Path) -> Result<(), Failure> {
    let log = place.log("apt");
    if programs::logged(apt().args(["download", package]).current_dir(folder), &log).is_err() {
        // The lists of packages are missing or old.
        programs::logged(apt().arg("update"), &log)?;
        programs::logged(apt().args(["download", package]).current_dir(folder), &log)?;
    }
    let archive = crate::files::list(folder)?.into_iter().find(|file| file.extension().is_some_and(|end| end == "deb"));
    let archive = archive.ok_or_else(|| format!("`apt-get download {package}` left no package"))?;
    programs::logged(Command::new("dpkg-deb").arg("--extract").args([&archive, folder]), &log)
}

fn apt() -> Command {
    let mut apt = Command::new("apt-get");
    // A package that asks or restarts something would wait for someone who is not there.
    apt.env("DEBIAN_FRONTEND", "noninteractive").env("NEEDRESTART_MODE", "l").args(["--quiet"]);
    apt
}
