//! The official Docker Compose, as a program.
//!
//! Everything that Compose is asked goes through here: where it is, which version it has, how it is told which engine to use
//! and which variables there are, and what its complaints mean.

mod complaint;
mod plugin;
mod program;
mod progress;
mod resolve;

pub(crate) use complaint::{Context as ComplaintContext, failed};
pub(crate) use program::{Asked, Compose};
pub(crate) use progress::progress_of;
pub(crate) use resolve::{Resolution, absolute, resolve};
