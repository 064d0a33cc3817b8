//! What a deployctl provider is.
//!
//! A provider teaches deployctl one engine: Docker, Kubernetes, plain files and processes. This crate is the whole of what
//! the two sides know of each other: [values](value), [schemas](schema), the [contract](provider), what a plan says of
//! one resource ([change]), and what is kept about it afterwards ([object]). Everything that crosses the contract is
//! plain data, so that a provider can one day live in another process without a change to either side.
//!
//! It must not know configuration files, state files, graphs or the command line: those belong to the `deployctl` crate.

pub mod address;
pub mod capture;
pub mod change;
pub mod conformance;
pub mod default_plan;
pub mod diff;
pub mod duration;
pub mod error;
pub mod files;
pub mod fs;
pub mod listeners;
pub mod mask;
pub mod object;
pub mod ownership;
pub mod program;
pub mod provider;
pub mod schema;
pub mod sim;
pub mod source;
pub mod types;
pub mod value;

pub use address::{Address, InstanceKey};
pub use change::{Action, Child, Note, PlannedChange, Reason, ReplaceOrder, Risk, RiskKind, Unseen};
pub use diff::{Diff, diff, patch};
pub use error::{ErrorKind, ProviderError};
pub use files::{CapturedFile, Digest, FileError, Files};
pub use mask::Mask;
pub use object::{ChildObject, Object};
pub use ownership::{Lineage, Ownership, ResourceId};
pub use provider::{
    Applied, Change, Connection, DeletionRequest, Desired, Engine, Found, HealthReport, LogLine, LogRequest, Lost,
    Observed, Operation, Place, PlanRequest, Prepared, Progress, Provider, ReadRequest, Refreshed, Removal, Run,
};
pub use schema::{Attribute, AttributeKind, Nesting, ProviderSchema, ResourceSchema};
pub use types::{Field, Type};
pub use value::{AttrPath, Map, Number, PathStep, Value};
