//! MinIO: object storage that speaks S3, on loopback.

use std::process::Command;
use std::time::Duration;

use super::Engine;
use super::go::Module;
use super::place::Place;
use super::server::{self, Server};
use super::surroundings::Surroundings;
use crate::{Failure, web};

/// The day of the source; the module's own versions are not those that it is released under.
const VERSION: &str = "2026-02-12";
const SOURCE: &str = "v0.0.0-20260212201848-7aac2a2c5b7c";
const MODULE: &str = "github.com/minio/minio";
const PORT: u16 = 19000;
/// The owner of all buckets. It guards nothing: the server is on loopback and keeps what tests put there.
const USER: (&str, &str) = ("deployctl-test", "deployctl-test-secret");

pub const ENGINE: Engine = Engine { name: "s3", needs: &[], up, stop };

fn up(place: &Place, surroundings: &mut Surroundings) -> Result<(), Failure> {
    let endpoint = format!("http://127.0.0.1:{PORT}");
    surroundings.set("S3_ENDPOINT", endpoint);
    surroundings.set("AWS_ACCESS_KEY_ID", USER.0);
    surroundings.set("AWS_SECRET_ACCESS_KEY", USER.1);
    surroundings.set("AWS_REGION", "us-east-1");
    if answers() {
        return Ok(());
    }
    if web::listens(PORT) {
        return Err(format!("something else listens on port {PORT}; end it"));
    }
    let folder = Module {
        engine: (ENGINE.name, VERSION),
        module: (MODULE, SOURCE),
        programs: &[(MODULE, "minio")],
        ..Module::default()
    }
    .built(place)?;
    let mut command = Command::new(folder.join("minio"));
    command.arg("server").arg(place.data("s3")?).args(["--address", &format!("127.0.0.1:{PORT}"), "--quiet"]);
    command.args(["--console-address", &format!("127.0.0.1:{}", PORT + 1)]);
    command.env("MINIO_ROOT_USER", USER.0).env("MINIO_ROOT_PASSWORD", USER.1).env("MINIO_BROWSER", "off");
    command.env("MINIO_UPDATE", "off").env("MINIO_CALLHOME_ENABLE", "off");
    Server { engine: ENGINE.name, name: "minio", patience: Duration::from_secs(60), answers: &answers }.start(
        place,
        surroundings,
        &command,
    )
}

fn stop(place: &Place) -> Result<(), Failure> {
    server::stop(place, "minio", Duration::from_secs(20))
}

fn answers() -> bool {
    web::get(PORT, "/minio/health/ready").is_ok_and(|page| page.status.contains(" 200 "))
}
