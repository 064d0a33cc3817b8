//! The docker provider against a real Docker Engine.

mod container;
