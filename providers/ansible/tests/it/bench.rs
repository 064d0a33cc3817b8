//! A workbench: an empty folder, the provider connected to it, and the engine's part in short.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use deployctl_provider_ansible::AnsibleProvider;
use deployctl_sdk::{
    Action, Address, Applied, CapturedFile, Change, Connection, Desired, Digest, FileError, Files, Lineage, Object,
    Operation, Ownership, Place, PlanRequest, PlannedChange, Prepared, Progress, Provider, ProviderError, ResourceId,
    Run, Value, conformance,
};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

pub const TYPE: &str = "ansible_playbook";

/// A program of Ansible's, or one that was installed with it.
pub fn program(name: &str) -> PathBuf {
    let found = deployctl_sdk::program::find("ansible-playbook", std::path::Path::new("/"));
    let found = found.expect("there is no ansible-playbook in PATH: eval \"$(cargo xtask engines ansible)\"");
    let path = found.with_file_name(name);
    assert!(path.is_file(), "there is no {}: eval \"$(cargo xtask engines ansible)\"", path.display());
    path
}

/// The interpreter for modules on this machine, so that nothing has to be discovered.
pub fn python() -> String {
    program("python3").display().to_string()
}

pub struct Bench {
    pub provider: Arc<dyn Provider>,
    pub connection: Arc<dyn Connection>,
    pub files: Arc<Checkout>,
    pub mark: Ownership,
    pub cancel: CancellationToken,
    pub place: Place,
    pub said: Arc<Mutex<Vec<String>>>,
    _folder: Arc<TempDir>,
}

impl Bench {
    pub async fn new() -> Self {
        let folder = Arc::new(TempDir::new().unwrap());
        let place = Place {
            root: folder.path().join("root"),
            data: folder.path().join("root/.deployctl/default"),
            host: "test".to_owned(),
            lineage: Lineage::random(),
        };
        deployctl_sdk::fs::create_dir_all(&place.root).unwrap();
        let provider: Arc<dyn Provider> = Arc::new(AnsibleProvider::new());
        let connection = provider.configure(&Value::map::<&str>([]), &place).await.unwrap();
        let files = Arc::new(Checkout { root: place.root.clone(), store: Mutex::default() });
        let mark = Ownership { lineage: place.lineage, id: ResourceId::random(), address: Address::new(TYPE, "it") };
        let (cancel, said) = (CancellationToken::new(), Arc::default());
        Self { provider, connection, files, mark, cancel, place, said, _folder: folder }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.place.root.join(name)
    }

    /// Writes a file of the checkout.
    pub fn write(&self, name: &str, text: &str) {
        write(&self.path(name), text);
    }

    /// A configuration with the schema's defaults filled in, on the real program.
    pub fn config(&self, given: &[(&str, Value)]) -> Value {
        let mut members: Vec<(&str, Value)> =
            vec![("binary", Value::from(program("ansible-playbook").display().to_string()))];
        members.extend(given.iter().cloned());
        let schema = self.provider.schema().resource(TYPE).unwrap();
        conformance::settle(&schema.attributes, &Value::map(members)).unwrap()
    }

    pub fn prepare(&self, given: &[(&str, Value)]) -> Result<Prepared, Vec<ProviderError>> {
        let address = self.mark.address.clone();
        let desired = Desired { address, type_name: TYPE.into(), config: self.config(given) };
        self.provider.prepare(&desired, &*self.files)
    }

    pub async fn try_plan(
        &self,
        recorded: Option<&Object>,
        given: &[(&str, Value)],
    ) -> Result<PlannedChange, ProviderError> {
        let prepared = self.prepare(given).map_err(|mut problems| problems.remove(0))?;
        self.plan_prepared(recorded, &prepared).await
    }

    pub async fn plan(&self, recorded: Option<&Object>, given: &[(&str, Value)]) -> PlannedChange {
        self.try_plan(recorded, given).await.unwrap()
    }

    pub async fn plan_prepared(
        &self,
        recorded: Option<&Object>,
        prepared: &Prepared,
    ) -> Result<PlannedChange, ProviderError> {
        let schema = self.provider.schema().resource(TYPE).unwrap();
        let address = &self.mark.address;
        let request =
            PlanRequest { schema, address, recorded, observed: recorded, desired: prepared, files: &*self.files };
        self.connection.plan(request).await
    }

    pub fn run(&self) -> Run {
        let said = self.said.clone();
        let progress = Progress::to(move |text| said.lock().unwrap().push(text));
        Run { cancel: self.cancel.clone(), progress, files: self.files.clone(), timeout: None }
    }

    pub fn change(&self, operation: Operation, prior: Option<Object>, prepared: &Prepared, planned: &Value) -> Change {
        Change {
            mark: self.mark.clone(),
            type_name: TYPE.into(),
            operation,
            prior,
            config: prepared.config.clone(),
            planned: planned.clone(),
            captured: prepared.captured.clone(),
            artefact: None,
        }
    }

    /// Plans and does what the plan says.
    pub async fn apply(&self, recorded: Option<&Object>, given: &[(&str, Value)]) -> Applied {
        let prepared = self.prepare(given).unwrap();
        let plan = self.plan_prepared(recorded, &prepared).await.unwrap();
        self.carry_out(recorded, &prepared, &plan).await
    }

    pub async fn carry_out(&self, recorded: Option<&Object>, prepared: &Prepared, plan: &PlannedChange) -> Applied {
        let operation = match plan.action {
            Action::Create => Operation::Create,
            Action::Update => Operation::Update,
            Action::NoOp => return Applied::done(recorded.unwrap().clone()),
            other => panic!("nobody asked for {other:?}"),
        };
        let change = self.change(operation, recorded.cloned(), prepared, &plan.planned);
        self.connection.apply(&change, &self.run()).await
    }

    pub async fn create(&self, given: &[(&str, Value)]) -> Object {
        done(self.apply(None, given).await)
    }

    pub async fn delete(&self, object: &Object) -> Applied {
        let nothing = Prepared { config: Value::Null, captured: Vec::new() };
        let change = self.change(Operation::Delete, Some(object.clone()), &nothing, &Value::Null);
        self.connection.apply(&change, &self.run()).await
    }

    /// Everything that was said on the way.
    pub fn said(&self) -> Vec<String> {
        self.said.lock().unwrap().clone()
    }

    /// Every file below the folder beside the state.
    pub fn left_beside_the_state(&self) -> Vec<PathBuf> {
        files_below(&self.place.data)
    }
}

pub fn done(applied: Applied) -> Object {
    assert!(applied.error.is_none(), "{:?}", applied.error);
    applied.object.expect("there is an object")
}

/// An inventory of hosts on this machine.
pub fn local(hosts: &[&str]) -> Value {
    let hosts = Value::list(hosts.iter().map(|host| Value::from(*host)));
    let vars = Value::map([
        ("ansible_connection", Value::from("local")),
        ("ansible_python_interpreter", Value::from(python())),
    ]);
    Value::map([("all", Value::map([("hosts", hosts), ("vars", vars)]))])
}

pub fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for path in deployctl_sdk::fs::read_dir(&folder).unwrap_or_default() {
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files
}

pub fn write(path: &Path, text: &str) {
    deployctl_sdk::fs::create_dir_all(path.parent().unwrap()).unwrap();
    deployctl_sdk::fs::remove_file(path).unwrap();
    deployctl_sdk::fs::write_new(path, text.as_bytes(), 0o644).unwrap();
}

pub fn text(path: &Path) -> String {
    deployctl_sdk::fs::read_to_string(path).unwrap()
}

/// Waits until something is so.
pub async fn eventually(what: &str, is_so: impl Fn() -> bool) {
    let until = std::time::Instant::now() + std::time::Duration::from_secs(300);
    while !is_so() {
        assert!(std::time::Instant::now() < until, "it never came about that {what}");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

/// Files straight from the checkout, with what was captured kept by digest.
pub struct Checkout {
    pub root: PathBuf,
    pub store: Mutex<BTreeMap<Digest, Arc<[u8]>>>,
}

impl Checkout {
    fn fail(path: &Path, error: &deployctl_sdk::fs::FsError) -> FileError {
        let reason = match error.source.kind() {
            std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
            std::io::ErrorKind::IsADirectory => "it is a folder".to_owned(),
            _ => error.source.to_string(),
        };
        FileError { path: path.to_owned(), reason }
    }
}

impl Files for Checkout {
    fn read(&self, path: &Path) -> Result<Arc<[u8]>, FileError> {
        let bytes = deployctl_sdk::fs::read(&self.root.join(path));
        bytes.map(Arc::from).map_err(|error| Self::fail(path, &error))
    }

    fn capture(&self, path: &Path) -> Result<CapturedFile, FileError> {
        let bytes = self.read(path)?;
        let digest = Digest::of(&bytes);
        let size = bytes.len() as u64;
        self.store.lock().unwrap().insert(digest, bytes);
        let executable = deployctl_sdk::fs::is_executable(&self.root.join(path));
        Ok(CapturedFile { path: path.to_string_lossy().into_owned(), digest, size, executable })
    }

    fn list(&self, folder: &Path) -> Result<Vec<String>, FileError> {
        let full = self.root.join(folder);
        deployctl_sdk::fs::read_dir(&full).map_err(|error| Self::fail(folder, &error))?;
        let mut paths: Vec<String> = files_below(&full)
            .iter()
            .map(|path| path.strip_prefix(&full).unwrap().to_string_lossy().into_owned())
            .filter(|path| !path.starts_with(".deployctl/"))
            .collect();
        paths.sort();
        Ok(paths)
    }

    fn entries(&self, folder: &Path, suffix: &str) -> Result<Vec<String>, FileError> {
        let entries =
            deployctl_sdk::fs::read_dir(&self.root.join(folder)).map_err(|error| Self::fail(folder, &error))?;
        let files = entries.iter().filter(|path| path.is_file());
        let names = files.map(|path| path.file_name().unwrap().to_string_lossy().into_owned());
        Ok(names.filter(|name| name.ends_with(suffix)).collect())
    }

    fn content(&self, digest: &Digest) -> Result<Arc<[u8]>, FileError> {
        let found = self.store.lock().unwrap().get(digest).cloned();
        found.ok_or_else(|| FileError { path: PathBuf::new(), reason: "not captured".to_owned() })
    }
}
