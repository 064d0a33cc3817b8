//! Each object once.

use std::collections::HashMap;

use deployctl_sdk::{ErrorKind, ProviderError};

use super::Document;

/// Two documents that stand for one object: the first pair in the order of the documents. Objects without a namespace are
/// taken for objects of `namespace`; the version of a kind does not tell objects apart.
fn repeated<'d>(documents: &'d [Document], namespace: &str) -> Option<(&'d Document, &'d Document)> {
    let mut seen: HashMap<(&str, &str, &str, &str), &Document> = HashMap::with_capacity(documents.len());
    documents.iter().find_map(|document| {
        let namespace = document.namespace().unwrap_or(namespace);
        let identity = (document.group(), document.kind(), namespace, document.name());
        seen.insert(identity, document).map(|first| (first, document))
    })
}

/// Refuses two documents that stand for one object.
///
/// # Errors
/// Kind [`ErrorKind::Invalid`], naming the object and both places.
pub fn check_unique(documents: &[Document], namespace: &str) -> Result<(), ProviderError> {
    let Some((first, again)) = repeated(documents, namespace) else { return Ok(()) };
    let (kind, name) = (again.kind(), again.name());
    let message = format!("{}: {kind} `{name}` stands at {} too", again.place(), first.place());
    Err(ProviderError::new(ErrorKind::Invalid, message)
        .with_hint("an object can only be as one of them says; remove the other, or give it another name or namespace"))
}
