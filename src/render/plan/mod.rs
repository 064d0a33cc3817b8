//! A plan, for those who have to say yes to it.

mod attributes;
mod change;
mod frame;
pub mod json;
mod lines;
pub mod markdown;
mod text;

#[cfg(test)]
mod tests;

use deployctl_sdk::Digest;

pub use attributes::write as attributes;
pub use text::{order, summary, summary_in_words, text};

/// What the plan itself does not know and its reader wants to.
#[derive(Debug, Clone, Copy, Default)]
pub struct Frame<'f> {
    /// What the configuration is called: its folder's name.
    pub name: Option<&'f str>,
    /// Where the state lies: `local`, `s3`.
    pub backend: Option<&'f str>,
    /// The file that the plan was saved to.
    pub saved: Option<&'f str>,
}

/// Enough of a digest to compare two by eye: `3f9a-77c2`.
pub fn short_digest(digest: &Digest) -> String {
    let text = digest.to_string();
    match (text.get(..4), text.get(4..8)) {
        (Some(first), Some(second)) => format!("{first}-{second}"),
        _ => text,
    }
}
