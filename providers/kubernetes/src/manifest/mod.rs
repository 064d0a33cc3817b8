//! Manifests: from the text of a file to objects, each with the place where it stands.
//!
//! People move here from `kubectl`, so a file must mean what it means there: YAML 1.1 with its surprises, JSON, several
//! documents in one file, lists of objects. What `kubectl` lets pass and nobody wants (a key twice in one map, aliases that
//! grow without bounds) is refused, and every complaint shows the line. Nothing here knows a cluster: whether a kind exists
//! and a field is allowed is the API server's to say.

mod complaint;
mod json;
mod kustomization;
mod node;
mod object;
mod program;
mod scalar;
#[cfg(test)]
mod tests;
mod unique;
mod yaml;

use deployctl_sdk::{ErrorKind, ProviderError};
use serde_json::Value;

use complaint::Source;
pub use kustomization::sources;
pub use program::{Chart, helm, kustomize};
pub use unique::check_unique;

/// One object of a manifest.
#[derive(Clone, PartialEq)]
pub struct Document {
    /// The object as it is to be sent: a map with `apiVersion`, `kind` and `metadata.name`.
    pub object: Value,
    /// The file that it stands in.
    pub file: String,
    /// The line on which it begins, counted from 1.
    pub line: usize,
}

impl Document {
    /// The group and version of its kind: `apps/v1`, or `v1` in the core group.
    pub fn api_version(&self) -> &str {
        self.text("/apiVersion")
    }

    /// The group of its kind; empty for the core group.
    pub fn group(&self) -> &str {
        self.api_version().split_once('/').map_or("", |(group, _)| group)
    }

    /// Its kind.
    pub fn kind(&self) -> &str {
        self.text("/kind")
    }

    /// Its name.
    pub fn name(&self) -> &str {
        self.text("/metadata/name")
    }

    /// The namespace that it names, if it names one.
    pub fn namespace(&self) -> Option<&str> {
        Some(self.text("/metadata/namespace")).filter(|namespace| !namespace.is_empty())
    }

    /// What sort of hook of Helm it is (`pre-install`, `post-upgrade,pre-rollback`), if it is one.
    pub fn hook(&self) -> Option<&str> {
        Some(self.text("/metadata/annotations/helm.sh~1hook")).filter(|hook| !hook.is_empty())
    }

    /// Where it stands, for messages: `web.yaml:14`.
    pub fn place(&self) -> String {
        format!("{}:{}", self.file, self.line)
    }

    fn text(&self, pointer: &str) -> &str {
        self.object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }
}

/// It may be a Secret, so nothing of what it holds is shown.
impl std::fmt::Debug for Document {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} ({})", self.kind(), self.name(), self.place())
    }
}

/// The objects of one file, in its order, with the objects of lists in the place of the lists. `file` is what complaints
/// call it; empty documents count for nothing.
///
/// # Errors
/// Kind [`ErrorKind::Invalid`], with file, line and column in the message and the line with the place underlined in the
/// detail: text that is neither YAML nor JSON, a key twice in one map, aliases that grow too much, a document that is no
/// object or has no `apiVersion`, `kind` or name.
pub fn parse(file: &str, text: &str) -> Result<Vec<Document>, ProviderError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let source = Source { file, text };
    let mut documents = Vec::new();
    for root in roots(&source)? {
        object::gather(&source, root, &mut documents)?;
    }
    Ok(documents)
}

/// The text of a file.
///
/// # Errors
/// When it is not UTF-8; the message says on which line.
pub fn text<'b>(file: &str, bytes: &'b [u8]) -> Result<&'b str, ProviderError> {
    std::str::from_utf8(bytes).map_err(|error| {
        let line = 1 + bytes[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count();
        ProviderError::new(ErrorKind::Invalid, format!("{file}:{line}: this is not text in UTF-8"))
            .with_hint("manifests are UTF-8; binary content belongs into `binaryData` or a Secret's `data`, in base64")
    })
}

fn roots(source: &Source<'_>) -> Result<Vec<node::Node>, ProviderError> {
    if !source.text.trim_start().starts_with('{') {
        return yaml::documents(source);
    }
    // YAML has maps in braces too.
    json::documents(source).or_else(|not_json| {
        let is_json = source.file.ends_with(".json");
        yaml::documents(source).map_err(|not_yaml| if is_json { not_json } else { not_yaml })
    })
}
