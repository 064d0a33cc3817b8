//! The `value` resource: something to compute with that touches nothing.
//!
//! It needs no engine: its whole reality is its record. It must not know more than the provider contract does.

use std::sync::Arc;

use async_trait::async_trait;
use deployctl_sdk::{
    Applied, Attribute, Change, Connection, Found, Lost, Map, Object, Observed, Operation, Place, Provider,
    ProviderError, ProviderSchema, ReadRequest, ResourceSchema, Run, Type, Value,
};
use deployctl_sdk::{PlanRequest, PlannedChange, default_plan};

/// The provider of `value`.
pub struct Builtin {
    schema: ProviderSchema,
}

impl Builtin {
    /// The provider.
    pub fn new() -> Self {
        Self { schema: schema() }
    }
}

impl Default for Builtin {
    fn default() -> Self {
        Self::new()
    }
}

fn schema() -> ProviderSchema {
    let doc = "Keeps a value in the state. Use it to hand a computed value on, to give other resources something to \
               depend on, or to replace them together: `replace_triggered_by = [value.release]`. It touches nothing real.";
    ProviderSchema {
        name: "value".to_owned(),
        doc: "Values that live in the state alone.".to_owned(),
        settings: Vec::new(),
        resources: vec![ResourceSchema {
            example:
                "resource \"value\" \"release\" {\n  input    = { tag = \"1.4\" }\n  triggers = { schema = 7 }\n}\n"
                    .to_owned(),
            attributes: vec![
                Attribute::optional("input", Type::Any, "The value to keep."),
                Attribute::optional(
                    "triggers",
                    Type::Map(Box::new(Type::Any)),
                    "Values that make a new one when any of them changes.",
                )
                .replaces(),
                Attribute::computed("output", Type::Any, "The value of `input`, known after apply if that is."),
                Attribute::computed("id", Type::String, "A random identity, new with every replacement."),
            ],
            ..ResourceSchema::new("value", doc)
        }],
        max_parallel: None,
    }
}

#[async_trait]
impl Provider for Builtin {
    fn schema(&self) -> &ProviderSchema {
        &self.schema
    }

    async fn configure(&self, _: &Value, _: &Place) -> Result<Arc<dyn Connection>, ProviderError> {
        Ok(Arc::new(Records))
    }
}

/// The connection to nothing: what is recorded is what is there.
struct Records;

#[async_trait]
impl Connection for Records {
    async fn read(&self, batch: &[ReadRequest<'_>]) -> Vec<Observed> {
        batch.iter().map(|_| Observed::AsRecorded).collect()
    }

    async fn plan(&self, request: PlanRequest<'_>) -> Result<PlannedChange, ProviderError> {
        let mut change = default_plan::plan(&request)?;
        // `output` is promised to be `input`, so that what depends on it can be planned with its value.
        let input = request.desired.config.get("input").cloned().unwrap_or_default();
        let Some(attributes) = change.planned.as_map() else { return Ok(change) };
        if attributes.get("output") != Some(&input) {
            let mut attributes: Map = attributes.clone();
            attributes.insert("output".into(), input);
            change.planned = Value::from(attributes);
            if let Some(observed) = request.observed {
                let forced = std::mem::take(&mut change.diffs);
                change.diffs = default_plan::compare(&observed.attributes, &change.planned);
                for diff in &mut change.diffs {
                    diff.forces_replacement = forced.iter().any(|old| old.forces_replacement && old.path == diff.path);
                }
            } else {
                for diff in change.diffs.iter_mut().filter(|diff| diff.path.attribute() == Some("output")) {
                    diff.after = change.planned.get("output").cloned();
                }
                change.diffs.retain(|diff| diff.after.is_some());
            }
        }
        Ok(change)
    }

    async fn apply(&self, change: &Change, _: &Run) -> Applied {
        if change.operation == Operation::Delete {
            return Applied::gone();
        }
        let prior_id = change.prior.as_ref().and_then(|prior| prior.attributes.get("id")).cloned();
        let id = match (change.operation, prior_id) {
            (Operation::Update, Some(id)) => id,
            _ => Value::from(change.mark.id.to_string()),
        };
        let input = change.config.get("input").cloned().unwrap_or_default();
        let triggers = change.config.get("triggers").cloned().unwrap_or_default();
        Applied::done(Object::new(Value::map([
            ("input", input.clone()),
            ("triggers", triggers),
            ("output", input),
            ("id", id),
        ])))
    }

    async fn find(&self, lost: &[Lost]) -> Result<Vec<Found>, ProviderError> {
        // Nothing was made outside the record, so what was not recorded is not there.
        Ok(lost
            .iter()
            .map(|lost| match (&lost.prior, lost.operation) {
                (Some(prior), Operation::Update) => Found::Present { object: prior.clone(), complete: true },
                _ => Found::Absent,
            })
            .collect())
    }
}
