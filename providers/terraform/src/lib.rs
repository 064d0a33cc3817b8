//! Terraform and OpenTofu modules, their plan nested in ours.
//!
//! One resource is one root module with its state. Its plan is the engine's own (`plan -out`, `show -json`): what that says of
//! nested resources is shown as ours, the plan file rests in our plan, and apply applies exactly that file. Whatever the
//! checkout holds by then, what runs is a captured copy of the module; what the module's local backend keeps stays beside the
//! original.
//!
//! It must not know configurations, states or graphs; like every provider it sees one resource at a time, through
//! [`deployctl_sdk`]. Nothing sensitive may stand in an argument, a message, or a file that outlives the program that reads it.

mod apply;
mod backend;
mod cache;
mod claim;
mod delete;
mod diagnostics;
mod disk;
mod engine;
mod events;
mod find;
mod import;
mod init;
mod module;
mod nested;
mod object;
mod plan;
mod prepare;
mod provider;
mod read;
mod schema;
mod secrets;
mod session;
mod settings;
mod source;
mod state;
mod workdir;

pub use provider::{TerraformProvider, provider};
pub use schema::TYPE;
