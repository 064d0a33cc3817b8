//! Which files a module is made of, and where each stands in the captured copy.
//!
//! The copy keeps the files' places relative to each other, so that `source = "../shared"` means the same in it. It must not
//! know what the files hold; `module` reads that.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use deployctl_sdk::{CapturedFile, ErrorKind, Files, ProviderError, capture};

use crate::module;

/// What a program leaves beside a module's source that is not its source: state, plugins, other people's history.
pub(crate) fn is_source(path: &str) -> bool {
    let mut parts = path.split('/').peekable();
    while let Some(part) = parts.next() {
        let is_last = parts.peek().is_none();
        if !is_last && matches!(part, ".terraform" | ".git" | "terraform.tfstate.d" | ".deployctl") {
            return false;
        }
        if is_last && is_state(part) {
            return false;
        }
    }
    true
}

fn is_state(name: &str) -> bool {
    name == ".terraform.tfstate.lock.info"
        || name == "crash.log"
        || name.ends_with(".tfstate")
        || name.contains(".tfstate.")
}

/// A path without `.` and without steps that lead nowhere; `..` stays where it leads out of the configuration's folder.
pub(crate) fn normal(path: impl AsRef<Path>) -> PathBuf {
    let mut out = PathBuf::new();
    for component in path.as_ref().components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir if matches!(out.components().next_back(), Some(Component::Normal(_))) => {
                out.pop();
            }
            other => out.push(other),
        }
    }
    if out.as_os_str().is_empty() { PathBuf::from(".") } else { out }
}

/// Captures a module: its folder, the folders of local modules outside it, and what else was named.
///
/// # Errors
/// What cannot be captured, each with the place that names it.
pub(crate) fn capture(
    files: &dyn Files,
    folder: &Path,
    include: &[String],
    var_files: &[String],
) -> Result<Vec<CapturedFile>, Vec<ProviderError>> {
    let mut capturing = Capturing { files, captured: Vec::new(), folders: Vec::new() };
    capturing.folder(folder).map_err(|error| vec![named(error, crate::schema::attribute::PATH)])?;
    if !capturing.captured.iter().any(|file| is_configuration(&file.path)) {
        let message = format!("{} holds no Terraform configuration", folder.display());
        let error = ProviderError::new(ErrorKind::Invalid, message).with_hint("a module's files end in `.tf`");
        return Err(vec![named(error, crate::schema::attribute::PATH)]);
    }
    capturing.called(folder)?;
    for path in include {
        let path = normal(path);
        let taken = if files.list(&path).is_ok() { capturing.folder(&path) } else { capturing.file(&path) };
        taken.map_err(|error| vec![named(error, crate::schema::attribute::INCLUDE)])?;
    }
    for path in var_files {
        let taken = capturing.file(&normal(path));
        taken.map_err(|error| vec![named(error, crate::schema::attribute::VAR_FILES)])?;
    }
    let mut captured = capturing.captured;
    captured.sort_by(|a, b| a.path.cmp(&b.path));
    captured.dedup_by(|a, b| a.path == b.path);
    Ok(captured)
}

fn named(error: ProviderError, attribute: &str) -> ProviderError {
    ProviderError { attribute: Some(deployctl_sdk::AttrPath::of(attribute)), ..error }
}

/// Whether the engines read a file of that name as configuration.
pub(crate) fn is_configuration(path: &str) -> bool {
    [".tf", ".tf.json", ".tofu", ".tofu.json"].iter().any(|end| path.ends_with(end))
}

struct Capturing<'f> {
    files: &'f dyn Files,
    captured: Vec<CapturedFile>,
    folders: Vec<PathBuf>,
}

impl Capturing<'_> {
    fn folder(&mut self, folder: &Path) -> Result<(), ProviderError> {
        if self.folders.iter().any(|taken| folder.starts_with(taken)) {
            return Ok(());
        }
        self.captured.extend(capture::folder(self.files, folder, is_source)?);
        self.folders.push(folder.to_owned());
        Ok(())
    }

    fn file(&mut self, path: &Path) -> Result<(), ProviderError> {
        self.captured.push(self.files.capture(path).map_err(|error| capture::unreadable(&error))?);
        Ok(())
    }

    /// Follows the local modules that a module calls, and those that they call.
    fn called(&mut self, folder: &Path) -> Result<(), Vec<ProviderError>> {
        let mut todo = vec![folder.to_owned()];
        let mut seen = BTreeSet::new();
        while let Some(folder) = todo.pop() {
            if !seen.insert(folder.clone()) {
                continue;
            }
            for call in module::read(self.files, &self.captured, &folder).calls {
                if Path::new(&call.source).is_absolute() {
                    return Err(vec![absolute(&call)]);
                }
                if !call.is_local() {
                    continue;
                }
                let called = normal(folder.join(&call.source));
                self.folder(&called).map_err(|error| vec![not_there(error, &call)])?;
                todo.push(called);
            }
        }
        Ok(())
    }
}

fn absolute(call: &module::Call) -> ProviderError {
    let message =
        format!("{}: the module source {:?} is an absolute path, which cannot be captured", call.file, call.source);
    named(ProviderError::new(ErrorKind::Invalid, message), crate::schema::attribute::PATH)
        .with_hint("write it relative to the module, as `./…` or `../…`")
}

fn not_there(error: ProviderError, call: &module::Call) -> ProviderError {
    let message = format!("{}: the module source {:?} cannot be captured: {}", call.file, call.source, error.message);
    named(ProviderError { message, ..error }, crate::schema::attribute::PATH)
}

/// Where captured files stand in a copy, by the paths that they were captured under.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layout {
    /// How many folders above the configuration's own are reached.
    above: usize,
}

impl Layout {
    /// A layout with room for these files.
    pub(crate) fn of(captured: &[CapturedFile], folder: &Path) -> Self {
        let paths = captured.iter().map(|file| Path::new(&file.path)).chain([folder]);
        Self { above: paths.map(steps_out).max().unwrap_or(0) }
    }

    /// The place of a path, relative to the copy.
    pub(crate) fn place(&self, path: impl AsRef<Path>) -> PathBuf {
        let path = normal(path);
        if path.is_absolute() {
            let below = path.components().filter(|part| matches!(part, Component::Normal(_)));
            return Path::new("absolute").join(below.collect::<PathBuf>());
        }
        let out = steps_out(&path);
        let mut place: PathBuf = (0..self.above.saturating_sub(out)).map(|_| "root").collect();
        place.extend(path.components().skip(out).filter(|part| matches!(part, Component::Normal(_))));
        place
    }
}

fn steps_out(path: &Path) -> usize {
    normal(path).components().take_while(|part| matches!(part, Component::ParentDir)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn state_and_plugins_are_no_source() {
        for path in ["terraform.tfstate", "a/.terraform/x", "x.tfstate.backup", ".terraform.tfstate.lock.info"] {
            assert!(!is_source(path), "{path}");
        }
        for path in ["main.tf", ".terraform.lock.hcl", "modules/a/main.tf", "prod.tfvars"] {
            assert!(is_source(path), "{path}");
        }
    }

    #[test]
    fn places_keep_their_distance() {
        let file = |path: &str| CapturedFile {
            path: path.to_owned(),
            digest: deployctl_sdk::Digest::of(b""),
            size: 0,
            executable: false,
        };
        let layout = Layout::of(&[file("infra/net/main.tf"), file("../shared/main.tf")], Path::new("infra/net"));
        assert_eq!(layout.place("infra/net"), Path::new("root/infra/net"));
        assert_eq!(layout.place("../shared/main.tf"), Path::new("shared/main.tf"));
        assert_eq!(normal("infra/./net/../net/"), Path::new("infra/net"));
        assert_eq!(normal("./"), Path::new("."));
        assert_eq!(layout.place("."), Path::new("root"));
    }
}
