//! What containers are called.

use deployctl_sdk::{InstanceKey, Ownership, Value};

use super::values::number;
use crate::attributes::text;

/// How many characters of a record's id tell its containers from others.
const ID_LENGTH: usize = 8;

/// How many containers a configuration wants.
pub(crate) fn count(config: &Value) -> usize {
    number(config, "replicas").and_then(|count| usize::try_from(count).ok()).unwrap_or(1)
}

/// The names of all containers under a name.
pub(crate) fn all(base: &str, config: &Value) -> Vec<String> {
    match config.get("replicas") {
        Some(_) => (1..=count(config)).map(|number| format!("{base}-{number}")).collect(),
        None => vec![base.to_owned()],
    }
}

/// The name that a resource has: the configured one, the one it had, or one made from its address.
pub(crate) fn base(config: &Value, prior: Option<&Value>, mark: &Ownership) -> String {
    let had = || prior.and_then(|attributes| text(attributes, "name"));
    text(config, "name").or_else(had).unwrap_or_else(|| made_up(mark))
}

/// A name that no other record leads to.
fn made_up(mark: &Ownership) -> String {
    let address = &mark.address;
    let key = match &address.key {
        None => String::new(),
        Some(InstanceKey::Index(index)) => format!("-{index}"),
        Some(InstanceKey::Key(key)) => format!("-{}", key.replace(|c: char| !c.is_ascii_alphanumeric(), "-")),
    };
    temporary(&format!("{}{key}", address.name), mark)
}

/// The name beside `base` that a container of this record has while another one still bears it.
pub(crate) fn temporary(base: &str, mark: &Ownership) -> String {
    let id = mark.id.to_string();
    format!("{base}-{}", id.get(..ID_LENGTH).unwrap_or(&id))
}

/// Whether the engine takes a text as a name.
pub(crate) fn is_valid(name: &str) -> bool {
    let mut characters = name.chars();
    let rest = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    characters.next().is_some_and(|c| c.is_ascii_alphanumeric()) && name.len() > 1 && characters.all(rest)
}
