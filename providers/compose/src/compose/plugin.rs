//! Where Docker's command line has its plugins.
//!
//! Compose is one of them, and a program for itself as well. Asked through `docker compose`, Docker's command line starts
//! it twice each time: to hear which commands it has, and to run one. So it is looked for where Docker's command line looks
//! (`cli-plugins/manager` of Docker's own sources has the folders), and asked directly.

use std::path::PathBuf;

use deployctl_docker_client::{ConfigFile, Environment};
use deployctl_sdk::fs;

/// What the plugin is called in its folder.
const PLUGIN: &str = if cfg!(windows) { "docker-compose.exe" } else { "docker-compose" };

/// The folders of the whole machine, in order.
#[cfg(not(windows))]
const OF_THE_MACHINE: &[&str] = &[
    "/usr/local/lib/docker/cli-plugins",
    "/usr/local/libexec/docker/cli-plugins",
    "/usr/lib/docker/cli-plugins",
    "/usr/libexec/docker/cli-plugins",
];

#[cfg(windows)]
const OF_THE_MACHINE: &[&str] = &["C:/ProgramData/Docker/cli-plugins", "C:/Program Files/Docker/cli-plugins"];

/// The plugin that `docker compose` would run; `None` if there is none in these folders. A `config.json` that cannot be
/// read names no folder: whoever needs more of it complains.
pub(super) fn find(environment: &Environment) -> Option<PathBuf> {
    let own = environment.config_folder();
    let named = own.as_deref().and_then(|folder| ConfigFile::read(folder).ok());
    let named = named.map(|config| config.cli_plugins_extra_dirs).unwrap_or_default();
    let users = own.map(|folder| folder.join("cli-plugins"));
    let machine = OF_THE_MACHINE.iter().map(PathBuf::from);
    named
        .into_iter()
        .chain(users)
        .chain(machine)
        .map(|folder| folder.join(PLUGIN))
        .find(|path| path.is_file() && fs::is_executable(path))
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::path::Path;

    use super::*;

    fn program(folder: &Path, mode: u32) {
        fs::create_dir_all(folder).unwrap();
        fs::write_atomic(&folder.join(PLUGIN), b"", mode).unwrap();
    }

    #[test]
    fn folders_that_the_configuration_names_go_before_its_own_and_what_cannot_be_run_is_passed_over() {
        let docker = tempfile::tempdir().unwrap();
        let more = docker.path().join("more");
        let own = docker.path().join("cli-plugins");
        let environment =
            Environment::of([(Environment::CONFIG.to_owned(), docker.path().to_str().unwrap().to_owned())]);
        program(&own, 0o755);
        assert_eq!(find(&environment), Some(own.join(PLUGIN)));
        let named = format!(r#"{{"cliPluginsExtraDirs": [{:?}]}}"#, more.to_str().unwrap());
        fs::write_atomic(&docker.path().join("config.json"), named.as_bytes(), 0o600).unwrap();
        program(&more, 0o644);
        assert_eq!(find(&environment), Some(own.join(PLUGIN)));
        program(&more, 0o755);
        assert_eq!(find(&environment), Some(more.join(PLUGIN)));
    }
}
