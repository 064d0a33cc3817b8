//! Blocks to a graph.
