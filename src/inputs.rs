//! Everything a run was made from.
