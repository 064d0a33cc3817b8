//! What is recorded of a module.

use std::path::PathBuf;
use std::sync::Arc;

use deployctl_sdk::{CapturedFile, Map, Object, Value};

use crate::backend::Backend;
use crate::schema::attribute;
use crate::secrets::Secrets;
use crate::session::Session;
use crate::state::State;

/// A configuration without what only the engine decides.
pub(crate) fn config_of(attributes: &Value) -> Value {
    let members = attributes.as_map().into_iter().flatten().filter(|(name, _)| &***name != attribute::OUTPUTS);
    Value::from(members.map(|(name, value)| (name.clone(), value.clone())).collect::<Map>())
}

/// A configuration with these outputs.
pub(crate) fn with_outputs(config: &Value, outputs: Value) -> Value {
    let mut members = config_of(config).as_map().cloned().unwrap_or_default();
    members.insert(Arc::from(attribute::OUTPUTS), outputs);
    Value::from(members)
}

/// The attributes of a module with that configuration and that state.
pub(crate) fn attributes(config: &Value, state: Option<&State>) -> Value {
    let config = config_of(config);
    let outputs = state.map(|state| state.outputs.clone()).unwrap_or_else(|| Value::from(Map::new()));
    let outputs = Secrets::of(&config).mark(outputs);
    with_outputs(&config, outputs)
}

/// The module as it is to be recorded.
pub(crate) fn object(
    session: &Session<'_>,
    config: &Value,
    state: Option<&State>,
    captured: &[CapturedFile],
) -> Object {
    Object {
        attributes: attributes(config, state),
        private: Private::of(session, state).to_value(),
        children: state.map(|state| state.resources.clone()).unwrap_or_default(),
        captured: captured.to_vec(),
    }
}

/// What this provider remembers beside the attributes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Private {
    /// The state file of the local backend, from the module's folder; `None` with any other backend.
    pub(crate) state: Option<PathBuf>,
    /// Which program and version it was last applied with.
    pub(crate) engine: String,
    /// The state's number.
    pub(crate) serial: String,
    /// The state's identity.
    pub(crate) lineage: String,
}

impl Private {
    /// What is to be remembered of a module at work.
    pub(crate) fn of(session: &Session<'_>, state: Option<&State>) -> Self {
        Self {
            state: match &session.backend {
                Backend::Local { state } => Some(state.clone()),
                Backend::Other { .. } => None,
            },
            engine: session.engine.named(),
            serial: state.map(|state| state.serial.to_string()).unwrap_or_default(),
            lineage: state.map(|state| state.lineage.clone()).unwrap_or_default(),
        }
    }

    /// What was remembered.
    pub(crate) fn read(value: &Value) -> Self {
        let text = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        Self {
            state: value.get("state").and_then(Value::as_str).map(PathBuf::from),
            engine: text("engine"),
            serial: text("serial"),
            lineage: text("lineage"),
        }
    }

    /// The same, with the numbers of another state.
    pub(crate) fn at(&self, state: Option<&State>) -> Self {
        Self {
            serial: state.map(|state| state.serial.to_string()).unwrap_or_default(),
            lineage: state.map(|state| state.lineage.clone()).unwrap_or_default(),
            ..self.clone()
        }
    }

    /// To be remembered.
    pub(crate) fn to_value(&self) -> Value {
        let state = self.state.as_ref().map(|path| Value::from(path.to_string_lossy().into_owned()));
        Value::map([
            ("state", state.unwrap_or_default()),
            ("engine", Value::from(self.engine.as_str())),
            ("serial", Value::from(self.serial.as_str())),
            ("lineage", Value::from(self.lineage.as_str())),
        ])
    }
}
