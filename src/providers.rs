//! Which providers there are.
