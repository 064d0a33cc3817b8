//! Files of the configuration and their paths. Files are read through [`Files`](deployctl_sdk::Files), which remembers what
//! was read as an input of the run.

use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use deployctl_sdk::{FileError, Value};

use super::super::evaluate::render_file;
use super::super::limits::MAX_STRING;
use super::call::{Call, Complaint, Done};

fn read(call: &Call) -> Done<Arc<[u8]>> {
    let path = call.text(0)?;
    let bytes = call.outside().files().read(Path::new(&*path)).map_err(|error| unreadable(&error))?;
    if bytes.len() > MAX_STRING {
        let limit = MAX_STRING >> 20;
        return Err(Complaint::of(0, format!("the file is larger than {limit} MiB"), "too large to be a value"));
    }
    Ok(bytes)
}

fn unreadable(error: &FileError) -> Complaint {
    Complaint::of(0, "the file cannot be read", "this file")
        .with_detail(error.to_string())
        .with_help("paths start at the configuration's folder")
}

fn text_of(bytes: &[u8]) -> Done<&str> {
    std::str::from_utf8(bytes).map_err(|_| {
        Complaint::of(0, "the file is not text in UTF-8", "not text").with_help("`filebase64` reads binary content")
    })
}

pub(super) fn file(call: &mut Call) -> Done {
    Ok(Value::from(text_of(&read(call)?)?))
}

pub(super) fn file_base64(call: &mut Call) -> Done {
    Ok(Value::from(base64::engine::general_purpose::STANDARD.encode(&*read(call)?)))
}

pub(super) fn file_sha256(call: &mut Call) -> Done {
    let path = call.text(0)?;
    let captured = call.outside().files().capture(Path::new(&*path)).map_err(|error| unreadable(&error))?;
    Ok(Value::from(captured.digest.to_string()))
}

pub(super) fn file_exists(call: &mut Call) -> Done {
    let path = call.text(0)?;
    let path = Path::new(&*path);
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
        return Ok(Value::Bool(false));
    };
    // Asking for the folder's entries remembers the answer without keeping what the file holds.
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let entries = call.outside().files().entries(folder, name);
    Ok(Value::Bool(entries.is_ok_and(|entries| entries.iter().any(|entry| entry == name))))
}

pub(super) fn file_set(call: &mut Call) -> Done {
    let (folder, pattern) = (call.text(0)?, call.text(1)?);
    let glob = globset::GlobBuilder::new(&pattern)
        .literal_separator(true)
        .build()
        .map_err(|error| {
            Complaint::of(1, "the pattern cannot be used", "not usable").with_detail(error.kind().to_string())
        })?
        .compile_matcher();
    let files = call.outside().files().list(Path::new(&*folder)).map_err(|error| {
        Complaint::of(0, "the folder cannot be listed", "this folder").with_detail(error.to_string())
    })?;
    Ok(Value::list(files.into_iter().filter(|file| glob.is_match(file)).map(Value::from)))
}

/// Renders a file with the given variables. A template cannot render another one, so it always ends.
pub(super) fn template_file(call: &mut Call) -> Done {
    if call.evaluator.in_template_file() {
        return Err(Complaint::whole("a template file cannot render another one")
            .with_help("render it beforehand and hand the text over as a variable"));
    }
    let (path, _) = call.value(0).unmark();
    let (variables, variables_marked) = call.value(1).unmark();
    let (path, path_marked) = (path.clone(), call.value(0).unmark().1);
    if matches!(path, Value::Unknown) || matches!(variables, Value::Unknown) {
        call.evaluator.note(path_marked || variables_marked, true);
        return Ok(Value::Unknown.with_mark(path_marked || variables_marked));
    }
    call.evaluator.note(path_marked || variables_marked, false);
    let values = [path, variables.clone()];
    let site = call.site;
    let inner = Call { evaluator: &mut *call.evaluator, values: &values, site };
    let bytes = read(&inner).map_err(|complaint| quiet(complaint, path_marked))?;
    let text = text_of(&bytes)?;
    let members = inner.map(1)?;
    let shown = inner.text(0)?;
    let rendered = render_file(text, members, inner.evaluator).map_err(|(line, message)| {
        // The message was made from marked values, and what it was made of outside of them may be shown.
        let quiet_all = path_marked || variables_marked;
        quiet(
            Complaint::whole("the template has a mistake").with_detail(format!("{shown} line {line}: {message}")),
            quiet_all,
        )
    })?;
    Ok(rendered.with_mark(path_marked || variables_marked))
}

fn quiet(mut complaint: Complaint, marked: bool) -> Complaint {
    if marked {
        complaint.detail = None;
    }
    complaint
}

pub(super) fn abs_path(call: &mut Call) -> Done {
    let path = call.text(0)?;
    let mut out = PathBuf::new();
    for part in call.outside().root().join(&*path).components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                out.pop();
            }
            other => out.push(other),
        }
    }
    Ok(Value::from(out.to_string_lossy().into_owned()))
}

pub(super) fn base_name(call: &mut Call) -> Done {
    let path = call.text(0)?;
    Ok(Value::from(match Path::new(&*path).file_name() {
        Some(name) => name.to_string_lossy().into_owned(),
        None if path.starts_with('/') => "/".to_owned(),
        None => ".".to_owned(),
    }))
}

pub(super) fn dir_name(call: &mut Call) -> Done {
    let path = call.text(0)?;
    Ok(Value::from(match Path::new(&*path).parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_string_lossy().into_owned(),
        None if path.starts_with('/') => "/".to_owned(),
        _ => ".".to_owned(),
    }))
}

/// `~` at the beginning is the home folder.
pub(super) fn path_expand(call: &mut Call) -> Done {
    let path = call.text(0)?;
    let rest = match path.strip_prefix('~') {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => rest,
        _ => return Ok(Value::String(path)),
    };
    match call.outside().env("HOME") {
        Some(home) => Ok(Value::from(format!("{}{rest}", home.trim_end_matches('/')))),
        None => Err(Complaint::of(0, "there is no home folder: `HOME` is not set", "begins with `~`")),
    }
}
