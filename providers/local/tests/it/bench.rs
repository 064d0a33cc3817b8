//! A workbench: an empty folder, the provider connected to it, and the engine's part in short.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use deployctl_provider_local::LocalProvider;
use deployctl_sdk::{
    Action, Address, Applied, CapturedFile, Change, Connection, Desired, Digest, FileError, Files, Found, Lineage,
    Lost, Object, Observed, Operation, Ownership, Place, PlanRequest, PlannedChange, Prepared, Progress, Provider,
    ProviderError, ReadRequest, ResourceId, Run, Value,
};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

pub struct Bench {
    pub provider: LocalProvider,
    pub connection: Arc<dyn Connection>,
    pub files: Arc<Checkout>,
    pub mark: Ownership,
    pub type_name: &'static str,
    pub cancel: CancellationToken,
    pub place: Place,
    folder: Arc<TempDir>,
}

impl Bench {
    pub async fn new(type_name: &'static str) -> Self {
        let folder = Arc::new(TempDir::new().unwrap());
        let place = Place {
            root: folder.path().join("root"),
            data: folder.path().join("root/.deployctl/default"),
            host: "test".to_owned(),
            lineage: Lineage::random(),
        };
        deployctl_sdk::fs::create_dir_all(&place.root).unwrap();
        let provider = LocalProvider::new(supervisor());
        let connection = provider.configure(&Value::map::<&str>([]), &place).await.unwrap();
        let files = Arc::new(Checkout { root: place.root.clone(), store: Mutex::default() });
        let mark =
            Ownership { lineage: place.lineage, id: ResourceId::random(), address: Address::new(type_name, "it") };
        Self { provider, connection, files, mark, type_name, cancel: CancellationToken::new(), place, folder }
    }

    /// The same place, another resource.
    pub async fn sibling(&self) -> Self {
        let provider = LocalProvider::new(supervisor());
        let connection = provider.configure(&Value::map::<&str>([]), &self.place).await.unwrap();
        Self {
            provider,
            connection,
            files: self.files.clone(),
            mark: Ownership { id: ResourceId::random(), ..self.mark.clone() },
            type_name: self.type_name,
            cancel: CancellationToken::new(),
            place: self.place.clone(),
            folder: self.folder.clone(),
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.place.root.join(name)
    }

    /// A configuration with the schema's defaults filled in.
    pub fn config(&self, given: &[(&str, Value)]) -> Value {
        let schema = self.provider.schema().resource(self.type_name).unwrap();
        let attributes = schema.attributes.iter().filter(|attribute| !attribute.read_only);
        Value::map(attributes.map(|attribute| {
            let value = given.iter().find(|(name, _)| *name == attribute.name).map(|(_, value)| value.clone());
            (attribute.name.as_str(), value.or_else(|| attribute.default.clone()).unwrap_or_default())
        }))
    }

    pub fn prepare(&self, given: &[(&str, Value)]) -> Result<Prepared, Vec<ProviderError>> {
        let address = self.mark.address.clone();
        let desired = Desired { address, type_name: self.type_name.into(), config: self.config(given) };
        self.provider.prepare(&desired, &*self.files)
    }

    pub async fn read(&self, recorded: &Object) -> Observed {
        let request =
            ReadRequest { address: &self.mark.address, type_name: self.type_name, id: self.mark.id, recorded };
        self.connection.read(&[request]).await.remove(0)
    }

    /// Reads, then plans.
    pub async fn plan(&self, recorded: Option<&Object>, given: &[(&str, Value)]) -> PlannedChange {
        let prepared = self.prepare(given).unwrap();
        self.plan_prepared(recorded, &prepared).await
    }

    async fn plan_prepared(&self, recorded: Option<&Object>, prepared: &Prepared) -> PlannedChange {
        let observed = self.observed(recorded).await;
        let schema = self.provider.schema().resource(self.type_name).unwrap();
        let request = PlanRequest {
            schema,
            address: &self.mark.address,
            recorded,
            observed: observed.as_ref().or(recorded.filter(|_| observed.is_some())),
            desired: prepared,
            files: &*self.files,
        };
        self.connection.plan(request).await.unwrap()
    }

    async fn observed(&self, recorded: Option<&Object>) -> Option<Object> {
        let recorded = recorded?;
        match self.read(recorded).await {
            Observed::AsRecorded => Some(recorded.clone()),
            Observed::Present(object) => Some(object),
            Observed::Absent => None,
            Observed::Unreadable { reason } => panic!("unreadable: {reason}"),
        }
    }

    pub fn run(&self) -> Run {
        Run { cancel: self.cancel.clone(), progress: Progress::ignored(), files: self.files.clone(), timeout: None }
    }

    pub async fn operate(&self, operation: Operation, prior: Option<Object>, prepared: Option<&Prepared>) -> Applied {
        let change = Change {
            mark: self.mark.clone(),
            type_name: self.type_name.into(),
            operation,
            prior,
            config: prepared.map(|prepared| prepared.config.clone()).unwrap_or_default(),
            planned: Value::Null,
            captured: prepared.map(|prepared| prepared.captured.clone()).unwrap_or_default(),
            artefact: None,
        };
        self.connection.apply(&change, &self.run()).await
    }

    /// Plans and does what the plan says, and holds the provider to its word.
    pub async fn apply(&self, recorded: Option<&Object>, given: &[(&str, Value)]) -> Applied {
        let prepared = self.prepare(given).unwrap();
        let plan = self.plan_prepared(recorded, &prepared).await;
        let prior = self.observed(recorded).await;
        let applied = match plan.action {
            Action::Create => self.operate(Operation::Create, None, Some(&prepared)).await,
            Action::Update => self.operate(Operation::Update, prior, Some(&prepared)).await,
            Action::Replace(_) => {
                let deleted = self.operate(Operation::Delete, prior, None).await;
                if deleted.error.is_some() {
                    return deleted;
                }
                self.operate(Operation::Create, None, Some(&prepared)).await
            }
            Action::NoOp => Applied::done(prior.unwrap()),
            other => panic!("nobody asked for {other:?}"),
        };
        if let (None, Some(object)) = (&applied.error, &applied.object) {
            kept_its_word(&plan.planned, &object.attributes);
            let again = self.plan(Some(object), given).await;
            assert_eq!(again.action, Action::NoOp, "not settled after apply: {:?} {:?}", again.reason, again.diffs);
        }
        applied
    }

    pub async fn create(&self, given: &[(&str, Value)]) -> Object {
        done(self.apply(None, given).await)
    }

    pub async fn delete(&self, object: &Object) -> Applied {
        self.operate(Operation::Delete, Some(object.clone()), None).await
    }

    pub async fn find(&self, operation: Operation, given: &[(&str, Value)], prior: Option<Object>) -> Found {
        let identity = self.provider.identity(self.type_name, &self.prepare(given).unwrap().config);
        let lost = Lost {
            mark: self.mark.clone(),
            type_name: self.type_name.into(),
            operation,
            identity,
            prior,
            config: None,
        };
        self.connection.find(&[lost]).await.unwrap().remove(0)
    }
}

impl Bench {
    /// The folder of the resource beside the state.
    pub fn record(&self) -> PathBuf {
        self.place.data.join("local").join(self.mark.id.to_string())
    }

    /// The process id of a replica's supervisor.
    pub fn supervisor(&self, replica: usize) -> i64 {
        let status = text(&self.record().join(replica.to_string()).join("status.json"));
        serde_json::from_str::<serde_json::Value>(&status).unwrap()["supervisor"]["pid"].as_i64().unwrap()
    }

    /// Every file beside the state.
    pub fn all_files(&self) -> Vec<PathBuf> {
        self.all_files_below(&self.place.data)
    }

    /// Every file below a folder.
    pub fn all_files_below(&self, folder: &Path) -> Vec<PathBuf> {
        let mut files = Vec::new();
        let mut folders = vec![folder.to_owned()];
        while let Some(folder) = folders.pop() {
            for path in deployctl_sdk::fs::read_dir(&folder).unwrap_or_default() {
                if path.is_dir() { folders.push(path) } else { files.push(path) }
            }
        }
        files
    }
}

impl Bench {
    /// The supervisors that run for this folder, by their process ids.
    pub fn processes(&self) -> Vec<String> {
        let folder = self.place.data.to_string_lossy().into_owned();
        let all = deployctl_sdk::fs::read_dir("/proc".as_ref()).unwrap_or_default().into_iter();
        let ours = all.filter(|path| {
            let command = deployctl_sdk::fs::read(&path.join("cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&command).contains(&format!("__supervise\0{folder}"))
        });
        ours.filter_map(|path| Some(path.file_name()?.to_str()?.to_owned())).collect()
    }
}

impl Drop for Bench {
    /// Ends what a failed test has left running: the supervisors, and with them their services.
    fn drop(&mut self) {
        for pid in self.processes() {
            let _ = std::process::Command::new("kill").arg("-9").arg(pid).status();
        }
    }
}

/// Waits until something is so.
pub async fn eventually(what: &str, is_so: impl Fn() -> bool) {
    let until = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while !is_so() {
        assert!(std::time::Instant::now() < until, "it never came about that {what}");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

/// What a plan showed as known is what apply did.
fn kept_its_word(planned: &Value, real: &Value) {
    for diff in deployctl_sdk::diff(planned, real) {
        let known = diff.before.as_ref().is_some_and(|value| !value.contains_unknown());
        let same = matches!((&diff.before, &diff.after), (Some(a), Some(b)) if a.same(b));
        assert!(!known || same, "{} was planned as {:?} and is {:?}", diff.path, diff.before, diff.after);
    }
}

pub fn done(applied: Applied) -> Object {
    assert!(applied.error.is_none(), "{:?}", applied.error);
    applied.object.expect("there is an object")
}

pub fn strings(items: &[&str]) -> Value {
    Value::list(items.iter().map(|item| Value::from(*item)))
}

pub fn text(path: &Path) -> String {
    deployctl_sdk::fs::read_to_string(path).unwrap()
}

pub fn write(path: &Path, text: &str) {
    deployctl_sdk::fs::remove_file(path).unwrap();
    deployctl_sdk::fs::write_new(path, text.as_bytes(), 0o644).unwrap();
}

/// Files straight from the checkout, with what was captured kept by digest.
pub struct Checkout {
    root: PathBuf,
    store: Mutex<BTreeMap<Digest, Arc<[u8]>>>,
}

impl Files for Checkout {
    fn read(&self, path: &Path) -> Result<Arc<[u8]>, FileError> {
        let bytes = deployctl_sdk::fs::read(&self.root.join(path));
        bytes.map(Arc::from).map_err(|error| FileError { path: path.to_owned(), reason: error.source.to_string() })
    }

    fn capture(&self, path: &Path) -> Result<CapturedFile, FileError> {
        let bytes = self.read(path)?;
        let digest = Digest::of(&bytes);
        let file = CapturedFile {
            path: path.to_string_lossy().into_owned(),
            digest,
            size: bytes.len() as u64,
            executable: false,
        };
        self.store.lock().unwrap().insert(digest, bytes);
        Ok(file)
    }

    fn list(&self, folder: &Path) -> Result<Vec<String>, FileError> {
        Err(FileError { path: folder.to_owned(), reason: "nothing here lists folders".to_owned() })
    }

    fn entries(&self, folder: &Path, _: &str) -> Result<Vec<String>, FileError> {
        self.list(folder)
    }

    fn content(&self, digest: &Digest) -> Result<Arc<[u8]>, FileError> {
        let found = self.store.lock().unwrap().get(digest).cloned();
        found.ok_or_else(|| FileError { path: PathBuf::new(), reason: "not captured".to_owned() })
    }
}

pub fn supervisor() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_local-supervisor"))
}
