//! The callback plugin that tells us what Ansible does. ansible-core brings none that speaks in data.

/// Its source.
pub(crate) const SOURCE: &str = include_str!("callback/deployctl_events.py");

/// What Ansible knows it by, which is also its file's name.
pub(crate) const NAME: &str = "deployctl_events";

/// The environment variable that names the file with the paths of captured files that hold vaults, one in a line.
pub(crate) const VAULTS: &str = "DEPLOYCTL_ANSIBLE_VAULTS";

/// The version of the events that this crate reads; the plugin says which it writes.
pub(crate) const PROTOCOL: u64 = 1;
