//! The reference of functions.

use deployctl::lang::functions;

/// The page.
pub fn page() -> String {
    let mut text = "# Functions\n\nThe functions that expressions can use, by name.\n\n".to_owned();
    for function in functions() {
        text += &format!("### `{}`\n\n{}\n\n", function.signature, function.doc);
    }
    text
}
