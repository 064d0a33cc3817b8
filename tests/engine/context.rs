//! A configuration in a folder of its own, on a simulated world that outlives every run.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use deployctl::apply::{self, Applied, ApplyOptions, Interrupt};
use deployctl::builtin::Builtin;
use deployctl::error::{Error, ErrorKind, Result};
use deployctl::event::{Event, Events, Outcome, Skip};
use deployctl::plan::{self, Mode, Plan, PlanRequest, Planned};
use deployctl::project::{Project, ProjectOptions, Session};
use deployctl::providers::Providers;
use deployctl::state::{Record, State};
use deployctl_sdk::sim::{Odds, Thing, World};
use deployctl_sdk::{Action, Address, ProviderSchema, Value};

use crate::bent::{Bent, Script};

/// The folder, the world, and what happened.
pub struct Context {
    folder: tempfile::TempDir,
    pub world: World,
    pub script: Script,
    pub events: Arc<Mutex<Vec<Event>>>,
    pub options: ApplyOptions,
    pub variables: Vec<(String, String)>,
    pub environment: Option<String>,
    pub schema: fn(&mut ProviderSchema),
}

/// What a finished run came to.
pub struct Ran {
    pub applied: Applied,
    pub state: State,
}

impl Context {
    /// A folder with this `main.hcl`.
    pub fn new(main: &str) -> Self {
        let context = Self {
            folder: tempfile::tempdir().unwrap(),
            world: World::new(1, Odds::default()),
            script: Script::default(),
            events: Arc::default(),
            options: ApplyOptions::default(),
            variables: Vec::new(),
            environment: None,
            schema: |_| {},
        };
        context.write("main.hcl", main);
        context
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        let path = self.file(name);
        deployctl_sdk::fs::write_atomic(&path, text.as_bytes(), 0o600).unwrap();
    }

    /// Replaces the configuration.
    pub fn main(&self, text: &str) {
        self.write("main.hcl", text);
    }

    pub fn providers(&self) -> Providers {
        let mut providers = Providers::built_in(PathBuf::from("/bin/false"));
        providers.add(Arc::new(Builtin::new()));
        providers.add(Arc::new(Bent::new(self.world.clone(), self.script.clone(), self.schema)));
        providers
    }

    pub fn sink(&self) -> Events {
        let events = self.events.clone();
        Events::to(move |event| events.lock().unwrap().push(event))
    }

    pub async fn open(&self) -> Result<Project> {
        let options = ProjectOptions {
            dir: self.path().to_owned(),
            environment: self.environment.clone(),
            variables: self.variables.clone(),
            ..ProjectOptions::default()
        };
        Project::open(&options, self.providers(), self.sink()).await
    }

    pub async fn project(&self) -> Project {
        self.open().await.unwrap_or_else(|error| panic!("{}", told(&error)))
    }

    pub async fn try_plan(&self, request: &PlanRequest) -> Result<Planned> {
        let project = self.open().await?;
        let current = project.current().await?;
        plan::plan(&project, &current, request).await
    }

    pub async fn plan_with(&self, request: &PlanRequest) -> Planned {
        self.try_plan(request).await.unwrap_or_else(|error| panic!("{}", told(&error)))
    }

    /// The plan of what is configured now.
    pub async fn plan(&self) -> Plan {
        self.plan_with(&PlanRequest::default()).await.plan
    }

    pub async fn try_apply(&self, request: &PlanRequest, interrupt: &Interrupt) -> Result<Ran> {
        let project = self.open().await?;
        let session = project.lock("apply", Duration::ZERO, None).await?;
        let planned = plan::plan(&project, &session.current, request).await?;
        self.carry_out(&project, session, planned, interrupt).await
    }

    pub async fn carry_out(
        &self,
        project: &Project,
        session: Session,
        planned: Planned,
        interrupt: &Interrupt,
    ) -> Result<Ran> {
        let (mut applied, mut state, mut session) =
            apply::apply(project, session, &planned, &self.options, interrupt).await?;
        if apply::undo_wanted(project, &planned.plan.mode, &applied) {
            let (undone, after) = apply::undo(project, session, &applied, &self.options, interrupt).await?;
            state.clone_from(&after.current.state);
            applied.undone = Some(Box::new(undone));
            session = after;
        }
        session.lock.release().await?;
        Ok(Ran { applied, state })
    }

    pub async fn apply_with(&self, request: &PlanRequest) -> Ran {
        let ran = self.try_apply(request, &Interrupt::new()).await;
        ran.unwrap_or_else(|error| panic!("{}", told(&error)))
    }

    /// Plans and applies, however that ends.
    pub async fn run(&self) -> Ran {
        self.apply_with(&PlanRequest::default()).await
    }

    /// Plans and applies, and all of it works.
    pub async fn apply(&self) -> Ran {
        let ran = self.run().await;
        assert!(ran.applied.is_success(), "{:#?}", ran.applied.ledger);
        ran
    }

    /// Makes sure that nothing is left to be done.
    pub async fn settled(&self) {
        let planned = self.plan_with(&PlanRequest::default()).await;
        assert!(planned.plan.is_empty(), "{:?} {:?}", actions(&planned.plan), planned.plan.outputs);
    }

    pub async fn state(&self) -> State {
        let project = self.project().await;
        project.store().load().await.unwrap().state
    }

    pub async fn record(&self, text: &str) -> Option<Arc<Record>> {
        self.state().await.records.get(&address(text)).cloned()
    }

    /// The names of the things that there really are, sorted.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.world.things().values().map(name_of).collect();
        names.sort();
        names
    }

    /// The number of the thing of that name.
    pub fn number(&self, name: &str) -> u64 {
        let things = self.world.things();
        *things.iter().find(|(_, thing)| name_of(thing) == name).unwrap_or_else(|| panic!("no {name}")).0
    }

    /// Changes a thing behind deployctl's back.
    pub fn meddle(&self, name: &str, attribute: &str, value: impl Into<Value>) {
        let number = self.number(name);
        let (attribute, value) = (Arc::from(attribute), value.into());
        assert!(self.world.meddle(number, |thing| {
            thing.config.insert(attribute, value);
        }));
    }

    /// Every file below the folder with its bytes.
    pub fn bytes(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut found = BTreeMap::new();
        let mut todo = vec![self.path().to_owned()];
        while let Some(folder) = todo.pop() {
            for entry in deployctl_sdk::fs::read_dir(&folder).unwrap() {
                if entry.is_dir() {
                    found.insert(entry.clone(), Vec::new());
                    todo.push(entry);
                } else {
                    found.insert(entry.clone(), deployctl_sdk::fs::read(&entry).unwrap());
                }
            }
        }
        found
    }
}

fn name_of(thing: &Thing) -> String {
    thing.config.get("name").and_then(Value::as_str).unwrap_or("?").to_owned()
}

pub fn address(text: &str) -> Address {
    text.parse().unwrap()
}

/// An error with everything that it says.
pub fn told(error: &Error) -> String {
    let report = error.report.iter().flat_map(|report| &report.diagnostics);
    let report: Vec<String> = report.map(|d| format!("{} {:?}", d.message, d.help)).collect();
    format!("{error} {:?} {:?} {report:?}", error.detail, error.hint)
}

/// The kind of a failure that must be one.
pub fn kind<T>(result: Result<T>) -> ErrorKind {
    match result {
        Ok(_) => panic!("it worked"),
        Err(error) => error.kind,
    }
}

/// `+ sim_object.a new`, in the order of the plan.
pub fn actions(plan: &Plan) -> Vec<String> {
    let changes = plan.changes.iter().filter(|change| change.action != Action::NoOp);
    changes
        .map(|change| {
            let reason = serde_json::to_value(&change.reason).unwrap();
            format!("{} {} {}", change.action.symbol(), change.address, reason["code"].as_str().unwrap())
        })
        .collect()
}

/// `sim_object.a: done`, sorted.
pub fn outcomes(applied: &Applied) -> Vec<String> {
    let mut lines: Vec<String> = applied.ledger.entries.iter().map(|e| line(&e.address, &e.outcome)).collect();
    lines.sort();
    lines
}

fn line(address: &Address, outcome: &Outcome) -> String {
    let word = match outcome {
        Outcome::Done => "done".to_owned(),
        Outcome::Failed { .. } => "failed".to_owned(),
        Outcome::Unhealthy { .. } => "unhealthy".to_owned(),
        Outcome::Cancelled => "cancelled".to_owned(),
        Outcome::NotStarted { why: Skip::Needs { address } } => format!("needs {address}"),
        Outcome::NotStarted { why } => format!("not started: {why:?}"),
    };
    format!("{address}: {word}")
}

pub fn destroy() -> PlanRequest {
    PlanRequest { mode: Mode::Destroy, ..PlanRequest::default() }
}

pub fn refresh_only() -> PlanRequest {
    PlanRequest { mode: Mode::RefreshOnly, ..PlanRequest::default() }
}

/// `resource "sim_object" "NAME"` with its name and these lines.
pub fn object(name: &str, lines: &str) -> String {
    format!("resource \"sim_object\" \"{name}\" {{\n  name = \"{name}\"\n{lines}\n}}\n")
}
