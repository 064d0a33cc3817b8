//! Settles an image's configuration: captures the build's context, and names all that a build is made from by one digest.

use std::path::{Component, Path, PathBuf};

use deployctl_sdk::capture::{self, Ignore};
use deployctl_sdk::{AttrPath, CapturedFile, Desired, Digest, Files, Prepared, ProviderError, Value};

use super::name::Name;
use super::schema::BUILD_DIGEST;
use crate::attributes::{text, with};

/// Checks and settles one configuration, and captures its context.
///
/// # Errors
/// Everything that is wrong with it.
pub(crate) fn prepare(desired: &Desired, files: &dyn Files) -> Result<Prepared, Vec<ProviderError>> {
    let config = &desired.config;
    let mut problems = Vec::new();
    check_names(config, &mut problems);
    let (build, pull) = (config.get("build"), config.get("pull"));
    match (build, pull) {
        (None, None) => problems.push(
            ProviderError::invalid(AttrPath::root(), "an image needs a `build` block or `pull`")
                .with_hint("`pull = \"nginx:1.27\"` pulls it, `build { context = \"web\" }` builds it"),
        ),
        // One that is not known yet may turn out to be null.
        (Some(build), Some(pull)) if !build.is_unknown() && !pull.is_unknown() => problems.push(
            ProviderError::invalid(AttrPath::of("pull"), "both `build` and `pull` are given")
                .with_hint("leave one of them out"),
        ),
        _ => {}
    }
    let mut captured = Vec::new();
    let mut digest = if build.is_none() { Value::Null } else { Value::Unknown };
    if let Some(build) = build.filter(|build| !build.is_unknown()) {
        check_visible(build, &mut problems);
        match context(build, files) {
            Ok(Some(files)) => {
                digest = build_digest(config, build, &files);
                captured = files;
            }
            Ok(None) => {}
            Err(problem) => problems.push(problem),
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    Ok(Prepared { config: with(config, vec![(BUILD_DIGEST, digest)]), captured })
}

fn check_names(config: &Value, problems: &mut Vec<ProviderError>) {
    for attribute in ["name", "pull"] {
        let Some(value) = config.get(attribute) else { continue };
        let path = AttrPath::of(attribute);
        if value.contains_sensitive() {
            let message = format!("`{attribute}` cannot be sensitive, as everybody can list images");
            problems.push(ProviderError::invalid(path, message).with_hint("use `nonsensitive(…)` if it may be shown"));
            continue;
        }
        let Some(text) = value.as_str() else { continue };
        match Name::parse(text) {
            None => problems.push(
                ProviderError::invalid(path, format!("{text:?} cannot be an image's name"))
                    .with_hint("names look like `shop/web:1.4` or `registry.example.com/shop/web:1.4`"),
            ),
            Some(name) if attribute == "name" && name.digest().is_some() => {
                let message = "an image cannot be named by a digest, for its content decides that";
                problems.push(ProviderError::invalid(path, message).with_hint("give it a tag"));
            }
            Some(_) => {}
        }
    }
}

/// Labels and the like end up in the image, and the folders' names in every listing.
fn check_visible(build: &Value, problems: &mut Vec<ProviderError>) {
    for name in ["context", "dockerfile", "target", "labels", "triggers"] {
        if build.get(name).is_some_and(Value::contains_sensitive) {
            let message = format!("`build.{name}` cannot be sensitive: it is readable in the image or in the plan");
            let path = AttrPath::of("build").key(name);
            problems.push(
                ProviderError::invalid(path, message).with_hint("pass secrets in `args`, or mount them at run time"),
            );
        }
    }
}

/// The captured context; `None` while it is not known where it is.
fn context(build: &Value, files: &dyn Files) -> Result<Option<Vec<CapturedFile>>, ProviderError> {
    let (Some(context), Some(dockerfile)) = (text(build, "context"), text(build, "dockerfile")) else {
        return Ok(None);
    };
    let folder = Path::new(&context);
    let at =
        |name: &str, error: ProviderError| ProviderError { attribute: Some(AttrPath::of("build").key(name)), ..error };
    let ignore = ignore(folder, &dockerfile, files).map_err(|error| at("context", error))?;
    let inner = inside(&dockerfile);
    // The Dockerfile is sent even where the context leaves it out.
    let wanted = |path: &str| !ignore.ignores(path) || Some(Path::new(path)) == inner.as_deref();
    let mut captured = capture::folder(files, folder, wanted).map_err(|error| at("context", error))?;
    if !captured.iter().any(|file| Some(relative(file, &context)) == inner) {
        let path = folder.join(&dockerfile);
        let file = files.capture(&path).map_err(|error| {
            let message = format!("there is no Dockerfile at {}: {}", path.display(), error.reason);
            let error = ProviderError::invalid(AttrPath::of("build").key("dockerfile"), message);
            error.with_hint("`dockerfile` says where it is, from the context's folder on")
        })?;
        captured.push(file);
    }
    Ok(Some(captured))
}

/// What the context's ignore file leaves out. One that is named for the Dockerfile goes first, as in Docker.
fn ignore(folder: &Path, dockerfile: &str, files: &dyn Files) -> Result<Ignore, ProviderError> {
    let listed = files.list(folder).map_err(|error| capture::unreadable(&error))?;
    let candidates = [format!("{dockerfile}.dockerignore"), ".dockerignore".to_owned()];
    let Some(name) = candidates.iter().find(|name| listed.contains(name)) else { return Ok(Ignore::default()) };
    let path = folder.join(name);
    let bytes = files.read(&path).map_err(|error| capture::unreadable(&error))?;
    Ignore::parse(&String::from_utf8_lossy(&bytes)).map_err(|bad| {
        let message = format!("{}, line {}: {}", path.display(), bad.line, bad.reason);
        ProviderError::invalid(AttrPath::of("build").key("context"), message)
    })
}

/// A path below the context, without `.` steps; `None` if it leads out of it.
fn inside(path: &str) -> Option<PathBuf> {
    let mut inner = PathBuf::new();
    for component in Path::new(path).components() {
        match component {
            Component::CurDir => {}
            Component::Normal(name) => inner.push(name),
            _ => return None,
        }
    }
    Some(inner)
}

/// A captured file's path from the context's folder on.
pub(super) fn relative(file: &CapturedFile, context: &str) -> PathBuf {
    let plain = |path: &str| -> PathBuf {
        Path::new(path).components().filter(|component| *component != Component::CurDir).collect()
    };
    let (path, context) = (plain(&file.path), plain(context));
    path.strip_prefix(&context).map(Path::to_path_buf).unwrap_or(path)
}

/// The name under which a Dockerfile from outside the context is sent.
const OUTSIDE: &str = ".deployctl.Dockerfile";

/// The Dockerfile as the engine is to find it, with the captured file if it is from outside the context.
pub(super) fn dockerfile(build: &Value) -> (String, bool) {
    let given = text(build, "dockerfile").unwrap_or_else(|| "Dockerfile".to_owned());
    match inside(&given) {
        Some(path) => (path.to_string_lossy().into_owned(), false),
        None => (OUTSIDE.to_owned(), true),
    }
}

/// The digest of all that the build is made from, but for sensitive arguments; unknown while something of it is.
fn build_digest(config: &Value, build: &Value, files: &[CapturedFile]) -> Value {
    let mut lines = vec!["deployctl image 1".to_owned()];
    let platform = config.get("platform").cloned().unwrap_or_default();
    let parts = ["dockerfile", "target", "args", "labels", "triggers"];
    let parts = parts.iter().map(|name| (*name, build.get(name).cloned().unwrap_or_default()));
    for (name, value) in parts.chain([("platform", platform)]) {
        match value.unmark().0 {
            Value::Unknown => return Value::Unknown,
            Value::Null => {}
            Value::Map(members) => {
                for (key, value) in members.iter() {
                    match (value, value.as_str()) {
                        (Value::Sensitive(_), _) => lines.push(format!("{name} {key:?} hidden")),
                        (_, Some(text)) => lines.push(format!("{name} {key:?} {text:?}")),
                        (_, None) if value.is_unknown() => return Value::Unknown,
                        (_, None) => {}
                    }
                }
            }
            other => lines.push(format!("{name} {:?}", other.as_str().unwrap_or_default())),
        }
    }
    let context = text(build, "context").unwrap_or_default();
    lines.extend(files.iter().map(|file| {
        format!("file {:?} {} {}", relative(file, &context).to_string_lossy(), file.digest, file.executable)
    }));
    Value::from(Digest::of(lines.join("\n").as_bytes()).to_string())
}
