//! The provider that needs no engine.
