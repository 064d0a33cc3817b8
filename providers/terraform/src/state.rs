//! A module's state, as far as it is ours to know: outputs, and which resources there are.

use std::path::Path;

use deployctl_sdk::{ChildObject, ErrorKind, ProviderError, Value, fs};
use serde::Deserialize;
use serde_json::Value as Json;

/// What a state says.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct State {
    /// Its number.
    pub(crate) serial: u64,
    /// Its identity.
    pub(crate) lineage: String,
    /// The outputs by name, sensitive ones marked.
    pub(crate) outputs: Value,
    /// The managed resources.
    pub(crate) resources: Vec<ChildObject>,
}

#[derive(Deserialize)]
struct Written {
    #[serde(default)]
    serial: u64,
    #[serde(default)]
    lineage: String,
    #[serde(default)]
    outputs: serde_json::Map<String, Json>,
    #[serde(default)]
    resources: Vec<WrittenResource>,
    #[serde(default)]
    encrypted_data: Option<Json>,
}

#[derive(Deserialize)]
struct WrittenResource {
    #[serde(default)]
    module: Option<String>,
    mode: String,
    #[serde(rename = "type")]
    type_name: String,
    name: String,
    #[serde(default)]
    instances: Vec<Instance>,
}

#[derive(Deserialize)]
struct Instance {
    #[serde(default)]
    index_key: Option<Json>,
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    deposed: Option<String>,
}

impl State {
    /// A state from the text that the engines write; `None` for an empty one.
    ///
    /// # Errors
    /// When it is no state. Never shows what it holds.
    pub(crate) fn parse(text: &[u8]) -> Result<Option<Self>, ProviderError> {
        if text.trim_ascii().is_empty() {
            return Ok(None);
        }
        let written: Written = serde_json::from_slice(text).map_err(|error| {
            let message =
                format!("the module's state cannot be read (line {}, column {})", error.line(), error.column());
            ProviderError::new(ErrorKind::Unreachable, message)
        })?;
        if written.encrypted_data.is_some() {
            let message = "the module's state is encrypted, and an encrypted state in a local file cannot be read";
            return Err(ProviderError::new(ErrorKind::Refused, message)
                .with_hint("keep it in another backend, or without OpenTofu's encryption"));
        }
        let outputs = written.outputs.iter().map(|(name, output)| {
            let sensitive = output["sensitive"].as_bool().unwrap_or(false);
            (name.as_str(), value_of(&output["value"]).with_mark(sensitive))
        });
        Ok(Some(Self {
            serial: written.serial,
            lineage: written.lineage,
            outputs: Value::map(outputs.collect::<Vec<_>>()),
            resources: written.resources.iter().filter(|one| one.mode == "managed").flat_map(children).collect(),
        }))
    }

    /// The state in a file; `None` if there is none.
    ///
    /// # Errors
    /// When it cannot be read or is no state.
    pub(crate) fn in_file(path: &Path) -> Result<Option<Self>, ProviderError> {
        let read = fs::read_if_there(path);
        let read = read.map_err(|error| ProviderError::new(ErrorKind::Unreachable, error.to_string()))?;
        match read {
            Some(bytes) => Self::parse(&bytes),
            None => Ok(None),
        }
    }

    /// Whether it holds nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.resources.is_empty() && self.outputs.as_map().is_none_or(|outputs| outputs.is_empty())
    }
}

fn children(resource: &WrittenResource) -> Vec<ChildObject> {
    let module = resource.module.as_ref().map(|module| format!("{module}.")).unwrap_or_default();
    let one = |instance: &Instance| {
        let index = instance.index_key.as_ref().map(|key| format!("[{key}]")).unwrap_or_default();
        let deposed = instance.deposed.as_ref().map(|key| format!(" (deposed {key})")).unwrap_or_default();
        ChildObject {
            kind: resource.type_name.clone(),
            name: format!("{module}{}.{}{index}{deposed}", resource.type_name, resource.name),
            state: instance.status.clone().unwrap_or_else(|| "created".to_owned()),
        }
    };
    resource.instances.iter().map(one).collect()
}

/// A value from the engine's JSON. Its numbers beyond 64 bits come as text rather than rounded.
pub(crate) fn value_of(json: &Json) -> Value {
    match json {
        Json::Array(items) => Value::list(items.iter().map(value_of)),
        Json::Object(members) => Value::map(members.iter().map(|(key, member)| (key.as_str(), value_of(member)))),
        plain => serde_json::from_value(plain.clone()).unwrap_or_else(|_| Value::from(plain.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATE: &str = r#"{"version":4,"serial":3,"lineage":"l","outputs":{"o":{"value":[1],"type":["list","number"]},
        "s":{"value":"secret","type":"string","sensitive":true}},"resources":[{"module":"module.m","mode":"managed",
        "type":"terraform_data","name":"a","instances":[{"index_key":"k","status":"tainted"}]},
        {"mode":"data","type":"x","name":"y","instances":[{}]}]}"#;

    #[test]
    fn outputs_and_resources_are_read() {
        let state = State::parse(STATE.as_bytes()).unwrap().unwrap();
        assert_eq!(state.serial, 3);
        assert!(matches!(state.outputs.get("s"), Some(Value::Sensitive(_))));
        let children: Vec<_> =
            state.resources.iter().map(|child| (child.name.as_str(), child.state.as_str())).collect();
        assert_eq!(children, [(r#"module.m.terraform_data.a["k"]"#, "tainted")]);
        assert!(!state.is_empty());
    }

    #[test]
    fn what_is_no_state_is_refused_without_being_shown() {
        let error = State::parse(b"{\"outputs\": hunter2}").unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unreachable);
        assert!(!error.message.contains("hunter2"));
        assert!(State::parse(b" \n").unwrap().is_none());
    }
}
