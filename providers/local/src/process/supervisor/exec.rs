//! The stage between the supervisor and the service: our own program once more, which ties its life to the supervisor's
//! and then becomes the service, under the same process id.

use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use super::super::config::Config;
use super::super::expand::expand;
use super::super::record::Folder;
use crate::attributes::program;

/// Tells this stage from the supervisor, and holds the supervisor's process id.
pub(super) const STAGE: &str = "DEPLOYCTL_SUPERVISE_STAGE";

/// Whether this process is to become a service.
pub(super) fn is_asked_for() -> bool {
    std::env::var_os(STAGE).is_some()
}

/// Becomes the service. Comes back only if that fails; what it says goes to the service's log.
pub(super) fn run(spec_path: &Path) -> i32 {
    let Some(folder) = spec_path.parent().map(|path| Folder(path.to_owned())) else { return 126 };
    tie_to_supervisor();
    let parent = rustix::process::getppid().map(|pid| pid.as_raw_nonzero().get().to_string());
    if parent != std::env::var(STAGE).ok() {
        // The supervisor died before the tie was made.
        return 126;
    }
    let Ok(Some(spec)) = folder.spec() else { return 126 };
    let Ok(config) = Config::read(&spec.config) else { return 126 };
    let program = program(&config.command, &spec.root);
    let mut command = Command::new(&program);
    command.args(config.args.iter().map(|arg| expand(arg, &spec.ports, spec.replica)));
    command.current_dir(spec.root.join(config.cwd.as_deref().unwrap_or_default()));
    command.env_remove(STAGE);
    let error = command.exec();
    let _ = writeln!(std::io::stderr(), "deployctl: cannot run {}: {error}", program.display());
    127
}

/// Has the system kill this process when the supervisor dies.
#[cfg(target_os = "linux")]
fn tie_to_supervisor() {
    let _ = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL));
}

/// Not to be had here: what outlives its supervisor is found by its identity, and stopped before it is started again.
#[cfg(not(target_os = "linux"))]
fn tie_to_supervisor() {}
