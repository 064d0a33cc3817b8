//! Files to spanned blocks.
