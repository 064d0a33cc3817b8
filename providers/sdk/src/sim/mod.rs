//! A provider whose engine is a simulation: latencies in virtual time, faults, half-made objects and crashes, all from a seed.
//!
//! The [`World`] stands for what is really there. It outlives every run of deployctl, as a real engine does, so a test can
//! kill a run at any of its [crash points](CrashPoints), start the next one on the same world, and look at what became of it.
//! The same seed gives the same faults to the same resources, whatever order they come in. The provider keeps the contract;
//! the [conformance kit](crate::conformance) holds it to that.

mod connection;
mod crash;
mod fault;
mod schema;
mod source;
mod world;

use std::sync::Arc;

use async_trait::async_trait;

pub use crash::CrashPoints;
pub use fault::Odds;
pub use schema::{OBJECT, SLOT};
pub use source::SimSource;
pub use world::{Deed, Thing, World};

use crate::error::ProviderError;
use crate::files::Files;
use crate::provider::{Connection, Desired, Place, Prepared, Provider};
use crate::schema::ProviderSchema;
use crate::value::{AttrPath, Value};

/// The provider `sim`.
pub struct Sim {
    world: World,
    schema: ProviderSchema,
}

impl Sim {
    /// A provider for a world.
    pub fn new(world: World) -> Self {
        Self { world, schema: schema::provider() }
    }
}

#[async_trait]
impl Provider for Sim {
    fn schema(&self) -> &ProviderSchema {
        &self.schema
    }

    fn prepare(&self, desired: &Desired, _: &dyn Files) -> Result<Prepared, Vec<ProviderError>> {
        let mut errors = Vec::new();
        if desired.config.get("size").and_then(Value::as_i64).is_some_and(|size| size < 0) {
            errors.push(ProviderError::invalid(AttrPath::of("size"), "`size` cannot be negative"));
        }
        if desired.config.get("name").and_then(Value::as_str).is_some_and(str::is_empty) {
            errors.push(ProviderError::invalid(AttrPath::of("name"), "`name` cannot be empty"));
        }
        if errors.is_empty() {
            Ok(Prepared { config: desired.config.clone(), captured: Vec::new() })
        } else {
            Err(errors)
        }
    }

    fn identity(&self, type_name: &str, config: &Value) -> Option<Value> {
        let name = config.get("name").filter(|_| type_name == SLOT)?;
        (!name.contains_sensitive()).then(|| Value::map([("name", name.clone())]))
    }

    async fn configure(&self, _: &Value, place: &Place) -> Result<Arc<dyn Connection>, ProviderError> {
        Ok(Arc::new(connection::SimConnection::new(self.world.clone(), place.lineage)))
    }
}
