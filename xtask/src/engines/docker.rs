//! Docker Engine on its default socket, and the image that tests are made of.
//!
//! No test needs a registry of images on the internet: the image is made here, of nothing but a static busybox.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use super::place::Place;
use super::server::{self, Server};
use super::surroundings::Surroundings;
use super::{Engine, packages, programs};
use crate::{Failure, files, output};

/// A shell, a web server and a client, and all the rest of busybox.
const IMAGE: &str = "deployctl-test/busybox:1";
const INSTEAD: &str = "install Docker Engine as https://docs.docker.com/engine/install says, and start it";

pub const ENGINE: Engine = Engine { name: "docker", needs: &[], up, stop };

fn up(place: &Place, surroundings: &mut Surroundings) -> Result<(), Failure> {
    if programs::find("docker").is_none() || !answers() {
        daemon(place, surroundings)?;
    }
    image(place)
}

fn stop(place: &Place) -> Result<(), Failure> {
    // It first ends the containers that are left, each with its grace.
    server::stop(place, "dockerd", Duration::from_secs(90))
}

fn answers() -> bool {
    complaint().is_none()
}

/// What the client says when it cannot talk to the daemon.
fn complaint() -> Option<String> {
    programs::complaint(Command::new("docker").args(["version", "--format", "{{.Server.Version}}"]))
}

fn daemon(place: &Place, surroundings: &mut Surroundings) -> Result<(), Failure> {
    if std::env::var_os("DOCKER_HOST").is_some_and(|host| !host.is_empty()) {
        let said = complaint().unwrap_or_default();
        return Err(format!(
            "DOCKER_HOST names an engine that does not answer ({said}); start it, or unset DOCKER_HOST"
        ));
    }
    if let Some(said) = complaint().filter(|said| said.contains("permission denied")) {
        return Err(format!("{said}; add yourself to the group `docker`, or run as root"));
    }
    if programs::find("dockerd").is_none() {
        packages::install(place, &["docker.io", "iptables"], INSTEAD)?;
    }
    if programs::find("docker").is_none() {
        // Newer releases of Debian have the client in a package of its own.
        packages::install(place, &["docker-cli"], INSTEAD)?;
    }
    if programs::find("iptables").is_none() {
        packages::install(place, &["iptables"], INSTEAD)?;
    }
    if answers() || started_by_the_system() {
        return Ok(());
    }
    if !programs::root() {
        return Err("the Docker daemon is not running, and only root may start it: `sudo dockerd`".to_owned());
    }
    let dockerd = programs::find("dockerd").ok_or("`dockerd` is installed and yet not found")?;
    let server = Server { engine: ENGINE.name, name: "dockerd", patience: Duration::from_secs(60), answers: &answers };
    server.start(place, surroundings, &Command::new(dockerd)).map_err(|failure| {
        format!("{failure}\nit needs a machine that may make namespaces and iptables rules; or {INSTEAD}")
    })
}

/// Where there is an init system, the daemon is its business.
fn started_by_the_system() -> bool {
    if !Path::new("/run/systemd/system").is_dir() {
        return false;
    }
    if programs::answer(Command::new("systemctl").args(["start", "docker.service"])).is_none() {
        return false;
    }
    let begun = Instant::now();
    while !answers() && begun.elapsed() < Duration::from_secs(30) {
        std::thread::sleep(Duration::from_millis(200));
    }
    answers()
}

/// Builds the image, unless it is there.
fn image(place: &Place) -> Result<(), Failure> {
    if programs::answer(Command::new("docker").args(["image", "inspect", "--format", "{{.Id}}", IMAGE])).is_some() {
        return Ok(());
    }
    output::note(&format!("engines: building the image {IMAGE}"));
    let package = place.made("busybox-static", "1", |folder| packages::unpack(place, "busybox-static", folder))?;
    let busybox = ["bin/busybox", "usr/bin/busybox"].map(|file| package.join(file));
    let busybox =
        busybox.iter().find(|file| file.is_file()).ok_or("the package busybox-static has no busybox in it")?;
    let context = place.data("busybox-image")?;
    files::copy(busybox, &context.join("busybox"))?;
    files::write(&context.join("Dockerfile"), DOCKERFILE.as_bytes())?;
    // Without BuildKit, which an installed client does not always bring.
    let mut build = Command::new("docker");
    build.env("DOCKER_BUILDKIT", "0").args(["build", "--tag", IMAGE]).arg(&context);
    programs::logged(&mut build, &place.log("busybox-image"))
}

const DOCKERFILE: &str = r#"FROM scratch
COPY busybox /bin/busybox
RUN ["/bin/busybox", "sh", "-c", "/bin/busybox mkdir -p /tmp /etc /var /root && /bin/busybox --install -s /bin && /bin/chmod 1777 /tmp"]
RUN ["/bin/busybox", "sh", "-c", "/bin/printf 'root:x:0:0:root:/root:/bin/sh\\nnobody:x:65534:65534:nobody:/:/bin/sh\\n' > /etc/passwd; /bin/printf 'root:x:0:\\nnobody:x:65534:\\n' > /etc/group"]
ENV PATH=/bin
CMD ["sh"]
"#;
