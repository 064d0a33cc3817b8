//! Settles a file's configuration: the mode it will have, and the digest and size where the content is known.

use std::path::Path;

use deployctl_sdk::{AttrPath, Desired, Digest, Files, Prepared, ProviderError, Value};

use crate::attributes::with;

/// Checks and settles one configuration, and captures the source.
///
/// # Errors
/// Everything that is wrong with it.
pub(crate) fn prepare(desired: &Desired, files: &dyn Files) -> Result<Prepared, Vec<ProviderError>> {
    let config = &desired.config;
    let mut problems = Vec::new();
    let (content, source) = (config.get("content"), config.get("source"));
    match (content, source) {
        (None, None) => problems.push(
            ProviderError::invalid(AttrPath::root(), "a file needs `content` or `source`")
                .with_hint("for an empty file say `content = \"\"`"),
        ),
        // One that is not known yet may turn out to be null.
        (Some(content), Some(source)) if !content.is_unknown() && !source.is_unknown() => problems.push(
            ProviderError::invalid(AttrPath::of("source"), "both `content` and `source` are given")
                .with_hint("leave one of them out"),
        ),
        _ => {}
    }
    check_path(config, &mut problems);
    let mut captured = Vec::new();
    let (digest, size) = match (content, source) {
        (Some(value), None) => of_content(value),
        (None, Some(value)) => match value.as_str() {
            Some(path) => match files.capture(Path::new(path)) {
                Ok(file) => {
                    captured.push(file.clone());
                    (Value::from(file.digest.to_string()), size_of(file.size))
                }
                Err(error) => {
                    problems.push(ProviderError::invalid(AttrPath::of("source"), error.to_string()));
                    (Value::Unknown, Value::Unknown)
                }
            },
            None => (Value::Unknown, Value::Unknown),
        },
        _ => (Value::Unknown, Value::Unknown),
    };
    let mode = mode(config, content, &mut problems);
    if !problems.is_empty() {
        return Err(problems);
    }
    let config = with(config, vec![("mode", mode), ("digest", digest), ("size", size)]);
    Ok(Prepared { config, captured })
}

fn check_path(config: &Value, problems: &mut Vec<ProviderError>) {
    let Some(value) = config.get("path") else { return };
    if value.contains_sensitive() {
        problems.push(
            ProviderError::invalid(AttrPath::of("path"), "a path cannot be sensitive, as everybody can list folders")
                .with_hint("use `nonsensitive(…)` if the path may be shown"),
        );
    } else if let Some(path) = value.as_str() {
        let ends_in_a_name = Path::new(path).file_name().is_some() && !path.ends_with('/');
        if !ends_in_a_name || path.contains('\0') {
            problems.push(ProviderError::invalid(AttrPath::of("path"), format!("{path:?} is not the path of a file")));
        }
    }
}

/// Digest and size of a content; sensitive if it is, for a digest of something short gives it away.
fn of_content(content: &Value) -> (Value, Value) {
    let (_, sensitive) = content.unmark();
    match content.as_str() {
        Some(text) => {
            let digest = Value::from(Digest::of(text.as_bytes()).to_string());
            (digest.with_mark(sensitive), size_of(text.len() as u64).with_mark(sensitive))
        }
        None => (Value::Unknown.with_mark(sensitive), Value::Unknown.with_mark(sensitive)),
    }
}

pub(crate) fn size_of(bytes: u64) -> Value {
    Value::Number(bytes.into())
}

/// The mode it will have, in four digits. Unknown while it depends on whether a content yet to come is sensitive.
fn mode(config: &Value, content: Option<&Value>, problems: &mut Vec<ProviderError>) -> Value {
    if let Some(given) = config.get("mode") {
        let Some(text) = given.as_str() else { return given.clone() };
        return match parse_mode(text) {
            Some(mode) => Value::from(show_mode(mode)),
            None => {
                problems.push(
                    ProviderError::invalid(AttrPath::of("mode"), format!("{text:?} is not a file mode"))
                        .with_hint("write three or four octal digits in quotes, like \"0644\""),
                );
                Value::Unknown
            }
        };
    }
    match content {
        Some(value) if value.contains_sensitive() => Value::from("0600"),
        Some(value) if value.is_unknown() => Value::Unknown,
        _ => Value::from("0644"),
    }
}

/// Reads a mode of three or four octal digits.
pub(crate) fn parse_mode(text: &str) -> Option<u32> {
    let fits = matches!(text.len(), 3 | 4) && text.bytes().all(|byte| (b'0'..=b'7').contains(&byte));
    if fits { u32::from_str_radix(text, 8).ok() } else { None }
}

/// Writes a mode with four octal digits.
pub(crate) fn show_mode(mode: u32) -> String {
    format!("{:04o}", mode & 0o7777)
}
