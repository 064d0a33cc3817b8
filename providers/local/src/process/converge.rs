//! Brings the replicas to what the configuration wants, touching only those that differ. Creating, updating and going on
//! after a crash are the same thing, so doing it twice is doing it once.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use deployctl_sdk::{Change, ErrorKind, Ownership, Place, ProviderError, Run, Value, source};
use futures_util::future::join_all;
use rustix::process::Signal;

use super::config::{Config, Port};
use super::expand::{check_program, expand};
use super::mark;
use super::ports::Ports;
use super::record::{self, EnvName, Folder, GivenPort, Spec, VERSION, environment_digest};
use super::replica::{Doing, Replica};
use super::start::start;
use super::stop::{remove, remove_log, stop};
use crate::attributes::{refused, revealed_texts, with};
use crate::claim;
use crate::file::{make_folders, missing_folders};

/// Attributes that a running replica was started with: a change of one restarts it.
pub(crate) const RESTARTING: &[&str] = &["command", "args", "cwd", "port"];

/// What is needed to work on the replicas of one resource.
pub(crate) struct Site {
    pub(crate) place: Arc<Place>,
    pub(crate) supervisor: PathBuf,
    pub(crate) ports: Arc<Ports>,
}

/// What one resource's replicas are to be.
struct Wanted<'w> {
    mark: &'w Ownership,
    /// The settled configuration without the environment, for the specification.
    plain: Value,
    config: Config,
    env: Vec<(String, String)>,
    env_names: Vec<EnvName>,
}

impl Site {
    /// The folder of a record.
    pub(crate) fn folder(&self, mark: &Ownership) -> PathBuf {
        claim::folder(&self.place.data, mark.id)
    }

    /// Brings all replicas to what the change wants: those that run one after the other, so that the others can do the work
    /// meanwhile, and those that do not run all at once.
    ///
    /// # Errors
    /// At the first that cannot be; those after it are as they were.
    pub(crate) async fn converge(&self, change: &Change, run: &Run) -> Result<(), ProviderError> {
        let wanted = Wanted::of(change)?;
        let path = wanted.env.iter().find(|(name, _)| name == "PATH").map(|(_, value)| value.clone());
        let path = path.or_else(|| std::env::var("PATH").ok()).unwrap_or_default();
        check_program(&wanted.config.command, &self.place.root, &path)?;
        let record = self.folder(&change.mark);
        for (replica, folder) in record::replicas(&record).map_err(refused)? {
            if replica >= wanted.config.replicas {
                run.progress.say(format!("stopping replica {replica}"));
                self.stop_and_remove(&change.mark, replica, &folder, run).await?;
            }
        }
        let mut idle = Vec::new();
        for number in 0..wanted.config.replicas {
            if run.cancel.is_cancelled() {
                let message = format!("cancelled before replica {number} was seen to");
                return Err(ProviderError::new(ErrorKind::Cancelled, message));
            }
            let replica = Replica::look(Folder::of(&record, number)).map_err(refused)?;
            match replica.doing {
                Doing::Stopped => idle.push((number, replica)),
                Doing::Running(_) | Doing::Restarting => self.converge_one(&wanted, number, replica, run).await?,
            }
        }
        let started = idle.into_iter().map(|(number, replica)| self.converge_one(&wanted, number, replica, run));
        join_all(started).await.into_iter().collect()
    }

    async fn converge_one(
        &self,
        wanted: &Wanted<'_>,
        number: usize,
        replica: Replica,
        run: &Run,
    ) -> Result<(), ProviderError> {
        let folder = &replica.folder;
        if let (Some(spec), true) = (&replica.spec, replica.doing != Doing::Stopped)
            && wanted.is_running_as(spec, &self.place.root)
        {
            if spec.config.same(&wanted.plain) {
                return Ok(());
            }
            folder.write_spec(&Spec { config: wanted.plain.clone(), ..spec.clone() }).map_err(refused)?;
            if let Some(status) = &replica.status {
                status.supervisor.signal(Signal::HUP);
            }
            return Ok(());
        }
        let mark = mark::value(wanted.mark.id, number);
        run.progress.say(match replica.doing {
            Doing::Stopped => format!("starting replica {number}"),
            _ => format!("restarting replica {number}"),
        });
        stop(folder, &mark, &run.cancel).await?;
        self.begin(wanted, number, &replica, run).await
    }

    /// Starts a replica that does not run; if that fails, nothing of it is left running.
    async fn begin(&self, wanted: &Wanted<'_>, number: usize, old: &Replica, run: &Run) -> Result<(), ProviderError> {
        let folder = &old.folder;
        let had = old.spec.as_ref().map(|spec| spec.ports.clone()).unwrap_or_default();
        let given = self.ports.give(&wanted.config.ports, &had, number, &self.place.data)?;
        let begun = async {
            let spec = self.spec(wanted, number, &given.ports, old)?;
            folder.write_spec(&spec).map_err(refused)?;
            make_folders(&spec.log).map_err(refused)?;
            let env = wanted.environment(&spec);
            start(&self.supervisor, folder, &spec, &env, wanted.config.start, &run.cancel).await
        };
        let result = begun.await;
        if result.is_err() {
            let _ = stop(folder, &mark::value(wanted.mark.id, number), &run.cancel).await;
        }
        result
    }

    fn spec(
        &self,
        wanted: &Wanted<'_>,
        replica: usize,
        ports: &[GivenPort],
        old: &Replica,
    ) -> Result<Spec, ProviderError> {
        let log = match &wanted.config.log.path {
            Some(path) => self.place.root.join(expand(path, ports, replica)),
            None => old.folder.log_path(),
        };
        if let Some(earlier) = old.spec.as_ref().filter(|earlier| earlier.log != log) {
            remove_log(earlier).map_err(refused)?;
        }
        let log_folders = self.log_folders(wanted.mark, &log)?;
        let salt = source::uuid().to_string();
        Ok(Spec {
            version: VERSION,
            mark: wanted.mark.clone(),
            replica,
            root: self.place.root.clone(),
            config: wanted.plain.clone(),
            env: wanted.env_names.clone(),
            env_digest: environment_digest(&salt, &wanted.env),
            salt,
            ports: ports.to_vec(),
            log,
            log_folders,
        })
    }

    /// The folders that are made for a log, outermost first: those that are not there, and those that were made for the log
    /// of any replica before. Whichever replica goes last removes them.
    fn log_folders(&self, mark: &Ownership, log: &Path) -> Result<Vec<PathBuf>, ProviderError> {
        let record = self.folder(mark);
        let mut folders = Vec::new();
        for (_, replica) in record::replicas(&record).map_err(refused)? {
            let spec = replica.spec().map_err(refused)?;
            folders.extend(spec.into_iter().flat_map(|spec| spec.log_folders));
        }
        folders.extend(missing_folders(log));
        folders.retain(|folder| log.starts_with(folder) && !record.starts_with(folder) && !folder.starts_with(&record));
        folders.sort();
        folders.dedup();
        Ok(folders)
    }

    /// Stops one replica and removes what it has on disk.
    async fn stop_and_remove(
        &self,
        mark: &Ownership,
        replica: usize,
        folder: &Folder,
        run: &Run,
    ) -> Result<(), ProviderError> {
        stop(folder, &mark::value(mark.id, replica), &run.cancel).await?;
        remove(folder).map_err(refused)
    }

    /// Stops and removes all replicas; what is gone already is no error.
    ///
    /// # Errors
    /// The first that happened, after the others were seen to.
    pub(crate) async fn clear(&self, mark: &Ownership, run: &Run) -> Result<(), ProviderError> {
        let mut result = Ok(());
        for (replica, folder) in record::replicas(&self.folder(mark)).map_err(refused)? {
            run.progress.say(format!("stopping replica {replica}"));
            result = result.and(self.stop_and_remove(mark, replica, &folder, run).await);
        }
        claim::tidy(&self.place.data, mark.id);
        result
    }
}

impl<'w> Wanted<'w> {
    fn of(change: &'w Change) -> Result<Self, ProviderError> {
        let config = Config::read(&change.config).map_err(|problems| {
            problems.into_iter().next().unwrap_or_else(|| refused("the configuration is not settled"))
        })?;
        let names = change.config.get("env").and_then(Value::as_map).cloned().unwrap_or_default();
        let set = names.iter().filter(|(_, value)| !value.is_null());
        let all = change.config.get("env").is_some_and(|env| env.unmark().1);
        Ok(Self {
            mark: &change.mark,
            plain: plain(&change.config),
            config,
            env: revealed_texts(&change.config, "env"),
            env_names: set
                .map(|(name, value)| EnvName { name: name.to_string(), sensitive: all || value.contains_sensitive() })
                .collect(),
        })
    }

    /// Whether a replica of that specification need not be restarted.
    fn is_running_as(&self, spec: &Spec, root: &Path) -> bool {
        let same = |name: &&str| member(&spec.config, name).same(&member(&self.plain, name));
        let log = |config: &Value| config.get("log").and_then(|log| log.get("path")).cloned();
        let fits = |(port, given): (&Port, &GivenPort)| {
            port.name == given.name && (port.range.0..=port.range.1).contains(&given.number)
        };
        spec.root == root
            && RESTARTING.iter().all(same)
            && log(&spec.config) == log(&self.plain)
            && spec.ports.len() == self.config.ports.len()
            && self.config.ports.iter().zip(&spec.ports).all(fits)
            && spec.has_environment(&self.env)
    }

    /// The whole environment of a replica: what deployctl has but its own variables, what is configured, the ports, and
    /// the mark.
    fn environment(&self, spec: &Spec) -> Vec<(String, String)> {
        let inherited =
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        let mut env: Vec<(String, String)> = inherited.filter(|(name, _)| !name.starts_with("DEPLOYCTL_")).collect();
        let told = self.config.ports.iter().zip(&spec.ports);
        env.extend(told.filter_map(|(port, given)| Some((port.env.clone()?, given.number.to_string()))));
        env.extend(self.env.iter().map(|(name, value)| (name.clone(), expand(value, &spec.ports, spec.replica))));
        env.push((mark::VARIABLE.to_owned(), mark::value(spec.mark.id, spec.replica)));
        env
    }
}

/// The configuration as a specification keeps it: nothing of the environment, nothing that the machine decides.
fn plain(config: &Value) -> Value {
    with(config, vec![("env", Value::Null), ("status", Value::Null), ("ports", Value::Null)])
}

fn member(value: &Value, name: &str) -> Value {
    value.get(name).cloned().unwrap_or_default()
}
