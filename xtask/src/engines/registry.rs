//! A registry of images on loopback, for pulling, pushing, and tags that move.

use std::process::Command;
use std::time::Duration;

use super::Engine;
use super::go::Module;
use super::place::Place;
use super::server::{self, Server};
use super::surroundings::Surroundings;
use crate::{Failure, files, web};

const VERSION: &str = "3.1.2";
const PORT: u16 = 5000;

pub const ENGINE: Engine = Engine { name: "registry", needs: &["docker"], up, stop };

fn up(place: &Place, surroundings: &mut Surroundings) -> Result<(), Failure> {
    let folder = Module {
        engine: (ENGINE.name, VERSION),
        module: ("github.com/distribution/distribution/v3", &format!("v{VERSION}")),
        programs: &[("github.com/distribution/distribution/v3/cmd/registry", "registry")],
        ..Module::default()
    }
    .built(place)?;
    surroundings.set("DOCKER_REGISTRY", format!("127.0.0.1:{PORT}"));
    // Tests start one of their own that asks who is there.
    surroundings.set("REGISTRY_PROGRAM", folder.join("registry").to_string_lossy());
    if answers() {
        return Ok(());
    }
    if web::listens(PORT) {
        return Err(format!("something that is no registry listens on port {PORT}; end it"));
    }
    let stored = place.data("registry")?;
    let configuration = place.data("registry-configuration")?.join("config.yml");
    files::write(&configuration, written(&stored.to_string_lossy()).as_bytes())?;
    let mut command = Command::new(folder.join("registry"));
    command.arg("serve").arg(configuration).env("OTEL_TRACES_EXPORTER", "none");
    Server { engine: ENGINE.name, name: "registry", patience: Duration::from_secs(20), answers: &answers }.start(
        place,
        surroundings,
        &command,
    )
}

fn stop(place: &Place) -> Result<(), Failure> {
    server::stop(place, "registry", Duration::from_secs(20))
}

fn answers() -> bool {
    web::get(PORT, "/v2/").is_ok_and(|page| page.status.contains(" 200 ") && page.body.trim() == "{}")
}

fn written(stored: &str) -> String {
    format!(
        "version: 0.1\nlog:\n  level: warn\nstorage:\n  filesystem:\n    rootdirectory: '{stored}'\n  delete:\n    enabled: true\nhttp:\n  addr: 127.0.0.1:{PORT}\n"
    )
}
