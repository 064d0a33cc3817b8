//! The configuration's values as they are without planning anything: from what is recorded.

use deployctl_sdk::{Address, Value};

use super::shape_of;
use crate::error::{Error, Result};
use crate::model::{Node, Values};
use crate::project::Project;
use crate::state::State;

/// Every instance's value, as `attributes` has it; how many instances there are is evaluated in the graph's order.
///
/// # Errors
/// A `count` or `for_each` that cannot be evaluated.
pub fn restore<'p>(project: &'p Project, attributes: impl Fn(&Address) -> Value) -> Result<Values<'p>> {
    let config = project.config();
    let mut values = Values::new(config, project.variables(), project.outside());
    for node in &project.graph().order {
        let Node::Resource(index) = node else { continue };
        let Some(block) = config.resources.get(*index) else { continue };
        let shape = shape_of(block, &values).map_err(|found| Error::invalid(config.sources.clone(), found))?;
        let keys = shape.keys();
        values.set_shape(*index, shape);
        let resource = block.address();
        for key in keys {
            let address = resource.with_key(key.clone());
            let mut recorded = attributes(&address);
            if recorded.contains_withheld() {
                // What was made from secrets is made again, so that it is known where others refer to it.
                if let Some((_, schema)) = project.schemas().resource(&block.type_name) {
                    let scope = values.instance(*index, &address, None);
                    let _ = block.body.evaluate(&schema.attributes, &scope, &block.type_name);
                }
                recorded = project.outside().with_secrets(recorded);
            }
            values.set_instance(*index, key, recorded);
        }
    }
    values.forget_locals();
    Ok(values)
}

/// Every instance's value as it is recorded; unknown for what is not.
///
/// # Errors
/// As [`restore`].
pub fn recorded_values<'p>(project: &'p Project, state: &State) -> Result<Values<'p>> {
    restore(project, |address| {
        let object = state.records.get(address).and_then(|record| record.object.as_ref());
        object.map_or(Value::Unknown, |object| object.attributes.clone())
    })
}
