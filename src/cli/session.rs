//! What every command that works on a configuration begins with.

use deployctl_sdk::source;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use deployctl_sdk::Place;

use super::Outcome;
use super::args;
use super::environment::{LOCK_TIMEOUT, Settings};
use super::output::Output;
use super::progress::Watcher;
use super::signals::{self, unless_interrupted};
use crate::apply::Interrupt;
use crate::config::{self, Configuration, Schemas};
use crate::error::{Error, ErrorKind, Result};
use crate::inputs::Recorder;
use crate::project::{Project, ProjectOptions, backend_of, encryption_of, inputs_of};
use crate::providers::{Connections, Providers};
use crate::render::plan::Frame;
use crate::state::{BackendConfig, Retention, State, Store};

/// A command on its way.
pub struct Session<'s> {
    /// What the flags and the environment say.
    pub settings: &'s Settings,
    /// Where to print.
    pub output: &'s Output,
    /// Shows events.
    pub watcher: Arc<Watcher>,
    /// The wish to stop.
    pub interrupt: Interrupt,
}

/// Does a command's work. With `stream`, a `--json` run prints its events on standard output.
pub fn run<'s, W>(
    settings: &'s Settings,
    output: &'s Output,
    stream: bool,
    work: impl FnOnce(Session<'s>) -> W,
) -> Outcome
where
    W: Future<Output = Outcome>,
{
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_stack_size(16 * 1024 * 1024)
        .enable_all()
        .build()
        .map_err(|error| Error::failed(format!("cannot start: {error}")))?;
    let outcome = runtime.block_on(async {
        let watcher = Watcher::new(output, stream);
        let session = Session { settings, output, watcher: watcher.clone(), interrupt: signals::listen() };
        let outcome = work(session).await;
        watcher.clear();
        outcome
    });
    // A prompt that nobody answered still waits for its line; nothing waits for it.
    runtime.shutdown_background();
    outcome
}

impl Session<'_> {
    /// Reads and checks the configuration, resolves its variables, and opens its state. It stays until the process ends.
    ///
    /// # Errors
    /// As [`Project::open`].
    pub async fn project(&self) -> Result<&'static Project> {
        let options = ProjectOptions {
            dir: self.settings.dir.clone(),
            environment: self.settings.environment.clone(),
            variables: self.settings.variables.clone(),
            variable_files: self.settings.variable_files.clone(),
            environment_variables: self.settings.environment_variables.clone(),
        };
        let project = self.unless_interrupted(Project::open(&options, providers()?, self.watcher.events())).await?;
        Ok(to_the_end(project))
    }

    /// The state's store, and the environment. Where the configuration is not valid just now, its state can be looked at and
    /// mended all the same, if it is where states are by default.
    ///
    /// # Errors
    /// A configuration that cannot be read where there is no state, and what [`Store::open`] answers.
    pub async fn store_and_environment(&self) -> Result<(Store, Arc<str>)> {
        let named = self.settings.environment.as_deref();
        let (backend, encryption, environment) = match configuration(&self.settings.dir) {
            Ok((root, config, ..)) => {
                let environment = config::select_environment(&config, named)?;
                (backend_of(&config, &root)?, encryption_of(&config, &root), environment)
            }
            Err(error) => {
                let folder = folder(&self.settings.dir)?.join(".deployctl");
                let environment = named.unwrap_or("default");
                if !folder.join(environment).is_dir() {
                    return Err(error);
                }
                (BackendConfig::Local { folder }, None, Arc::from(environment))
            }
        };
        let store = Store::open(&backend, &environment).await?.encrypted(encryption);
        Ok((store.keeping_rest_in(&folder(&self.settings.dir)?.join(".deployctl"), &environment), environment))
    }

    /// Connections for what a state holds, made when they are first needed.
    ///
    /// # Errors
    /// When the folder or the program cannot be found.
    pub fn connections(&self, state: &State, environment: &str) -> Result<Connections> {
        let root = folder(&self.settings.dir)?;
        let data = root.join(".deployctl").join(environment);
        let place = Place { root, data, host: crate::project::host(), lineage: state.lineage };
        Ok(Connections::new(providers()?, place))
    }

    /// The state's store.
    ///
    /// # Errors
    /// As [`Session::store_and_environment`].
    pub async fn store(&self) -> Result<Store> {
        Ok(self.store_and_environment().await?.0)
    }

    /// The state as it is recorded.
    ///
    /// # Errors
    /// As [`Session::store_and_environment`], and a state that cannot be read.
    pub async fn state(&self) -> Result<State> {
        let store = self.store().await?;
        let loaded = self.unless_interrupted(store.load()).await?;
        if loaded.run.is_some() {
            self.output.say("note: an earlier run was interrupted; `deployctl apply` settles what became of it\n");
        }
        Ok(loaded.state)
    }

    /// The configuration for a command that goes back to an earlier one: where the present one is not valid, the newest that
    /// was applied stands in for it.
    ///
    /// # Errors
    /// As [`Session::project`], where nothing was applied yet.
    pub async fn project_or_last(&self) -> Result<&'static Project> {
        let error = match self.project().await {
            Err(error) if error.kind == ErrorKind::Invalid => error,
            answered => return answered,
        };
        let (store, _) = self.store_and_environment().await?;
        let Some(newest) = store.revisions().await?.pop() else { return Err(error) };
        let root = folder(&self.settings.dir)?;
        let store = Arc::new(store);
        let (inputs, contents) = inputs_of(&store, &newest).await?;
        Project::from_inputs(root, inputs, contents, store, providers()?, self.watcher.events()).map(to_the_end)
    }

    /// Which revisions are kept.
    pub fn retention(&self) -> Retention {
        let configured = configuration(&self.settings.dir).map(|(_, config, ..)| config.settings.retention);
        let retention = configured.unwrap_or_default();
        Retention { revisions: retention.revisions, days: retention.days }
    }

    /// Does something that changes nothing, and gives it up on the first wish to stop.
    ///
    /// # Errors
    /// Whatever it answers, or that it was interrupted.
    pub async fn unless_interrupted<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        unless_interrupted(&self.interrupt, work).await
    }

    /// How long to wait for the lock.
    ///
    /// # Errors
    /// A variable that is not a time.
    pub fn lock_timeout(&self, flag: Option<Duration>) -> Result<Duration> {
        match (flag, &self.settings.lock_timeout) {
            (Some(timeout), _) => Ok(timeout),
            (None, None) => Ok(Duration::ZERO),
            (None, Some(text)) => args::duration(text)
                .map_err(|why| Error::usage(format!("{LOCK_TIMEOUT} is `{text}`, which is not a time")).with_hint(why)),
        }
    }
}

/// Keeps something large until the process ends, which is soon: taking it apart value by value first would be a tenth of
/// what a plan takes, and give nothing back that the system does not take back at once. Nothing that must be done at the
/// end, such as giving a lock back, may hang on it.
pub fn to_the_end<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}

/// The providers of this build, with this program as the supervisor of local processes.
///
/// # Errors
/// When the program cannot find itself.
pub fn providers() -> Result<Providers> {
    let program = std::env::current_exe()
        .map_err(|error| Error::failed(format!("cannot find deployctl's own program: {error}")))?;
    Ok(Providers::built_in(program))
}

/// The configuration alone, checked, with the folder's absolute path: for commands that need neither variables nor state.
/// Answers the warnings too.
///
/// # Errors
/// A folder or configuration that cannot be read, and everything wrong with it.
pub fn configuration(dir: &Path) -> Result<(PathBuf, Configuration, Schemas, Vec<crate::diagnostic::Diagnostic>)> {
    let root = folder(dir)?;
    let recorder = Recorder::of_checkout(root.clone(), source::now().to_string());
    let schemas = Schemas::new(providers()?.schemas());
    let (config, warnings) = config::load_checked(&recorder, &schemas)?;
    Ok((root, config, schemas, warnings))
}

/// The configuration's folder, absolute.
///
/// # Errors
/// When there is none.
pub fn folder(dir: &Path) -> Result<PathBuf> {
    deployctl_sdk::fs::canonical(dir).map_err(|error| {
        Error::usage(error.to_string()).with_hint("`-C DIR` names the folder that the configuration is in")
    })
}

/// What stands around a plan of this project.
pub fn frame<'p>(project: &'p Project, saved: Option<&'p str>) -> Frame<'p> {
    let backend = project.config().settings.state.as_ref().map_or("local", |state| &*state.kind);
    Frame { name: project.root().file_name().and_then(|name| name.to_str()), backend: Some(backend), saved }
}
