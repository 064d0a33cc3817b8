//! Build contexts: the folders that images are built from.

use std::path::Path;

use deployctl_sdk::capture::{self, Ignore};
use deployctl_sdk::{CapturedFile, Digest, ErrorKind, Files, ProviderError};

use super::paths::join;

/// The file that says what a context leaves out.
const IGNORE_FILE: &str = ".dockerignore";

/// A captured build context.
#[derive(Debug, Clone)]
pub(crate) struct Context {
    /// The folder.
    pub folder: String,
    /// Its files, and a Dockerfile outside of it.
    pub files: Vec<CapturedFile>,
}

impl Context {
    /// What tells it from a context with other files.
    pub(crate) fn digest(&self) -> Digest {
        let lines = self.files.iter().map(|file| format!("{} {} {}\n", file.path, file.digest, file.executable));
        Digest::of(lines.collect::<String>().as_bytes())
    }
}

/// Whether a context is a folder of this machine, and not an address.
pub(super) fn is_folder(context: &str) -> bool {
    let is_address = context.contains("://")
        || ["git@", "github.com/", "docker-image:", "service:", "target:"]
            .iter()
            .any(|start| context.starts_with(start));
    !is_address && !context.starts_with('/') && !context.starts_with('~')
}

/// Captures a context. `None` if there is no such folder.
///
/// # Errors
/// When it is too large, or a file in it cannot be read.
pub(super) fn capture(
    folder: &str,
    dockerfile: Option<&str>,
    files: &dyn Files,
) -> Result<Option<Context>, ProviderError> {
    let path = Path::new(folder);
    if files.list(path).map_or(true, |listed| listed.is_empty()) {
        return Ok(None);
    }
    let ignore = ignore(folder, dockerfile, files)?;
    // The builder reads both of these itself, whatever the context leaves out.
    let kept = [dockerfile.unwrap_or("Dockerfile"), IGNORE_FILE];
    let mut captured = capture::folder(files, path, |inside| kept.contains(&inside) || !ignore.ignores(inside))?;
    if let Some(dockerfile) = dockerfile
        && let Ok(file) = files.capture(Path::new(&join(folder, dockerfile)))
        && !captured.iter().any(|other| other.path == file.path)
    {
        captured.push(file);
    }
    Ok(Some(Context { folder: folder.to_owned(), files: captured }))
}

fn ignore(folder: &str, dockerfile: Option<&str>, files: &dyn Files) -> Result<Ignore, ProviderError> {
    let own = format!("{}{IGNORE_FILE}", dockerfile.unwrap_or("Dockerfile"));
    for name in [own.as_str(), IGNORE_FILE] {
        let path = join(folder, name);
        if let Ok(bytes) = files.read(Path::new(&path)) {
            return Ignore::parse(&String::from_utf8_lossy(&bytes)).map_err(|bad| {
                ProviderError::new(ErrorKind::Invalid, format!("{path}, line {}: {}", bad.line, bad.reason))
            });
        }
    }
    Ok(Ignore::default())
}
