//! Files that are put into the container after it is made and before it starts. They go through the engine's archive
//! interface, so that they reach remote engines, and nothing of them lies in a temporary folder of the machine.

use std::path::Path;

use base64::Engine as _;
use deployctl_sdk::{AttrPath, Attribute, CapturedFile, ErrorKind, Files, Nesting, ProviderError, Type, Value};

use crate::attributes::text;
use crate::container::values::{blocks, number};

pub(crate) fn attributes() -> Vec<Attribute> {
    vec![
        Attribute::block(
            "upload",
            Nesting::List,
            vec![
                Attribute::required("path", Type::String, "Where it is in the container: an absolute path."),
                Attribute::optional("content", Type::String, "What it holds, as text."),
                Attribute::optional("content_base64", Type::String, "What it holds, in base64."),
                Attribute::optional(
                    "source",
                    Type::String,
                    "The file that it is a copy of; a relative path starts at the configuration's folder.",
                ),
                Attribute::optional(
                    "mode",
                    Type::String,
                    "Its mode in octal digits; `0644`, or `0600` if it is sensitive.",
                ),
                Attribute::optional("uid", Type::Number, "The number of its owner.").with_default(0),
                Attribute::optional("gid", Type::Number, "The number of its group.").with_default(0),
            ],
            "A file that is put into it before it starts.",
        )
        .replaces(),
        Attribute::computed(
            "upload_digests",
            super::map_of_texts(),
            "The SHA-256 of each uploaded file, by its path: a source that changes makes a new container.",
        )
        .replaces(),
    ]
}

/// Captures the sources, and answers the digests where the contents are known.
pub(crate) fn capture(
    config: &Value,
    files: &dyn Files,
    captured: &mut Vec<CapturedFile>,
    problems: &mut Vec<ProviderError>,
) -> Value {
    if config.get("upload").is_some_and(Value::is_unknown) {
        return Value::Unknown;
    }
    let mut digests = Vec::new();
    for (index, block) in blocks(config, "upload").iter().enumerate() {
        let at = AttrPath::of("upload").index(index);
        if let Some(path) = text(block, "path")
            && (!path.starts_with('/')
                || path.ends_with('/')
                || path.contains('\0')
                || path.split('/').any(|part| part == ".."))
        {
            problems
                .push(ProviderError::invalid(at.key("path"), format!("{path:?} is not an absolute path of a file")));
        }
        if let Some(mode) = text(block, "mode")
            && parse_mode(&mode).is_none()
        {
            problems.push(ProviderError::invalid(at.key("mode"), format!("{mode:?} is not a file mode")));
        }
        let given = ["content", "content_base64", "source"].map(|name| block.get(name)).into_iter().flatten();
        let given: Vec<&Value> = given.collect();
        // One that is not known yet may turn out to be null.
        if given.len() != 1 && !given.iter().any(|value| value.is_unknown()) {
            problems.push(ProviderError::invalid(
                at.clone(),
                "an upload needs one of `content`, `content_base64` and `source`",
            ));
            continue;
        }
        let digest = digest(block, &at, files, captured, problems);
        let Some(path) = text(block, "path") else { return Value::Unknown };
        digests.push((path, digest));
    }
    if digests.is_empty() { Value::Null } else { Value::map(digests) }
}

fn digest(
    block: &Value,
    at: &AttrPath,
    files: &dyn Files,
    captured: &mut Vec<CapturedFile>,
    problems: &mut Vec<ProviderError>,
) -> Value {
    // A digest of something short gives it away.
    let sensitive = ["content", "content_base64", "source"]
        .iter()
        .any(|name| block.get(name).is_some_and(Value::contains_sensitive));
    let of = |bytes: &[u8]| Value::from(deployctl_sdk::Digest::of(bytes).to_string()).with_mark(sensitive);
    if let Some(content) = text(block, "content") {
        return of(content.as_bytes());
    }
    if let Some(content) = text(block, "content_base64") {
        return match decode(&content) {
            Some(bytes) => of(&bytes),
            None => {
                problems.push(ProviderError::invalid(at.key("content_base64"), "`content_base64` is not base64"));
                Value::Unknown
            }
        };
    }
    let Some(source) = text(block, "source") else { return Value::Unknown.with_mark(sensitive) };
    match files.capture(Path::new(&source)) {
        Ok(file) => {
            let digest = Value::from(file.digest.to_string()).with_mark(sensitive);
            captured.push(file);
            digest
        }
        Err(error) => {
            problems.push(ProviderError::invalid(at.key("source"), error.to_string()));
            Value::Unknown
        }
    }
}

fn decode(text: &str) -> Option<Vec<u8>> {
    base64::engine::general_purpose::STANDARD.decode(text.trim()).ok()
}

fn parse_mode(text: &str) -> Option<u32> {
    let fits = matches!(text.len(), 3 | 4) && text.bytes().all(|byte| (b'0'..=b'7').contains(&byte));
    if fits { u32::from_str_radix(text, 8).ok() } else { None }
}

/// The files as one archive for the engine to unpack at `/`; `None` if there are none.
///
/// # Errors
/// When a captured file cannot be had, or the archive not be written.
pub(crate) fn archive(
    config: &Value,
    captured: &[CapturedFile],
    files: &dyn Files,
) -> Result<Option<Vec<u8>>, ProviderError> {
    let uploads = blocks(config, "upload");
    if uploads.is_empty() {
        return Ok(None);
    }
    let internal = |error: std::io::Error| {
        ProviderError::new(ErrorKind::Internal, format!("cannot put the uploaded files together: {error}"))
    };
    let mut archive = tar::Builder::new(Vec::new());
    for block in uploads {
        let Some(path) = text(block, "path") else { continue };
        let bytes = content(block, captured, files)?;
        let sensitive = block.contains_sensitive();
        let mode =
            text(block, "mode").and_then(|mode| parse_mode(&mode)).unwrap_or(if sensitive { 0o600 } else { 0o644 });
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(mode);
        header.set_uid(owner(block, "uid"));
        header.set_gid(owner(block, "gid"));
        header.set_mtime(0);
        archive.append_data(&mut header, path.trim_start_matches('/'), &*bytes).map_err(internal)?;
    }
    archive.into_inner().map(Some).map_err(internal)
}

fn owner(block: &Value, name: &str) -> u64 {
    number(block, name).and_then(|id| u64::try_from(id).ok()).unwrap_or_default()
}

/// What one upload holds: what was reviewed, whatever its source holds by now.
fn content(block: &Value, captured: &[CapturedFile], files: &dyn Files) -> Result<Vec<u8>, ProviderError> {
    if let Some(content) = text(block, "content") {
        return Ok(content.into_bytes());
    }
    if let Some(content) = text(block, "content_base64") {
        return Ok(decode(&content).unwrap_or_default());
    }
    let source = text(block, "source").unwrap_or_default();
    let Some(file) = captured.iter().find(|file| file.path == source) else {
        return Err(ProviderError::new(ErrorKind::Internal, format!("{source} was not captured with the plan")));
    };
    let bytes =
        files.content(&file.digest).map_err(|error| ProviderError::new(ErrorKind::Refused, error.to_string()))?;
    Ok(bytes.to_vec())
}
