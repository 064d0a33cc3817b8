//! What the fuzz targets do with their bytes: read them as one of our formats, and hold the answer to what every answer must
//! hold to. A panic is a find.

mod config;
mod documents;
mod expression;

pub use config::config;
pub use documents::{journal, journal_is_read, plan, plan_is_read, state, state_is_read};
pub use expression::expression;
