//! How one resource instance is named: `local_process.api`, `value.zone["eu"]`, `module.shop.local_file.page[2]`.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The key of one instance of a resource with `count` or `for_each`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum InstanceKey {
    /// From `count`.
    Index(u64),
    /// From `for_each`.
    Key(Arc<str>),
}

/// The name of one resource instance, unique in a state.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    /// The modules it lies in, outermost first; empty at the top.
    pub module: Vec<ModuleStep>,
    /// The resource type.
    pub type_name: Arc<str>,
    /// The name the configuration gives it.
    pub name: Arc<str>,
    /// Its key, where the resource has `count` or `for_each`.
    pub key: Option<InstanceKey>,
}

/// One module on the way to a resource.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModuleStep {
    /// The name of the module call.
    pub name: Arc<str>,
    /// Its key, where the call has `count` or `for_each`.
    pub key: Option<InstanceKey>,
}

/// A text that is not an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a resource address; one looks like `local_file.page`, `local_file.page[0]` or `local_file.page[\"eu\"]`"
)]
pub struct NotAnAddress(pub String);

impl Address {
    /// The address of a resource at the top, without key.
    pub fn new(type_name: impl Into<Arc<str>>, name: impl Into<Arc<str>>) -> Self {
        Self { module: Vec::new(), type_name: type_name.into(), name: name.into(), key: None }
    }

    /// The same resource's instance with that key.
    #[must_use]
    pub fn with_key(&self, key: Option<InstanceKey>) -> Self {
        Self { key, ..self.clone() }
    }

    /// The resource the instance belongs to: the address without its key.
    #[must_use]
    pub fn resource(&self) -> Self {
        self.with_key(None)
    }

    /// Whether `self`, taken as a target, means `other`: the same instance, or the resource that it is an instance of.
    pub fn covers(&self, other: &Address) -> bool {
        self.module == other.module
            && self.type_name == other.type_name
            && self.name == other.name
            && (self.key.is_none() || self.key == other.key)
    }
}

impl fmt::Display for InstanceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Index(index) => write!(f, "[{index}]"),
            Self::Key(key) => {
                let quoted = serde_json::to_string(&**key).map_err(|_| fmt::Error)?;
                write!(f, "[{quoted}]")
            }
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for step in &self.module {
            write!(f, "module.{}", step.name)?;
            if let Some(key) = &step.key {
                write!(f, "{key}")?;
            }
            f.write_str(".")?;
        }
        write!(f, "{}.{}", self.type_name, self.name)?;
        match &self.key {
            Some(key) => write!(f, "{key}"),
            None => Ok(()),
        }
    }
}

impl FromStr for Address {
    type Err = NotAnAddress;

    fn from_str(text: &str) -> Result<Self, NotAnAddress> {
        parse(text).ok_or_else(|| NotAnAddress(text.to_owned()))
    }
}

fn parse(text: &str) -> Option<Address> {
    let mut rest = text;
    let mut module = Vec::new();
    while let Some(after) = rest.strip_prefix("module.") {
        let (name, after) = identifier(after)?;
        let (key, after) = instance_key(after)?;
        module.push(ModuleStep { name, key });
        rest = after.strip_prefix('.')?;
    }
    let (type_name, after) = identifier(rest)?;
    let (name, after) = identifier(after.strip_prefix('.')?)?;
    let (key, after) = instance_key(after)?;
    after.is_empty().then_some(Address { module, type_name, name, key })
}

fn identifier(text: &str) -> Option<(Arc<str>, &str)> {
    let end = text.find(['.', '[']).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    crate::value::is_identifier(name).then(|| (Arc::from(name), rest))
}

/// The key in brackets at the start of `text`, if there is one, and what follows it; `None` when it is malformed.
fn instance_key(text: &str) -> Option<(Option<InstanceKey>, &str)> {
    let Some(inside) = text.strip_prefix('[') else { return Some((None, text)) };
    if inside.starts_with('"') {
        let mut stream = serde_json::Deserializer::from_str(inside).into_iter::<String>();
        let key = stream.next()?.ok()?;
        let rest = inside.get(stream.byte_offset()..)?.strip_prefix(']')?;
        return Some((Some(InstanceKey::Key(key.into())), rest));
    }
    let (digits, rest) = inside.split_once(']')?;
    let canonical = digits == "0" || (digits.starts_with(|c: char| c.is_ascii_digit()) && !digits.starts_with('0'));
    canonical.then_some(())?;
    Some((Some(InstanceKey::Index(digits.parse().ok()?)), rest))
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_read_back() {
        for text in [
            "value.a",
            "value.a[0]",
            "value.a[12]",
            "local_file.page[\"eu\"]",
            "local_file.page[\"a \\\"b\\\" ]c\"]",
            "module.shop.module.web[\"x.y\"].local_file.page[2]",
        ] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "value",
            "value.",
            "value.a.b",
            "value.a[",
            "value.a[x]",
            "value.a[01]",
            "value.a[0]x",
            ".a",
            "module.x",
        ] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }
}
