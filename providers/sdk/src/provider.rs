//! The contract: what deployctl asks of a provider, and what it may rely on.
//!
//! The law, which the conformance kit checks against the real engine:
//! - what a plan showed as known is what apply did;
//! - after apply, read and plan find nothing to do;
//! - deleting what is gone succeeds, and applying twice equals applying once;
//! - a failure or a cancellation leaves a record that tells the truth;
//! - what does not bear our mark is never changed.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use crate::address::Address;
use crate::change::{Note, PlannedChange, Risk};
use crate::default_plan;
use crate::diff::Diff;
use crate::error::{ErrorKind, ProviderError};
use crate::files::{CapturedFile, Files};
use crate::object::Object;
use crate::ownership::{Ownership, ResourceId};
use crate::schema::{ProviderSchema, ResourceSchema};
use crate::value::Value;

/// A provider before it is connected to anything: what it offers, and what it can say offline.
#[async_trait]
pub trait Provider: Send + Sync {
    /// What it offers.
    fn schema(&self) -> &ProviderSchema;

    /// Checks a resource's configuration beyond its schema, settles it (defaults that depend on other attributes), and
    /// captures the files that it names. Offline, and pure apart from reading those files. Values may be unknown.
    ///
    /// # Errors
    /// Kind [`ErrorKind::Invalid`] with the attribute at fault; several at once where several are wrong.
    fn prepare(&self, desired: &Desired, files: &dyn Files) -> Result<Prepared, Vec<ProviderError>> {
        let _ = files;
        Ok(Prepared { config: desired.config.clone(), captured: Vec::new() })
    }

    /// What besides the mark would find the object again after a crash in the middle of its creation, from its
    /// configuration: a path, a project name. Written to the journal before the action starts, so nothing secret.
    fn identity(&self, type_name: &str, config: &Value) -> Option<Value> {
        let _ = (type_name, config);
        None
    }

    /// What removing a recorded object means, for the plan that shows it. Offline.
    fn removal(&self, type_name: &str, object: &Object) -> Removal {
        let _ = (type_name, object);
        Removal::default()
    }

    /// Brings a record made under an older version of the type's schema up to the present one.
    ///
    /// # Errors
    /// When there is no way from that version.
    fn upgrade(&self, type_name: &str, version: u32, object: Object) -> Result<Object, ProviderError> {
        let _ = object;
        Err(ProviderError::new(
            ErrorKind::Internal,
            format!("records of {type_name} in version {version} cannot be upgraded"),
        ))
    }

    /// Connects to the engine with the settings of a `provider` block, all known. Should not fail for an engine that is
    /// merely down: `read` and `apply` say that for the resources that need it.
    ///
    /// # Errors
    /// When the settings cannot be.
    async fn configure(&self, settings: &Value, place: &Place) -> Result<Arc<dyn Connection>, ProviderError>;
}

/// A provider with its settings: what it can do with the engine.
#[async_trait]
pub trait Connection: Send + Sync {
    /// What is really there, an answer for each request and in the same order. One round trip for many wherever the
    /// engine has one.
    async fn read(&self, batch: &[ReadRequest<'_>]) -> Vec<Observed>;

    /// What is really there, looked at as thoroughly as the engine can, for a run that only refreshes: there `plan` is not
    /// asked, so an engine whose own plan does the looking does it here. An answer for each and in the same order.
    async fn refresh(&self, batch: &[ReadRequest<'_>], files: &dyn Files) -> Vec<Refreshed> {
        let _ = files;
        self.read(batch).await.into_iter().map(|observed| Refreshed { observed, drift: Vec::new() }).collect()
    }

    /// What deleting one resource does to its parts, for an engine that plans deletions itself: children, risks, notes, the
    /// engine's own plan. `None` where there is nothing more to say than that it is deleted. Changes nothing real.
    ///
    /// # Errors
    /// When the engine cannot be asked.
    async fn plan_deletion(&self, request: DeletionRequest<'_>) -> Result<Option<PlannedChange>, ProviderError> {
        let _ = request;
        Ok(None)
    }

    /// What to do with one resource. Changes nothing real.
    ///
    /// # Errors
    /// When the engine refuses the configuration, or cannot be asked.
    async fn plan(&self, request: PlanRequest<'_>) -> Result<PlannedChange, ProviderError> {
        default_plan::plan(&request)
    }

    /// Does one operation and answers with the truth, whatever happened on the way.
    async fn apply(&self, change: &Change, run: &Run) -> Applied;

    /// Looks for what an interrupted run may have left, by mark or by identity, an answer for each and in the same order.
    ///
    /// # Errors
    /// When the engine cannot be asked; nothing may then be assumed of any of them.
    async fn find(&self, lost: &[Lost]) -> Result<Vec<Found>, ProviderError>;

    /// Everything that bears the mark of a lineage, for rebuilding a lost state.
    ///
    /// # Errors
    /// When the engine cannot be asked.
    async fn find_all(&self, place: &Place) -> Result<Vec<(Ownership, Object)>, ProviderError> {
        let _ = place;
        Ok(Vec::new())
    }

    /// Lets go of what was kept for going back to earlier revisions, and is needed by no object any more that the state or a
    /// revision still has. Answers what goes, in words; with `dry_run` it stays.
    ///
    /// # Errors
    /// When the engine cannot be asked, or refuses.
    async fn let_go(&self, needed: &[Object], dry_run: bool) -> Result<Vec<String>, ProviderError> {
        let _ = (needed, dry_run);
        Ok(Vec::new())
    }

    /// Describes an existing object so that it can be managed from now on, and marks it where the engine allows that.
    ///
    /// # Errors
    /// When there is no such object, it belongs to another state, or the type cannot be imported.
    async fn import(&self, type_name: &str, id: &str, mark: &Ownership) -> Result<Object, ProviderError> {
        let _ = (id, mark);
        Err(ProviderError::new(ErrorKind::Refused, format!("{type_name} cannot be imported")))
    }

    /// The program behind it, as far as it was met in this run; `None` where there is none, or it did not answer. Asked after
    /// planning and before applying, and recorded, so that a plan that meets another version of it can say so.
    async fn engine(&self) -> Option<Engine> {
        None
    }

    /// The engine's own notion of whether the object works. Only asked of types whose schema says `has_health`.
    async fn health(&self, type_name: &str, object: &Object) -> HealthReport {
        let _ = (type_name, object);
        HealthReport::Unknown
    }

    /// Sends log lines to `request.sink` until there are no more, or until cancelled when following.
    ///
    /// # Errors
    /// When there are no logs to be had.
    async fn logs(&self, request: LogRequest<'_>) -> Result<(), ProviderError> {
        Err(ProviderError::new(ErrorKind::Refused, format!("{} has no logs", request.type_name)))
    }
}

/// Where a run takes place.
#[derive(Debug, Clone)]
pub struct Place {
    /// The configuration's folder: relative paths start here.
    pub root: PathBuf,
    /// A folder of this environment's own, for what a provider must keep beside the state (made on first use).
    pub data: PathBuf,
    /// The identity of this host.
    pub host: String,
    /// The state's lineage; objects that bear another are not ours.
    pub lineage: crate::ownership::Lineage,
}

/// A resource as the configuration wants it.
#[derive(Debug, Clone)]
pub struct Desired {
    /// Where.
    pub address: Address,
    /// Its type.
    pub type_name: Arc<str>,
    /// Its attributes after conversion to the schema's types and with the schema's defaults; may hold unknown values.
    pub config: Value,
}

/// A resource's configuration, checked and settled.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// The settled configuration.
    pub config: Value,
    /// The files it names, captured.
    pub captured: Vec<CapturedFile>,
}

/// Asks what is really there.
#[derive(Debug, Clone, Copy)]
pub struct ReadRequest<'r> {
    /// Where, for messages.
    pub address: &'r Address,
    /// Its type.
    pub type_name: &'r str,
    /// The mark's id.
    pub id: ResourceId,
    /// What was recorded.
    pub recorded: &'r Object,
}

/// What is really there.
#[derive(Debug, Clone)]
pub enum Observed {
    /// It is there and exactly as recorded.
    AsRecorded,
    /// It is there, like this.
    Present(Object),
    /// It is not there.
    Absent,
    /// It cannot be told. Never taken for absent.
    Unreadable {
        /// Why, in words.
        reason: String,
    },
}

/// Asks what to do with one resource that stays in the configuration.
#[derive(Clone, Copy)]
pub struct PlanRequest<'r> {
    /// Its type.
    pub schema: &'r ResourceSchema,
    /// Where, for messages.
    pub address: &'r Address,
    /// What was recorded; `None` if nothing was.
    pub recorded: Option<&'r Object>,
    /// What is really there, where something was recorded and could be read; `recorded` itself if nothing differs.
    pub observed: Option<&'r Object>,
    /// What the configuration wants.
    pub desired: &'r Prepared,
    /// What the captured files hold, for an engine whose own plan is made from them.
    pub files: &'r dyn Files,
}

/// What removing an object means, beside what its type's schema says of it.
#[derive(Debug, Clone, Default)]
pub struct Removal {
    /// Whether there is nothing to be done with the real thing: it is forgotten, and no deletion is carried out.
    pub forgets: bool,
    /// What a person would want to know.
    pub risks: Vec<Risk>,
    /// Remarks.
    pub notes: Vec<Note>,
}

/// What a thorough look found.
#[derive(Debug, Clone)]
pub struct Refreshed {
    /// What is there.
    pub observed: Observed,
    /// What was changed inside the object, beyond what its attributes show.
    pub drift: Vec<Diff>,
}

/// Asks what deleting one resource would do.
#[derive(Clone, Copy)]
pub struct DeletionRequest<'r> {
    /// Where.
    pub address: &'r Address,
    /// Its type.
    pub type_name: &'r str,
    /// What was recorded, or what is really there where that differs.
    pub object: &'r Object,
    /// The captured files that it was made from.
    pub files: &'r dyn Files,
}

/// One operation on one real object.
#[derive(Debug, Clone)]
pub struct Change {
    /// The mark that the object bears, or will bear. In a replacement it is the new object's; the old one bears another of the
    /// same lineage.
    pub mark: Ownership,
    /// Its type.
    pub type_name: Arc<str>,
    /// What to do.
    pub operation: Operation,
    /// The recorded object, as it was last seen. `None` for a creation.
    pub prior: Option<Object>,
    /// The settled configuration, all known. Null for a deletion.
    pub config: Value,
    /// The attributes the plan promised; what is known there must come about. Null for a deletion.
    pub planned: Value,
    /// The files it names, captured.
    pub captured: Vec<CapturedFile>,
    /// The engine's own plan from the time of planning.
    pub artefact: Option<Arc<[u8]>>,
}

/// What to do with a real object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// Make it.
    Create,
    /// Change it where it stands.
    Update,
    /// Make a new one, hand over, and remove the old one, in one operation of the provider's own.
    Replace,
    /// Remove it; it being gone already is success.
    Delete,
}

/// What an operation needs besides its change.
#[derive(Clone)]
pub struct Run {
    /// Cancelled when the operation is to stop as soon as it safely can.
    pub cancel: CancellationToken,
    /// Where to say how far it is.
    pub progress: Progress,
    /// The captured files.
    pub files: Arc<dyn Files>,
    /// How long the operation may take, if that is bounded. The engine cancels it then; a provider may use it to tell its
    /// own engine.
    pub timeout: Option<Duration>,
}

/// A place to say how far an operation is. Texts must hold nothing sensitive.
#[derive(Clone)]
pub struct Progress(Arc<dyn Fn(String) + Send + Sync>);

impl Progress {
    /// Progress that goes to `sink`.
    pub fn to(sink: impl Fn(String) + Send + Sync + 'static) -> Self {
        Self(Arc::new(sink))
    }

    /// Progress that nobody watches.
    pub fn ignored() -> Self {
        Self::to(|_| {})
    }

    /// Says it.
    pub fn say(&self, text: impl Into<String>) {
        (self.0)(text.into());
    }
}

/// The truth after an operation.
#[derive(Debug, Clone, Default)]
pub struct Applied {
    /// The object that is there now; `None` if there is none.
    pub object: Option<Object>,
    /// Whether the object is half made, so that the next run must replace it.
    pub tainted: bool,
    /// Whether the next run goes on with what a failed creation left, by an update, instead of making it anew.
    pub resumes: bool,
    /// Objects that were replaced and could not be removed; the next run deletes them.
    pub deposed: Vec<Object>,
    /// What went wrong, if something did.
    pub error: Option<ProviderError>,
}

impl Applied {
    /// It worked, and this is there now.
    pub fn done(object: Object) -> Self {
        Self { object: Some(object), ..Self::default() }
    }

    /// It worked, and nothing is there any more.
    pub fn gone() -> Self {
        Self::default()
    }

    /// It did not work; `object` is what is there all the same.
    pub fn failed(object: Option<Object>, error: ProviderError) -> Self {
        Self { object, error: Some(error), ..Self::default() }
    }
}

/// Something an interrupted run may have made.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Lost {
    /// The mark it would bear.
    pub mark: Ownership,
    /// Its type.
    pub type_name: Arc<str>,
    /// What was being done.
    pub operation: Operation,
    /// What [`Provider::identity`] said.
    pub identity: Option<Value>,
    /// What was recorded before, if anything was.
    pub prior: Option<Object>,
    /// The settled configuration that it was made from, for a type whose schema says `keeps_config`.
    #[serde(default)]
    pub config: Option<Value>,
}

/// What became of it.
#[derive(Debug, Clone)]
pub enum Found {
    /// It is there; `complete` unless it was left half made.
    Present {
        /// The object.
        object: Object,
        /// Whether it is whole.
        complete: bool,
    },
    /// It is not there.
    Absent,
    /// The engine has no way to tell (a command that may have run): it must be run again.
    CannotTell,
}

/// A program that does a provider's work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Engine {
    /// Its name, as people know it: `docker`, `terraform`.
    pub program: String,
    /// Its version, in its own words.
    pub version: String,
}

/// Whether an object works.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum HealthReport {
    /// It works.
    Healthy,
    /// It may yet: still starting.
    Starting {
        /// What it waits for.
        detail: String,
    },
    /// It does not work.
    Unhealthy {
        /// In what way.
        detail: String,
    },
    /// There is no way to tell.
    Unknown,
}

/// Asks for log lines.
pub struct LogRequest<'r> {
    /// Its type.
    pub type_name: &'r str,
    /// What was recorded.
    pub object: &'r Object,
    /// Only the last so many lines; `None` for all.
    pub tail: Option<usize>,
    /// Whether to go on with new lines as they come.
    pub follow: bool,
    /// What was written before the last restart instead; only of types that say they have it.
    pub previous: bool,
    /// Cancelled when nobody listens any more.
    pub cancel: CancellationToken,
    /// Takes each line.
    pub sink: &'r (dyn Fn(LogLine) + Send + Sync),
}

/// One line of a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// Which part it comes from (`stdout`, a service's or container's name, a replica's number).
    pub source: String,
    /// The line without its end.
    pub text: String,
}
