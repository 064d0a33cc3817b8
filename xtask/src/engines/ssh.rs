//! An SSH server on loopback that lets one user without privileges in, for Ansible's real connections.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::place::Place;
use super::server::{self, Server};
use super::surroundings::Surroundings;
use super::{Engine, packages, programs};
use crate::{Failure, files, web};

const PORT: u16 = 22622;
const USER: &str = "deployctl-engine";
/// Which keys let whom in.
const AUTHORIZED: &str = "/etc/ssh/deployctl-engines";

pub const ENGINE: Engine = Engine { name: "ssh", needs: &[], up, stop };

fn up(place: &Place, surroundings: &mut Surroundings) -> Result<(), Failure> {
    let folder = place.data("ssh")?;
    surroundings.set("SSH_ENGINE_PORT", PORT.to_string());
    surroundings.set("SSH_ENGINE_USER", USER);
    let answers = || logs_in(&folder);
    if answers() {
        return Ok(());
    }
    if web::listens(PORT) {
        return Err(format!("something else listens on port {PORT}; end it"));
    }
    if !programs::root() {
        return Err("only root can start a server that other users log in to".to_owned());
    }
    if programs::find("sshd").is_none() {
        packages::install(place, &["openssh-server"], "install an OpenSSH server")?;
    }
    let sshd = programs::find("sshd").ok_or("there is no `sshd` after it was installed")?;
    let log = place.log("ssh-setup");
    make_user(&log)?;
    for name in ["host", "client"] {
        make_key(&folder.join(name), &log)?;
    }
    // The server refuses to start without the folder that it locks its children into.
    files::make_folder(Path::new("/run/sshd"))?;
    // The server reads it as that user, who cannot look into our own folders.
    let public = files::read(&folder.join("client.pub")).ok_or("`ssh-keygen` made no public key")?;
    files::make_folder(Path::new(AUTHORIZED))?;
    files::write(&Path::new(AUTHORIZED).join(USER), public.as_bytes())?;
    let configuration = folder.join("sshd_config");
    files::write(&configuration, written(&folder).as_bytes())?;
    let mut command = Command::new(sshd);
    command.args(["-D", "-e", "-f"]).arg(configuration);
    Server { engine: ENGINE.name, name: "ssh", patience: Duration::from_secs(20), answers: &answers }.start(
        place,
        surroundings,
        &command,
    )
}

fn stop(place: &Place) -> Result<(), Failure> {
    server::stop(place, "ssh", Duration::from_secs(20))
}

/// Without a password, so that the key alone lets anybody in.
fn make_user(log: &Path) -> Result<(), Failure> {
    if programs::answer(Command::new("id").args(["-u", USER])).is_some() {
        return Ok(());
    }
    programs::logged(
        Command::new("useradd").args(["--create-home", "--shell", "/bin/sh", "--password", "*", USER]),
        log,
    )
}

fn make_key(path: &Path, log: &Path) -> Result<(), Failure> {
    if path.is_file() {
        return Ok(());
    }
    programs::logged(Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(path), log)
}

fn logs_in(folder: &Path) -> bool {
    let mut ssh = Command::new("ssh");
    ssh.args(["-F", "none", "-p", &PORT.to_string(), "-i"]).arg(folder.join("client"));
    for option in ["BatchMode=yes", "StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "ConnectTimeout=5"] {
        ssh.args(["-o", option]);
    }
    programs::answer(ssh.args([&format!("{USER}@127.0.0.1"), "id", "-un"])).as_deref() == Some(USER)
}

fn written(folder: &Path) -> String {
    let folder = folder.display();
    format!(
        "Port {PORT}\nListenAddress 127.0.0.1\nHostKey {folder}/host\nPidFile none\n\
        AuthorizedKeysFile {AUTHORIZED}/%u\nStrictModes no\nAllowUsers {USER}\nUsePAM no\n\
        PasswordAuthentication no\nMaxStartups 200\nMaxSessions 200\nSubsystem sftp internal-sftp\n"
    )
}
