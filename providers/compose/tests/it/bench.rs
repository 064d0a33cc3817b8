//! A workbench: a folder with a project, the provider connected to a real engine, and the engine's part in short.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use deployctl_sdk::{
    Action, Address, Applied, CapturedFile, Change, Child, Connection, Desired, Digest, FileError, Files, Lineage,
    Object, Observed, Operation, Ownership, Place, PlanRequest, PlannedChange, Prepared, Progress, Provider,
    ProviderError, ReadRequest, ResourceId, Run, Value,
};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

pub const TYPE: &str = "compose_project";

/// An engine must be there: a test without one would say nothing.
pub fn docker(arguments: &[&str]) -> String {
    let output =
        Command::new("docker").args(arguments).output().expect("no `docker`: cargo xtask engines docker compose");
    assert!(
        output.status.success(),
        "docker {arguments:?}: {} (is the engine up? cargo xtask engines docker compose)",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

pub struct Bench {
    pub provider: Arc<dyn Provider>,
    pub connection: Arc<dyn Connection>,
    pub files: Arc<Checkout>,
    pub mark: Ownership,
    pub cancel: CancellationToken,
    pub place: Place,
    pub said: Arc<Mutex<Vec<String>>>,
    /// A name that nothing else on the engine begins with.
    pub name: String,
    _folder: TempDir,
}

impl Drop for Bench {
    /// Whatever a test that failed has left goes too.
    fn drop(&mut self) {
        let label = format!("label=com.docker.compose.project={}", self.name);
        let names = |arguments: &[&str]| {
            let output =
                Command::new("docker").args(arguments).output().map(|output| output.stdout).unwrap_or_default();
            String::from_utf8_lossy(&output).split_whitespace().map(str::to_owned).collect::<Vec<_>>()
        };
        for (list, remove) in [
            (vec!["ps", "-aq", "--filter", &label], vec!["rm", "-fv"]),
            (vec!["network", "ls", "-q", "--filter", &label], vec!["network", "rm"]),
            (vec!["volume", "ls", "-q", "--filter", &label], vec!["volume", "rm", "-f"]),
        ] {
            let found = names(&list);
            if !found.is_empty() {
                let _ = Command::new("docker").args(remove).args(found).output();
            }
        }
        for image in names(&["images", "-q", &format!("{}*", self.name)]) {
            let _ = Command::new("docker").args(["rmi", "-f", &image]).output();
        }
    }
}

impl Bench {
    pub async fn new(test: &str) -> Self {
        Self::with_settings(test, Value::map::<&str>([])).await
    }

    pub async fn with_settings(test: &str, settings: Value) -> Self {
        let folder = TempDir::new().unwrap();
        let root = std::fs::canonicalize(folder.path()).unwrap().join("root");
        let place =
            Place { data: root.join(".deployctl/default"), root, host: "test".to_owned(), lineage: Lineage::random() };
        std::fs::create_dir_all(&place.root).unwrap();
        let provider = deployctl_provider_compose::provider();
        let connection = provider.configure(&settings, &place).await.unwrap();
        let files = Arc::new(Checkout { root: place.root.clone(), store: Mutex::default() });
        let mark = Ownership { lineage: place.lineage, id: ResourceId::random(), address: Address::new(TYPE, "it") };
        let random = ResourceId::random().to_string();
        Self {
            provider,
            connection,
            files,
            mark,
            cancel: CancellationToken::new(),
            place,
            said: Arc::default(),
            name: format!("it-{test}-{}", &random[..8]),
            _folder: folder,
        }
    }

    /// Writes a file of the project.
    pub fn write(&self, path: &str, text: &str) {
        let path = self.place.root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.place.root.join(path)
    }

    /// A configuration with the schema's defaults filled in, and the bench's own project name.
    pub fn config(&self, given: &[(&str, Value)]) -> Value {
        let schema = self.provider.schema().resource(TYPE).unwrap();
        let attributes = schema.attributes.iter().filter(|attribute| !attribute.read_only);
        Value::map(attributes.map(|attribute| {
            let value = given.iter().find(|(name, _)| *name == attribute.name).map(|(_, value)| value.clone());
            let own = || (attribute.name == "project_name").then(|| Value::from(self.name.as_str()));
            let value = value.map(|value| attribute_value(&attribute.kind, &value)).or_else(own);
            (attribute.name.as_str(), value.or_else(|| attribute.default.clone()).unwrap_or_default())
        }))
    }

    pub fn try_prepare(&self, given: &[(&str, Value)]) -> Result<Prepared, Vec<ProviderError>> {
        let address = self.mark.address.clone();
        let desired = Desired { address, type_name: TYPE.into(), config: self.config(given) };
        self.provider.prepare(&desired, &*self.files)
    }

    pub fn prepare(&self, given: &[(&str, Value)]) -> Prepared {
        self.try_prepare(given).unwrap()
    }

    pub async fn read(&self, recorded: &Object) -> Observed {
        let request = ReadRequest { address: &self.mark.address, type_name: TYPE, id: self.mark.id, recorded };
        self.connection.read(&[request]).await.remove(0)
    }

    pub async fn observed(&self, recorded: Option<&Object>) -> Option<Object> {
        let recorded = recorded?;
        match self.read(recorded).await {
            Observed::AsRecorded => Some(recorded.clone()),
            Observed::Present(object) => Some(object),
            Observed::Absent => None,
            Observed::Unreadable { reason } => panic!("unreadable: {reason}"),
        }
    }

    pub async fn try_plan(
        &self,
        recorded: Option<&Object>,
        prepared: &Prepared,
    ) -> Result<PlannedChange, ProviderError> {
        let observed = self.observed(recorded).await;
        let schema = self.provider.schema().resource(TYPE).unwrap();
        let observed = if observed.as_ref() == recorded { recorded } else { observed.as_ref() };
        let request = PlanRequest {
            schema,
            address: &self.mark.address,
            recorded,
            observed,
            desired: prepared,
            files: &*self.files,
        };
        self.connection.plan(request).await
    }

    pub async fn plan(&self, recorded: Option<&Object>, given: &[(&str, Value)]) -> PlannedChange {
        self.try_plan(recorded, &self.prepare(given)).await.unwrap()
    }

    pub fn run(&self) -> Run {
        let said = self.said.clone();
        Run {
            cancel: self.cancel.clone(),
            progress: Progress::to(move |text| said.lock().unwrap().push(text)),
            files: self.files.clone(),
            timeout: None,
        }
    }

    pub async fn operate(&self, operation: Operation, prior: Option<Object>, prepared: Option<&Prepared>) -> Applied {
        let change = Change {
            mark: self.mark.clone(),
            type_name: TYPE.into(),
            operation,
            prior,
            config: prepared.map(|prepared| prepared.config.clone()).unwrap_or_default(),
            planned: Value::Null,
            captured: prepared.map(|prepared| prepared.captured.clone()).unwrap_or_default(),
            artefact: None,
        };
        self.connection.apply(&change, &self.run()).await
    }

    /// Does what a plan says.
    pub async fn carry_out(&self, recorded: Option<&Object>, prepared: &Prepared, plan: &PlannedChange) -> Applied {
        let prior = self.observed(recorded).await;
        match plan.action {
            Action::Create => self.operate(Operation::Create, None, Some(prepared)).await,
            Action::Update => self.operate(Operation::Update, prior, Some(prepared)).await,
            Action::Replace(_) => {
                let deleted = self.operate(Operation::Delete, prior, None).await;
                if deleted.error.is_some() {
                    return deleted;
                }
                self.operate(Operation::Create, None, Some(prepared)).await
            }
            Action::NoOp => Applied::done(prior.unwrap()),
            other => panic!("nobody asked for {other:?}"),
        }
    }

    /// Plans, applies, and holds Compose to every word of the plan: which containers are made, made anew, started and
    /// removed; and then there is nothing left to do.
    pub async fn apply(&self, recorded: Option<&Object>, given: &[(&str, Value)]) -> (Object, PlannedChange) {
        let prepared = self.prepare(given);
        let plan = self.try_plan(recorded, &prepared).await.unwrap();
        let before = self.reality();
        let applied = self.carry_out(recorded, &prepared, &plan).await;
        if let Some(error) = &applied.error {
            panic!("{:?} failed: {error} {:?}", plan.action, error.detail);
        }
        let after = self.reality();
        if plan.action != Action::NoOp {
            let done = what_was_done(&before, &after);
            assert_eq!(predicted(&plan.children), done, "left: planned, right: done\n{}", shown(&plan));
        } else {
            assert_eq!(before, after, "a plan with nothing to do did something");
        }
        let object = applied.object.unwrap();
        let again = self.plan(Some(&object), given).await;
        assert_eq!(again.action, Action::NoOp, "not settled after apply: {:?}\n{}", again.reason, shown(&again));
        assert!(again.drift.is_empty(), "{:?}", again.drift);
        (object, plan)
    }

    pub async fn delete(&self, object: &Object) -> Applied {
        self.operate(Operation::Delete, Some(object.clone()), None).await
    }

    /// Deletes the project, and looks that nothing of it is left.
    pub async fn destroy(&self, object: &Object) {
        let applied = self.delete(object).await;
        assert!(applied.error.is_none(), "{:?}", applied.error);
        assert!(applied.object.is_none());
        assert_eq!(self.leftovers(true), Vec::<String>::new());
    }

    /// The containers of the project as they are.
    pub fn reality(&self) -> BTreeMap<String, Real> {
        let label = format!("label=com.docker.compose.project={}", self.name);
        let ids = docker(&["ps", "-aq", "--no-trunc", "--filter", &label]);
        if ids.is_empty() {
            return BTreeMap::new();
        }
        let format = "{{.Name}} {{.Id}} {{.State.StartedAt}} {{index .Config.Labels \"com.docker.compose.service\"}}";
        let mut arguments = vec!["inspect", "--format", format];
        arguments.extend(ids.split_whitespace());
        let lines = docker(&arguments);
        let real = |line: &str| {
            let mut words = line.split(' ');
            let name = words.next().unwrap().trim_start_matches('/').to_owned();
            let mut next = || words.next().unwrap_or_default().to_owned();
            (name, Real { id: next(), started: next(), service: next() })
        };
        lines.lines().map(real).collect()
    }

    /// What there is of the project: containers, networks, and volumes if asked for.
    pub fn leftovers(&self, volumes: bool) -> Vec<String> {
        let label = format!("label=com.docker.compose.project={}", self.name);
        let mut left = docker(&["ps", "-a", "--format", "container {{.Names}}", "--filter", &label]);
        left += &format!("\n{}", docker(&["network", "ls", "--format", "network {{.Name}}", "--filter", &label]));
        if volumes {
            left += &format!("\n{}", docker(&["volume", "ls", "--format", "volume {{.Name}}", "--filter", &label]));
        }
        left.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
    }

    pub fn container(&self, name: &str) -> String {
        format!("{}-{name}", self.name)
    }
}

/// A container as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Real {
    pub id: String,
    pub started: String,
    pub service: String,
}

/// What happens to the containers of one service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Done {
    pub created: usize,
    pub recreated: usize,
    pub started: usize,
    pub removed: usize,
}

fn what_was_done(before: &BTreeMap<String, Real>, after: &BTreeMap<String, Real>) -> BTreeMap<String, Done> {
    let mut done: BTreeMap<String, Done> = BTreeMap::new();
    for (name, real) in after {
        let entry = done.entry(real.service.clone()).or_default();
        match before.get(name) {
            None => entry.created += 1,
            Some(old) if old.id != real.id => entry.recreated += 1,
            Some(old) if old.started != real.started => entry.started += 1,
            Some(_) => {}
        }
    }
    for (_, real) in before.iter().filter(|(name, _)| !after.contains_key(*name)) {
        done.entry(real.service.clone()).or_default().removed += 1;
    }
    done.retain(|_, what| *what != Done::default());
    done
}

/// What a plan's own words say of each service.
fn predicted(children: &[Child]) -> BTreeMap<String, Done> {
    let mut predicted: BTreeMap<String, Done> = BTreeMap::new();
    for child in children.iter().filter(|child| child.action != Action::NoOp) {
        let mut done = Done::default();
        let what = child.reason.split(": ").next().unwrap();
        let name = match child.kind.as_str() {
            "service" => child.name.clone(),
            "container" => {
                done.removed += 1;
                child.reason.trim_start_matches("removed: ").split(' ').next().unwrap().to_owned()
            }
            _ => continue,
        };
        if child.kind == "service" && child.action == Action::Create {
            let count = what.split(", ").find_map(|part| part.strip_suffix(" containers")?.parse().ok());
            done.created += count.unwrap_or(1);
        }
        let of_all = |part: &str| {
            let all = part.strip_prefix("all ").and_then(|rest| rest.split(' ').next());
            all.or(part.split_once(" of ").map(|(count, _)| count)).map(|count| count.parse::<usize>().unwrap())
        };
        for part in what.split(", ").filter(|_| child.kind == "service") {
            if let Some((from, to)) = part.strip_prefix("scaled ").and_then(|scaled| scaled.split_once(" → ")) {
                let (from, to): (usize, usize) = (from.parse().unwrap(), to.parse().unwrap());
                done.created += to.saturating_sub(from);
                done.removed += from.saturating_sub(to);
            } else if part.contains("recreated") {
                done.recreated += of_all(part).unwrap_or(1);
            } else if part.contains("started") || part.contains("runs again") {
                done.started += of_all(part).unwrap_or(1);
            }
        }
        let entry: &mut Done = predicted.entry(name).or_default();
        entry.removed += done.removed;
        entry.created += done.created;
        entry.recreated += done.recreated;
        entry.started += done.started;
    }
    predicted
}

/// A plan's children as text.
pub fn shown(plan: &PlannedChange) -> String {
    let line = |child: &Child| {
        let diffs: String =
            child.diffs.iter().map(|diff| format!(" [{} {:?} → {:?}]", diff.path, diff.before, diff.after)).collect();
        format!("{} {} {}: {}{diffs}\n", child.action.symbol(), child.kind, child.name, child.reason)
    };
    let children: String = plan.children.iter().map(line).collect();
    format!("{:?}\n{children}{:?}\n{:?}", plan.diffs, plan.risks, plan.notes)
}

/// The reason that a plan gives for one of its parts.
pub fn reason<'p>(plan: &'p PlannedChange, name: &str) -> &'p str {
    let child = plan.children.iter().find(|child| child.name == name);
    child.map(|child| child.reason.as_str()).unwrap_or_else(|| panic!("no {name} in {}", shown(plan)))
}

fn attribute_value(kind: &deployctl_sdk::AttributeKind, value: &Value) -> Value {
    match kind {
        deployctl_sdk::AttributeKind::Value(ty) => ty.convert(value).unwrap(),
        deployctl_sdk::AttributeKind::Block { .. } => value.clone(),
    }
}

pub fn texts(items: &[&str]) -> Value {
    Value::list(items.iter().map(|item| Value::from(*item)))
}

/// Files from a folder, kept by content.
pub struct Checkout {
    pub root: PathBuf,
    pub store: Mutex<BTreeMap<Digest, Arc<[u8]>>>,
}

impl Files for Checkout {
    fn read(&self, path: &Path) -> Result<Arc<[u8]>, FileError> {
        let failed = |error: std::io::Error| FileError { path: path.to_owned(), reason: error.to_string() };
        let bytes: Arc<[u8]> = std::fs::read(self.root.join(path)).map_err(failed)?.into();
        self.store.lock().unwrap().insert(Digest::of(&bytes), bytes.clone());
        Ok(bytes)
    }

    fn capture(&self, path: &Path) -> Result<CapturedFile, FileError> {
        let bytes = self.read(path)?;
        Ok(CapturedFile {
            path: path.display().to_string(),
            digest: Digest::of(&bytes),
            size: bytes.len() as u64,
            executable: false,
        })
    }

    fn list(&self, folder: &Path) -> Result<Vec<String>, FileError> {
        let full = self.root.join(folder);
        if !full.is_dir() {
            return Err(FileError { path: folder.to_owned(), reason: "no such folder".to_owned() });
        }
        let mut found = Vec::new();
        let mut folders = vec![full.clone()];
        while let Some(next) = folders.pop() {
            for entry in std::fs::read_dir(next).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    found.push(path.strip_prefix(&full).unwrap().display().to_string());
                }
            }
        }
        found.retain(|path| !path.starts_with(".deployctl/"));
        found.sort();
        Ok(found)
    }

    fn entries(&self, folder: &Path, suffix: &str) -> Result<Vec<String>, FileError> {
        Ok(self.list(folder)?.into_iter().filter(|path| !path.contains('/') && path.ends_with(suffix)).collect())
    }

    fn content(&self, digest: &Digest) -> Result<Arc<[u8]>, FileError> {
        let found = self.store.lock().unwrap().get(digest).cloned();
        found.ok_or_else(|| FileError { path: PathBuf::from(digest.short()), reason: "not captured".to_owned() })
    }
}

/// Copies a folder's files over another's.
pub fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(&path, &target).unwrap();
        }
    }
}
