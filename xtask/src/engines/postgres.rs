//! PostgreSQL on loopback, with a database of its own.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::place::Place;
use super::server::{self, Server};
use super::surroundings::Surroundings;
use super::{Engine, packages, programs};
use crate::{Failure, files, output};

const PORT: u16 = 15432;
/// The user, the password and the database alike. It guards nothing: the server is on loopback and keeps what tests put
/// there.
const NAME: &str = "deployctl";
/// Who runs the server where we are root, which it refuses to be.
const ACCOUNT: &str = "postgres";
const INSTEAD: &str = "install PostgreSQL as https://www.postgresql.org/download says";

pub const ENGINE: Engine = Engine { name: "postgres", needs: &[], up, stop };

fn up(place: &Place, surroundings: &mut Surroundings) -> Result<(), Failure> {
    surroundings.set("DATABASE_URL", format!("postgres://{NAME}:{NAME}@127.0.0.1:{PORT}/{NAME}"));
    let installed = match installed() {
        Some(folder) => folder,
        None => {
            packages::install(place, &["postgresql"], INSTEAD)?;
            installed().ok_or_else(|| format!("PostgreSQL is installed, and yet `initdb` is not found; {INSTEAD}"))?
        }
    };
    let answers = || query(&installed, "postgres", "select 1").is_some();
    if !answers() {
        let stored = stored(place)?;
        prepare(place, &installed, &stored)?;
        let mut server = account(&installed.join("postgres"));
        server.arg("-D").arg(&stored).args(["-p", &PORT.to_string(), "-k", "", "-h", "127.0.0.1"]);
        // Nothing here has to survive the machine.
        server.args(["-c", "fsync=off", "-c", "max_connections=300"]).current_dir("/");
        Server { engine: ENGINE.name, name: "postgres", patience: Duration::from_secs(30), answers: &answers }.start(
            place,
            surroundings,
            &server,
        )?;
    }
    if query(&installed, NAME, "select 1").is_none() {
        query(&installed, "postgres", &format!("create database {NAME}"))
            .ok_or_else(|| format!("PostgreSQL answers on port {PORT}, and yet no database can be made there"))?;
    }
    Ok(())
}

fn stop(place: &Place) -> Result<(), Failure> {
    server::stop(place, "postgres", Duration::from_secs(60))
}

/// The folder of its programs: in the `PATH`, or where Debian puts them, the newest first.
fn installed() -> Option<PathBuf> {
    let versions = files::list(Path::new("/usr/lib/postgresql")).unwrap_or_default();
    let mut folders: Vec<PathBuf> = versions.into_iter().map(|version| version.join("bin")).collect();
    folders.sort();
    let found = folders.into_iter().rev().find(|folder| folder.join("initdb").is_file());
    found.or_else(|| programs::find("initdb")?.parent().map(Path::to_owned))
}

/// Where it keeps its data: in a folder that the account can reach, which root's home is not.
fn stored(place: &Place) -> Result<PathBuf, Failure> {
    if programs::root() { Ok(PathBuf::from("/var/lib/deployctl-engines/postgres")) } else { place.data("postgres") }
}

/// A program, as the account that may run the server.
fn account(program: &Path) -> Command {
    if !programs::root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args([&format!("--reuid={ACCOUNT}"), &format!("--regid={ACCOUNT}"), "--clear-groups"]).arg(program);
    command
}

fn prepare(place: &Place, installed: &Path, stored: &Path) -> Result<(), Failure> {
    if stored.join("PG_VERSION").is_file() {
        return Ok(());
    }
    output::note("engines: making a PostgreSQL cluster");
    let log = place.log("postgres-initdb");
    files::make_folder(stored)?;
    let password = stored.with_extension("password");
    files::write(&password, NAME.as_bytes())?;
    if programs::root() {
        let owner = format!("{ACCOUNT}:{ACCOUNT}");
        programs::logged(Command::new("chown").arg(owner).args([stored, &password]), &log)?;
    }
    let mut initdb = account(&installed.join("initdb"));
    initdb.arg("-D").arg(stored).args(["-U", NAME, "-A", "scram-sha-256", "-E", "UTF8", "--no-sync"]);
    initdb.arg(format!("--pwfile={}", password.display())).current_dir("/");
    programs::logged(&mut initdb, &log)?;
    files::remove(&password)
}

fn query(installed: &Path, database: &str, text: &str) -> Option<String> {
    let mut psql = Command::new(installed.join("psql"));
    psql.args(["-X", "-h", "127.0.0.1", "-p", &PORT.to_string(), "-U", NAME, "-d", database, "-c", text]);
    programs::answer(psql.env("PGPASSWORD", NAME).env("PGCONNECT_TIMEOUT", "5"))
}
