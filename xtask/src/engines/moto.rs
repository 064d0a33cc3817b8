//! A stand-in for the services of AWS: a second S3 of other make than MinIO, which does not forgive the same mistakes, and
//! something for Terraform's provider for AWS to talk to.

use std::process::Command;
use std::time::Duration;

use super::Engine;
use super::place::Place;
use super::python::Package;
use super::server::{self, Server};
use super::surroundings::Surroundings;
use crate::{Failure, web};

const VERSION: &str = "5.2.5";
const PORT: u16 = 15000;

pub const ENGINE: Engine = Engine { name: "moto", needs: &[], up, stop };

fn up(place: &Place, surroundings: &mut Surroundings) -> Result<(), Failure> {
    surroundings.set("MOTO_ENDPOINT", format!("http://127.0.0.1:{PORT}"));
    if answers() {
        return Ok(());
    }
    if web::listens(PORT) {
        return Err(format!("something else listens on port {PORT}; end it"));
    }
    let programs = Package { engine: (ENGINE.name, VERSION), package: "moto", extras: "[server]" };
    let mut command = Command::new(programs.installed(place)?.join("python3"));
    command.args(["-c", include_str!("moto/server.py"), &PORT.to_string()]);
    Server { engine: ENGINE.name, name: "moto", patience: Duration::from_secs(60), answers: &answers }.start(
        place,
        surroundings,
        &command,
    )
}

fn stop(place: &Place) -> Result<(), Failure> {
    server::stop(place, "moto", Duration::from_secs(20))
}

fn answers() -> bool {
    web::get(PORT, "/moto-api/").is_ok_and(|page| page.status.contains(" 200 "))
}
