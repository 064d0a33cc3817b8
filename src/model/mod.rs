//! Blocks to a graph, and the graph's values as they become known.
//!
//! [`graph`] says in which order blocks can be evaluated; [`values`] holds what they evaluated to and resolves references.
//! Neither knows what a plan or a state is.

pub mod graph;
pub mod values;

pub use graph::{Graph, Node};
pub use values::{InstanceScope, Shape, Values};
