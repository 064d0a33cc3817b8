//! What a configuration says, block by block: checked as far as one block alone can be, nothing evaluated yet.

use std::sync::Arc;
use std::time::Duration;

use deployctl_sdk::{AttrPath, Type, Value};

use super::body::Body;
use super::state_block::StateBlock;
use crate::diagnostic::Span;
use crate::lang::Expression;
use crate::secret::Origin;

/// `deployctl { … }`.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Which versions of deployctl the configuration is for.
    pub required_version: Option<(semver::VersionReq, Span)>,
    /// Where the state is kept.
    pub state: Option<StateBlock>,
    /// What the state is encrypted with.
    pub encryption: Option<Encryption>,
    /// How long revisions are kept.
    pub retention: Retention,
    /// The block's header, if there is one.
    pub span: Option<Span>,
}

/// `encryption "method" { … }`: what the state is encrypted with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encryption {
    /// What its keys are wrapped with.
    pub method: KeyMethod,
    /// `previous "method" { … }`: what they may still be wrapped with.
    pub previous: Vec<KeyMethod>,
}

/// What keys are wrapped with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyMethod {
    /// For these age recipients.
    Age {
        /// `age1…`.
        recipients: Vec<String>,
        /// What opens them here.
        identity: Origin,
    },
    /// Under a key, by AES-256-GCM.
    AesGcm {
        /// The key.
        key: Origin,
    },
}

/// `retention { … }`: what `state prune` keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// How many revisions are kept at least.
    pub revisions: u64,
    /// How many days' revisions are kept at least.
    pub days: u64,
}

impl Default for Retention {
    fn default() -> Self {
        Self { revisions: 50, days: 30 }
    }
}

/// `variable "name" { … }`.
#[derive(Debug, Clone)]
pub struct Variable {
    /// Its name.
    pub name: Arc<str>,
    /// The block's header.
    pub span: Span,
    /// What values it takes.
    pub ty: Type,
    /// Whether the block says what values it takes.
    pub typed: bool,
    /// What stands in when it is not set, already of its type.
    pub default: Option<Value>,
    /// What it is for.
    pub description: Option<Arc<str>>,
    /// Whether its value must never be shown.
    pub sensitive: bool,
    /// Whether it may be null; where not, null means its default.
    pub nullable: bool,
    /// What must hold for its value.
    pub validations: Vec<Condition>,
}

/// A condition with what to say when it does not hold.
#[derive(Debug, Clone)]
pub struct Condition {
    /// Must be true.
    pub condition: Expression,
    /// What to say otherwise.
    pub error_message: Expression,
    /// The block's header.
    pub span: Span,
}

/// `secret "name" { … }`.
#[derive(Debug, Clone)]
pub struct SecretBlock {
    /// Its name.
    pub name: Arc<str>,
    /// The block's header.
    pub span: Span,
    /// Where it comes from.
    pub source: SecretSource,
}

/// Where a secret comes from.
#[derive(Debug, Clone)]
pub enum SecretSource {
    /// This machine.
    Text(TextSource),
    /// Vault or OpenBao.
    Vault(Box<VaultBlock>),
}

/// `env`, `file` or `command`: where a text comes from on this machine.
#[derive(Debug, Clone)]
pub enum TextSource {
    /// The name of an environment variable.
    Env(Expression),
    /// The path of a file.
    File(Expression),
    /// A program and its arguments.
    Command(Expression),
}

/// `vault { … }`.
#[derive(Debug, Clone)]
pub struct VaultBlock {
    /// The block's header.
    pub span: Span,
    /// The server.
    pub address: Option<Expression>,
    /// The namespace.
    pub namespace: Option<Expression>,
    /// The path of the secret.
    pub path: Expression,
    /// The mount of the KV engine, where the path does not begin with it.
    pub mount: Option<Expression>,
    /// The version of the KV engine.
    pub engine_version: Option<Expression>,
    /// The field.
    pub field: Option<Expression>,
    /// The version of the secret.
    pub version: Option<Expression>,
    /// How to log in.
    pub login: Option<VaultLogin>,
}

/// How to log in to Vault.
#[derive(Debug, Clone)]
#[allow(clippy::large_enum_variant)] // There is one in a block, and the block is boxed.
pub enum VaultLogin {
    /// `token { … }`: with a token.
    Token(TextSource),
    /// `app_role { … }`.
    AppRole {
        /// Where the method is mounted.
        mount: Option<Expression>,
        /// Who.
        role_id: Expression,
        /// What proves it.
        secret_id: TextSource,
    },
    /// `kubernetes { … }`: as a workload.
    Kubernetes {
        /// Where the method is mounted.
        mount: Option<Expression>,
        /// The role.
        role: Expression,
        /// The file with the service account's token.
        token_file: Option<Expression>,
    },
}

/// One member of a `locals { … }` block.
#[derive(Debug, Clone)]
pub struct Local {
    /// Its name.
    pub name: Arc<str>,
    /// Where the name stands.
    pub span: Span,
    /// Its value.
    pub value: Expression,
}

/// `output "name" { … }`.
#[derive(Debug, Clone)]
pub struct OutputBlock {
    /// Its name.
    pub name: Arc<str>,
    /// The block's header.
    pub span: Span,
    /// Its value.
    pub value: Expression,
    /// What it is for.
    pub description: Option<Arc<str>>,
    /// Whether its value must never be shown.
    pub sensitive: bool,
    /// What must be applied before it holds.
    pub depends_on: Vec<Expression>,
}

/// `provider "name" { … }`.
#[derive(Debug, Clone)]
pub struct ProviderBlock {
    /// The provider's name.
    pub name: Arc<str>,
    /// Tells it from the other blocks of the same provider.
    pub alias: Option<Arc<str>>,
    /// The block's header.
    pub span: Span,
    /// Its settings.
    pub body: Body,
}

/// `data "deployctl_state" "name" { … }`: what another configuration's state holds, for reading.
#[derive(Debug, Clone)]
pub struct DataBlock {
    /// Its name.
    pub name: Arc<str>,
    /// The block's header.
    pub span: Span,
    /// Which environment of the other configuration; the same as of this one where it does not say.
    pub environment: Option<Arc<str>>,
    /// Where that state is kept.
    pub state: StateBlock,
}

impl DataBlock {
    /// The one kind there is.
    pub const STATE: &str = "deployctl_state";
}

/// `resource "type" "name" { … }`.
#[derive(Debug, Clone)]
pub struct ResourceBlock {
    /// The type.
    pub type_name: Arc<str>,
    /// The name.
    pub name: Arc<str>,
    /// The block's header.
    pub span: Span,
    /// Where the type stands.
    pub type_span: Span,
    /// The attributes and blocks of its type, without the meta-arguments below.
    pub body: Body,
    /// How many instances there are.
    pub count: Option<Expression>,
    /// One instance for each of these.
    pub for_each: Option<Expression>,
    /// Which `provider` block: the provider's name, and the alias.
    pub provider: Option<(Arc<str>, Option<Arc<str>>)>,
    /// Where `provider = …` stands.
    pub provider_span: Option<Span>,
    /// What must be applied before it, beyond what it refers to.
    pub depends_on: Vec<Expression>,
    /// How it is replaced and protected.
    pub lifecycle: Lifecycle,
    /// What must hold before its dependents start.
    pub health: Option<Health>,
    /// How long each action may take.
    pub timeouts: Timeouts,
    /// How often a failed action is tried again.
    pub retry: Option<Retry>,
}

/// `lifecycle { … }`.
#[derive(Debug, Clone, Default)]
pub struct Lifecycle {
    /// Whether a replacement is created before the old one is deleted; `None` leaves it to the provider.
    pub create_before_destroy: Option<bool>,
    /// Whether a plan that would delete it is refused.
    pub prevent_destroy: bool,
    /// Whose changes are left alone.
    pub ignore_changes: IgnoreChanges,
    /// Where each of those paths stands.
    pub ignore_spans: Vec<Span>,
    /// Whose change replaces it.
    pub replace_triggered_by: Vec<Expression>,
    /// What must hold before it is planned.
    pub preconditions: Vec<Condition>,
    /// What must hold once it is applied.
    pub postconditions: Vec<Condition>,
}

/// Whose changes are left alone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum IgnoreChanges {
    /// Nobody's.
    #[default]
    None,
    /// Every attribute's, once it is created.
    All,
    /// These attributes'.
    Paths(Vec<AttrPath>),
}

/// `health { … }`, not evaluated yet: what is probed usually refers to the resource itself.
#[derive(Debug, Clone)]
pub struct Health {
    /// What stands in it.
    pub body: Body,
    /// The block's header.
    pub span: Span,
}

/// `timeouts { … }`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Timeouts {
    /// For creating.
    pub create: Option<Duration>,
    /// For updating in place.
    pub update: Option<Duration>,
    /// For deleting.
    pub delete: Option<Duration>,
}

/// `retry { … }`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// How many tries there are in all.
    pub attempts: u32,
    /// How long to wait before the second; the wait doubles each time.
    pub delay: Duration,
    /// The longest wait.
    pub max_delay: Duration,
}

/// `deployment { … }`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployment {
    /// In which order the graph is run.
    pub strategy: Strategy,
    /// The most actions at one time.
    pub max_parallel: Option<usize>,
    /// How long the whole run may take.
    pub timeout: Option<Duration>,
    /// Whether a failure undoes what the run did.
    pub rollback_on_failure: bool,
}

impl Default for Deployment {
    fn default() -> Self {
        Self { strategy: Strategy::Parallel, max_parallel: None, timeout: None, rollback_on_failure: false }
    }
}

/// In which order the graph is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strategy {
    /// One action after the other.
    Sequential,
    /// Everything that can start, at once.
    Parallel,
    /// Waves of the graph one after the other, parallel inside each.
    Hybrid,
}

/// `environment "name" { … }`.
#[derive(Debug, Clone)]
pub struct EnvironmentBlock {
    /// Its name.
    pub name: Arc<str>,
    /// The block's header.
    pub span: Span,
    /// What it is for.
    pub description: Option<Arc<str>>,
    /// What its variables are set to.
    pub variables: Vec<Assignment>,
}

/// One variable set to an expression, in an environment or a file of variables.
#[derive(Debug, Clone)]
pub struct Assignment {
    /// The variable's name.
    pub name: Arc<str>,
    /// Where the name stands.
    pub name_span: Span,
    /// The value.
    pub value: Expression,
}
