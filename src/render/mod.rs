//! Documents and events as text.
