//! What a replica is doing at the moment, put together from its documents and the running processes.

use deployctl_sdk::fs::FsResult;

use super::record::{Folder, Phase, Spec, Status};

/// A replica as it is now.
#[derive(Debug)]
pub(crate) struct Replica {
    pub(crate) folder: Folder,
    pub(crate) spec: Option<Spec>,
    pub(crate) status: Option<Status>,
    pub(crate) doing: Doing,
}

/// What a replica is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Doing {
    /// Its service runs under this process id.
    Running(u32),
    /// Its supervisor runs and will start the service, again or for the first time.
    Restarting,
    /// Nothing of it runs that somebody watches over.
    Stopped,
}

impl Replica {
    /// Looks at the replica in a folder.
    pub(crate) fn look(folder: Folder) -> FsResult<Self> {
        let (spec, status) = (folder.spec()?, folder.status()?);
        let supervised = status.as_ref().filter(|status| status.supervisor.is_alive());
        let doing = match supervised {
            None => Doing::Stopped,
            Some(status) => match (&status.service, status.phase) {
                (_, Phase::Ended) => Doing::Stopped,
                (Some(service), Phase::Running) if service.is_alive() => Doing::Running(service.pid),
                _ => Doing::Restarting,
            },
        };
        Ok(Self { folder, spec, status, doing })
    }

    /// The process id of its service, if that runs.
    pub(crate) fn pid(&self) -> Option<u32> {
        match self.doing {
            Doing::Running(pid) => Some(pid),
            Doing::Restarting | Doing::Stopped => None,
        }
    }
}
