//! Data into text, JSON and Markdown: pure functions that everybody who shows something shares.
//!
//! Nothing here prints, reads a file or asks for the time; colour, width and the present moment are parameters. It sees
//! plans, events and states as data and knows nothing of engines, backends or the command line.

pub mod conclusion;
pub mod event;
pub mod history;
pub mod look;
pub mod plan;
pub mod reason;
pub mod report;
pub mod state;
pub mod table;
pub mod text;
pub mod time;
pub mod value;

pub use look::{Look, Paint};
