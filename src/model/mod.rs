//! Blocks to a graph.

pub mod graph;
