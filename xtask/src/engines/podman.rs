//! Podman behind a socket of its own, with the image that tests are made of: an engine that speaks Docker's language and is
//! another one.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::place::Place;
use super::server::{self, Server};
use super::surroundings::Surroundings;
use super::{Engine, packages, programs};
use crate::{Failure, files};

/// What the tests are made of, as the engine for Docker builds it.
const IMAGE: &str = "deployctl-test/busybox:1";

pub const ENGINE: Engine = Engine { name: "podman", needs: &["docker"], up, stop };

fn up(place: &Place, surroundings: &mut Surroundings) -> Result<(), Failure> {
    let folder = place.data("podman")?;
    let socket = folder.join("podman.sock");
    surroundings.set("PODMAN_SOCKET", socket.to_string_lossy());
    let answers = || asked(&socket, &["version"]).is_some();
    if !answers() {
        if !programs::root() {
            return Err("only root can start the Podman that is tested".to_owned());
        }
        if programs::find("podman").is_none() {
            packages::install(place, &["podman"], "install Podman 4 or later")?;
        }
        let configuration = folder.join("containers.conf");
        files::write(&configuration, written().as_bytes())?;
        let podman = programs::find("podman").ok_or("there is no `podman` after it was installed")?;
        let mut command = Command::new(podman);
        command.env("CONTAINERS_CONF", configuration).arg("--root").arg(folder.join("root"));
        command.arg("--runroot").arg(folder.join("run")).args(["--storage-driver", "vfs", "--events-backend", "file"]);
        command.args(["system", "service", "--time=0"]).arg(address(&socket));
        Server { engine: ENGINE.name, name: "podman", patience: Duration::from_secs(30), answers: &answers }.start(
            place,
            surroundings,
            &command,
        )?;
    }
    if asked(&socket, &["image", "inspect", "--format", "{{.Id}}", IMAGE]).is_some() {
        return Ok(());
    }
    let archive = folder.join("image.tar");
    let log = place.log("podman-image");
    programs::logged(Command::new("docker").args(["image", "save", IMAGE, "--output"]).arg(&archive), &log)?;
    programs::logged(
        Command::new("docker").args(["--host", &address(&socket), "load", "--input"]).arg(&archive),
        &log,
    )?;
    files::remove(&archive)
}

fn stop(place: &Place) -> Result<(), Failure> {
    server::stop(place, "podman", Duration::from_secs(30))
}

/// What Podman answers to Docker's client.
fn asked(socket: &Path, arguments: &[&str]) -> Option<String> {
    programs::answer(Command::new("docker").args(["--host", &address(socket)]).args(arguments))
}

fn address(socket: &Path) -> String {
    format!("unix://{}", socket.display())
}

/// Limits that a machine without the right to raise them has, and what also runs where there is no systemd and where both
/// versions of control groups are mounted.
fn written() -> String {
    let runtime = if programs::find("runc").is_some() { "runtime = \"runc\"\n" } else { "" };
    format!(
        "[containers]\ndefault_ulimits = [\"nofile=1024:1024\", \"nproc=1024:1024\"]\n[engine]\ncgroup_manager = \"cgroupfs\"\n{runtime}"
    )
}
