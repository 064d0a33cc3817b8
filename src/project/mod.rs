//! One configuration in one environment: everything that the commands work on.

mod encryption;
mod secrets;

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use deployctl_sdk::{Address, CapturedFile, Digest, Files, Lineage, Place, Value, source};

use crate::apply::recover;
use crate::config::{self, Configuration, ResourceBlock, Schemas, VariableInputs};
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Event, Events};
use crate::inputs::{Inputs, Recorder};
use crate::lang::Outside;
use crate::model::Graph;
use crate::plan::{PREVENT_DESTROY, Plan, ResourceChange, SavedPlan};
use crate::providers::{Connections, Providers};
use crate::stacks;
use crate::state::{BackendConfig, DataKey, Lock, LockInfo, Revision, State, Store};
use crate::upgrade;
pub use encryption::encryption_of;
use encryption::trusted;
use secrets::give_secrets;

/// What a command line says about the configuration to work on.
#[derive(Debug, Clone, Default)]
pub struct ProjectOptions {
    /// The configuration's folder.
    pub dir: PathBuf,
    /// The environment, if one was named.
    pub environment: Option<String>,
    /// `--var NAME=VALUE`, in order.
    pub variables: Vec<(String, String)>,
    /// `--var-file`, in order; relative to the working directory.
    pub variable_files: Vec<PathBuf>,
    /// Variables from the process's environment, without their prefix.
    pub environment_variables: Vec<(String, String)>,
}

/// One configuration in one environment.
pub struct Project {
    root: PathBuf,
    environment: Arc<str>,
    config: Configuration,
    graph: Graph,
    schemas: Schemas,
    variables: BTreeMap<Arc<str>, Value>,
    recorder: Arc<Recorder>,
    store: Arc<Store>,
    providers: Providers,
    events: Events,
    warnings: Vec<String>,
}

/// The state as it is now, interrupted actions brought to their truth, and the connections of this run.
pub struct Current {
    /// The state.
    pub state: State,
    /// Whether there is one at all.
    pub exists: bool,
    /// The connections of this run.
    pub connections: Arc<Connections>,
    /// The state's data key; a passing one where there is none yet.
    pub seal: DataKey,
}

/// The right to change the state, and the state as it was when the right was had.
pub struct Session {
    /// The lock.
    pub lock: Lock,
    /// The state.
    pub current: Current,
    /// The command that holds it, for the record.
    pub command: String,
}

impl Project {
    /// Reads and checks a configuration, resolves its variables, and opens its state.
    ///
    /// # Errors
    /// A configuration that is invalid, variables that are missing, a state that cannot be opened.
    pub async fn open(options: &ProjectOptions, providers: Providers, events: Events) -> Result<Self> {
        let root = deployctl_sdk::fs::canonical(&options.dir).map_err(|error| {
            Error::usage(error.to_string()).with_hint("`-C DIR` names the folder that the configuration is in")
        })?;
        let recorder = Arc::new(Recorder::of_checkout(root.clone(), source::now().to_string()));
        let schemas = Schemas::new(providers.schemas());
        let (config, warnings) = config::load_checked(&*recorder, &schemas)?;
        check_version(&config)?;
        let environment = config::select_environment(&config, options.environment.as_deref())?;
        let inputs = VariableInputs {
            flags: options.variables.clone(),
            files: options.variable_files.clone(),
            env: options.environment_variables.clone(),
            auto: config.auto_files.clone(),
            environment: Some(environment.clone()),
        };
        let variables = config::resolve_variables(&config, &inputs, &*recorder, &*recorder)?;
        let graph = Graph::build(&config).map_err(|found| Error::invalid(config.sources.clone(), found))?;
        let store = open_store(&backend_of(&config, &root)?, &root, &environment).await?;
        let store = store.encrypted(encryption_of(&config, &root));
        recorder.resolved(&environment, &variables);
        for (name, value) in stacks::read(&config, &root, &environment).await? {
            recorder.stack_read(name, value);
        }
        give_secrets(&config, &variables, &recorder, &store)?;
        Ok(Self {
            root,
            environment,
            graph,
            schemas,
            variables,
            recorder,
            store: Arc::new(store),
            providers,
            events,
            warnings: warnings.into_iter().map(|warning| warning.message).collect(),
            config,
        })
    }

    /// The same environment's configuration as recorded inputs have it: a saved plan's or an earlier revision's.
    ///
    /// # Errors
    /// When the inputs do not make a valid configuration for this version of deployctl.
    pub fn from_inputs(
        root: PathBuf,
        inputs: Inputs,
        contents: HashMap<Digest, Arc<[u8]>>,
        store: Arc<Store>,
        providers: Providers,
        events: Events,
    ) -> Result<Self> {
        let schemas = Schemas::new(providers.schemas());
        let (environment, variables) = (Arc::from(inputs.environment.as_str()), inputs.variables.clone());
        let recorder = Arc::new(Recorder::of_recorded(root.clone(), inputs, contents));
        let (config, warnings) = config::load_checked(&*recorder, &schemas)?;
        check_version(&config)?;
        let graph = Graph::build(&config).map_err(|found| Error::invalid(config.sources.clone(), found))?;
        give_secrets(&config, &variables, &recorder, &store)?;
        Ok(Self {
            root,
            environment,
            graph,
            schemas,
            variables,
            recorder,
            store,
            providers,
            events,
            warnings: warnings.into_iter().map(|warning| warning.message).collect(),
            config,
        })
    }

    /// The configuration as an earlier revision had it, with this project's state.
    ///
    /// # Errors
    /// When the revision's inputs cannot be opened, or are not valid any more.
    pub async fn at_revision(&self, revision: &Revision) -> Result<Self> {
        let (mut inputs, contents) = self.inputs_of(revision).await?;
        // Other configurations went on meanwhile: what they have now is what there is to refer to.
        let present = self.recorder.inputs().stacks;
        inputs.stacks.extend(present);
        let (store, providers, events) = (self.store.clone(), self.providers.clone(), self.events.clone());
        Self::from_inputs(self.root.clone(), inputs, contents, store, providers, events)
    }

    /// What an earlier revision was made from, with the contents of its files.
    ///
    /// # Errors
    /// When they cannot be opened: no key, or damaged.
    pub async fn inputs_of(&self, revision: &Revision) -> Result<(Inputs, HashMap<Digest, Arc<[u8]>>)> {
        inputs_of(&self.store, revision).await
    }

    /// The configuration as a saved plan has it, with the plan. No checkout is needed.
    ///
    /// # Errors
    /// A file that is no plan, was changed, or is sealed under a key that is not here.
    pub async fn open_saved(dir: &Path, file: &Path, providers: Providers, events: Events) -> Result<(Self, Plan)> {
        let root = deployctl_sdk::fs::canonical(dir).map_err(|error| Error::usage(error.to_string()))?;
        let header = SavedPlan::header(file)?;
        // The key lies beside the state, or in the environment. That of an encrypted state lies with the state, wherever that
        // is; a place that is shared is named by the configuration in the folder.
        let mut nearby = BackendConfig::Local { folder: root.join(&header.state) };
        let encryption = header.encryption.clone().map(|encryption| trusted(encryption, &root, file)).transpose()?;
        if encryption.is_some()
            && let Ok(config) = config::load(&Recorder::of_checkout(root.clone(), String::new()))
        {
            nearby = backend_of(&config, &root)?;
        }
        let store = open_store(&nearby, &root, &header.environment).await?.encrypted(encryption.clone());
        let saved = SavedPlan::read(file, store.keys().for_plans().await?.as_ref())?;
        let store = Arc::new(store);
        let mut project = Self::from_inputs(root, saved.inputs, saved.contents, store, providers, events)?;
        let wanted = backend_of(&project.config, &project.root)?;
        if wanted != nearby {
            let store = open_store(&wanted, &project.root, &header.environment).await?;
            let secrets = project.store.keys().secrets().clone();
            project.store = Arc::new(store.encrypted(encryption).withholding(secrets));
        }
        Ok((project, saved.plan))
    }

    /// The revision that a rollback goes to: the one named, or the newest earlier successful one whose inputs differ from
    /// those of the newest.
    ///
    /// # Errors
    /// When there is none.
    pub async fn rollback_target(&self, to: Option<u64>) -> Result<Revision> {
        let known = self.store.revisions().await?;
        if let Some(serial) = to {
            return self.store.revision(serial).await?.ok_or_else(|| {
                let kept: Vec<String> = known.iter().map(|head| head.serial.to_string()).collect();
                Error::usage(format!("there is no revision {serial}"))
                    .with_hint(format!("the revisions kept are {}; `deployctl history` shows them", kept.join(", ")))
            });
        }
        let nothing = || {
            Error::failed("there is no earlier revision with other inputs to go back to")
                .with_hint("`deployctl history` shows the revisions; `--to SERIAL` names one")
        };
        let newest = known.iter().map(|head| head.serial).max().ok_or_else(nothing)?;
        let present = match self.store.revision(newest).await? {
            Some(revision) => self.inputs_of(&revision).await?.0,
            None => return Err(nothing()),
        };
        let mut earlier: Vec<u64> =
            known.iter().filter(|head| head.ok && head.serial < newest).map(|head| head.serial).collect();
        earlier.sort_unstable();
        for serial in earlier.into_iter().rev() {
            let Some(revision) = self.store.revision(serial).await? else { continue };
            if !self.inputs_of(&revision).await?.0.same(&present) {
                return Ok(revision);
            }
        }
        Err(nothing())
    }

    /// The configuration's folder, absolute.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The environment's name.
    pub fn environment(&self) -> &Arc<str> {
        &self.environment
    }

    /// The configuration.
    pub fn config(&self) -> &Configuration {
        &self.config
    }

    /// The order of its blocks.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// What the providers offer.
    pub fn schemas(&self) -> &Schemas {
        &self.schemas
    }

    /// The resolved variables.
    pub fn variables(&self) -> &BTreeMap<Arc<str>, Value> {
        &self.variables
    }

    /// The state's store.
    pub fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// The providers.
    pub fn providers(&self) -> &Providers {
        &self.providers
    }

    /// Where events go.
    pub fn events(&self) -> &Events {
        &self.events
    }

    /// Warnings about the configuration.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// The files it is made from.
    pub fn files(&self) -> &dyn Files {
        &*self.recorder
    }

    /// The same, to be kept by an action that runs.
    pub fn shared_files(&self) -> Arc<dyn Files> {
        self.recorder.clone()
    }

    /// What functions with an outside need.
    pub fn outside(&self) -> &dyn Outside {
        &*self.recorder
    }

    /// What it is made from, as far as it was asked for.
    pub fn inputs(&self) -> Inputs {
        self.recorder.inputs()
    }

    /// The contents of the files it is made from.
    pub fn contents(&self) -> HashMap<Digest, Arc<[u8]>> {
        self.recorder.contents()
    }

    /// Has the captured files of something recorded at hand, from the revisions that are kept: what it is made from may be
    /// needed to remove it. What is not kept any more is left to the provider.
    ///
    /// # Errors
    /// When the revisions cannot be read.
    pub async fn lend(&self, captured: impl Iterator<Item = &CapturedFile>) -> Result<()> {
        let digests: Vec<Digest> = captured.map(|file| file.digest).collect();
        let mut missing = self.recorder.missing(&digests);
        if missing.is_empty() {
            return Ok(());
        }
        for revision in self.store.revisions().await?.iter().rev() {
            // Without the key nothing of it can be opened, and a provider says better what it lacks.
            let Ok(bytes) = self.store.blobs().get(&revision.inputs).await else { continue };
            let Ok(inputs) = Inputs::from_bytes(&bytes) else { continue };
            for (path, kept) in &revision.files {
                let Some(digest) = inputs.files.get(path).map(|file| file.digest) else { continue };
                if missing.contains(&digest)
                    && let Ok(bytes) = self.store.blobs().get(kept).await
                {
                    self.recorder.lend(digest, bytes.into());
                    missing.remove(&digest);
                }
            }
            if missing.is_empty() {
                break;
            }
        }
        Ok(())
    }

    /// The resources that a block depends on, as addresses without keys.
    pub fn dependencies(&self, block: usize) -> Vec<Address> {
        let blocks = self.graph.dependencies(block).iter().filter_map(|index| self.config.resources.get(*index));
        blocks.map(ResourceBlock::address).collect()
    }

    /// The state as it is now, for looking at: takes no lock and writes nothing.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub async fn current(&self) -> Result<Current> {
        let mut loaded = self.store.load().await?;
        upgrade::loaded(&mut loaded, &self.providers, &self.schemas)?;
        let connections = self.connections(&loaded.state);
        let exists = loaded.exists;
        let seal = match self.store.keys().existing().await? {
            Some(key) => key.clone(),
            // Nothing is written for a look: the digest of a first plan is as passing as its lineage.
            None => DataKey::random()?.withholding(self.store.keys().secrets().clone()),
        };
        if loaded.interrupted.is_empty() {
            return Ok(Current { state: loaded.state, exists, connections, seal });
        }
        let (resolved, lines) = recover::resolve(&loaded, &connections).await?;
        self.events.send(Event::Recovered { lines });
        let mut state = loaded.state;
        for (address, record) in resolved {
            match record {
                Some(record) => state.records.insert(address, Arc::new(record)),
                None => state.records.remove(&address),
            };
        }
        Ok(Current { state, exists, connections, seal })
    }

    /// Takes the lock, reads the state, and completes the record of a run that was interrupted. Where there is no state yet,
    /// `lineage` is the one that a saved plan has fixed for it.
    ///
    /// # Errors
    /// When another holds the lock, or the state cannot be read or written.
    pub async fn lock(&self, command: &str, timeout: Duration, lineage: Option<Lineage>) -> Result<Session> {
        let lock = self.store.lock(LockInfo::of_this_process(command), timeout, &self.events).await?;
        let mut loaded = self.store.load().await?;
        if let Some(run) = &loaded.run {
            self.store.nothing_unpushed(run.run).await?;
        }
        if let (false, Some(lineage)) = (loaded.exists, lineage) {
            loaded.state.lineage = lineage;
        }
        upgrade::loaded(&mut loaded, &self.providers, &self.schemas)?;
        let connections = self.connections(&loaded.state);
        let exists = loaded.exists;
        let seal = self.store.keys().ready().await?.clone();
        let state = if loaded.run.is_some() {
            let (resolved, lines) = recover::resolve(&loaded, &connections).await?;
            let mut state = self.store.recover_journal(&lock, loaded, resolved).await?;
            upgrade::state(&mut state, &self.providers, &self.schemas)?;
            self.events.send(Event::Recovered { lines });
            state
        } else {
            loaded.state
        };
        Ok(Session { lock, current: Current { state, exists, connections, seal }, command: command.to_owned() })
    }

    fn connections(&self, state: &State) -> Arc<Connections> {
        let place = Place {
            root: self.root.clone(),
            data: self.root.join(".deployctl").join(&*self.environment),
            host: host(),
            lineage: state.lineage,
        };
        Arc::new(Connections::new(self.providers.clone(), place))
    }
}

/// What a revision was made from, with the contents of its files.
///
/// # Errors
/// When they cannot be opened: no key, or damaged.
pub async fn inputs_of(store: &Store, revision: &Revision) -> Result<(Inputs, HashMap<Digest, Arc<[u8]>>)> {
    let bytes = store.blobs().get(&revision.inputs).await?;
    let inputs = Inputs::from_bytes(&bytes).map_err(Error::failed)?;
    let mut contents: HashMap<Digest, Arc<[u8]>> = HashMap::new();
    for (path, digest) in &revision.files {
        if let Some(file) = inputs.files.get(path) {
            contents.insert(file.digest, store.blobs().get(digest).await?.into());
        }
    }
    Ok((inputs, contents))
}

/// Where the configuration says that the state is.
///
/// # Errors
/// A backend that this build has not, and what a backend needs and was not given.
pub fn backend_of(config: &Configuration, root: &Path) -> Result<BackendConfig> {
    stacks::backend_of(config.settings.state.as_ref(), root)
}

/// Opens a configuration's state; what cannot be written there any more in the middle of a run is kept in its folder.
async fn open_store(backend: &BackendConfig, root: &Path, environment: &str) -> Result<Store> {
    Ok(Store::open(backend, environment).await?.keeping_rest_in(&root.join(".deployctl"), environment))
}

fn check_version(config: &Configuration) -> Result<()> {
    let Some((required, span)) = &config.settings.required_version else { return Ok(()) };
    let own = semver::Version::parse(env!("CARGO_PKG_VERSION"))
        .map_err(|error| Error::failed(format!("this program's own version cannot be read: {error}")))?;
    if required.matches(&own) {
        return Ok(());
    }
    let complaint = crate::diagnostic::Diagnostic::error(
        *span,
        format!("this configuration is not for deployctl {own}"),
        format!("asks for {required}"),
    );
    Err(Error::invalid(config.sources.clone(), vec![complaint.with_help("install a version that fits")]))
}

/// The identity of this host: the machine's own where it has one, its name otherwise.
pub(crate) fn host() -> String {
    let machine = deployctl_sdk::fs::read_to_string(Path::new("/etc/machine-id")).unwrap_or_default();
    match machine.trim() {
        "" => sysinfo::System::host_name().unwrap_or_else(|_| "localhost".to_owned()),
        id => id.chars().take(12).collect(),
    }
}

/// Refuses what a plan forbids.
///
/// # Errors
/// [`ErrorKind::Refused`] naming everything protected that the plan would remove.
pub fn refuse_protected(plan: &Plan) -> Result<()> {
    let risks = plan.risks();
    let protected = risks.iter().filter(|(_, risk)| risk.kind == deployctl_sdk::RiskKind::Protected);
    let removed = |change: &ResourceChange| format!("{} would be {}d", change.address, change.action.word());
    let (configured, others): (Vec<_>, Vec<_>) = protected.partition(|(_, risk)| risk.text == PREVENT_DESTROY);
    if !configured.is_empty() {
        return Err(Error::new(ErrorKind::Refused, "the plan removes what `prevent_destroy` protects")
            .with_detail(configured.iter().map(|(change, _)| removed(change)).collect::<Vec<_>>())
            .with_hint("keep it, or set `prevent_destroy = false`, apply that, and plan again"));
    }
    if others.is_empty() {
        return Ok(());
    }
    let detail = others.iter().map(|(change, risk)| format!("{}: {}", removed(change), risk.text));
    Err(Error::new(ErrorKind::Refused, "the plan removes what must not go")
        .with_detail(detail.collect::<Vec<_>>())
        .with_hint("allow it where its own documentation says how, apply that, and plan again"))
}
