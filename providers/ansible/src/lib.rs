//! Ansible playbooks, their check run nested in our plan.
//!
//! A playbook is planned by a check run (`--check --diff`) and applied by a run, both of a captured copy, so that what was
//! reviewed is what is run. What happens on each host is told by a [callback plugin](callback) of our own, one line of JSON
//! for each event; a [tally] makes results of them; [plan] and [apply](mod@apply) decide what they mean.
//!
//! It must not know configurations, states or graphs; like every provider it sees one resource at a time, through
//! [`deployctl_sdk`]. No value that is sensitive, hidden by `no_log` or kept in a vault may leave it in clear.

mod apply;
mod callback;
mod capture;
mod children;
mod config;
mod destroy;
mod event;
mod failure;
mod inventory;
mod plan;
mod prepare;
mod provider;
mod record;
mod run;
mod schema;
mod secrets;
mod settings;
mod tally;
mod workspace;

pub use provider::AnsibleProvider;
