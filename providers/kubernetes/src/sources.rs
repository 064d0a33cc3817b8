//! Where the objects of a resource stand: files, folders and globs, documents in place, a kustomization, a chart. First the
//! files are captured, without a cluster; later, from what was captured, the documents are read or rendered.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use deployctl_sdk::capture::{self, lay_out};
use deployctl_sdk::{AttrPath, CapturedFile, ErrorKind, Files, Mask, Prepared, ProviderError, Value};
use globset::{GlobBuilder, GlobMatcher};
use tokio_util::sync::CancellationToken;

use crate::json;
use crate::manifest::{self, Chart, Document};
use crate::plan::decide::masked;
use crate::schema::MANIFESTS;

/// How files of manifests end, where a folder is named.
const ENDINGS: [&str; 3] = [".yaml", ".yml", ".json"];

/// Attributes of which the documents are made.
pub(crate) const MADE_OF: [&str; 5] = ["paths", "documents", "kustomization", "chart", "manifest"];

/// Captures the files that a configuration names. What is not known yet is passed over.
///
/// # Errors
/// Everything that is wrong with what it names.
pub(crate) fn capture(config: &Value, files: &dyn Files) -> Result<Vec<CapturedFile>, Vec<ProviderError>> {
    let mut captured: BTreeMap<String, CapturedFile> = BTreeMap::new();
    let mut problems = Vec::new();
    let mut take = |result: Result<Vec<CapturedFile>, ProviderError>, at: AttrPath| match result {
        Ok(found) => captured.extend(found.into_iter().map(|file| (file.path.clone(), file))),
        Err(error) => problems.push(ProviderError { attribute: error.attribute.clone().or(Some(at)), ..error }),
    };
    for (index, path) in config.get("paths").and_then(Value::as_list).unwrap_or_default().iter().enumerate() {
        if let Some(path) = path.as_str() {
            take(named(files, path), AttrPath::of("paths").index(index));
        }
    }
    if let Some(folder) = text(config, "kustomization") {
        take(manifest::sources(files, Path::new(folder)), AttrPath::of("kustomization"));
    }
    if let Some(chart) = config.get("chart") {
        let at = AttrPath::of("chart");
        if let Some(path) = text(chart, "path") {
            take(capture::folder(files, Path::new(path), |_| true), at.key("path"));
        }
        for (index, path) in chart.get("values_files").and_then(Value::as_list).unwrap_or_default().iter().enumerate() {
            if let Some(path) = path.as_str() {
                let file = files.capture(Path::new(path)).map_err(|error| capture::unreadable(&error));
                take(file.map(|file| vec![file]), at.key("values_files").index(index));
            }
        }
    }
    if problems.is_empty() { Ok(captured.into_values().collect()) } else { Err(problems) }
}

/// The files that one of `paths` means: itself, all manifests below it, or what a glob matches.
fn named(files: &dyn Files, path: &str) -> Result<Vec<CapturedFile>, ProviderError> {
    let captured = |path: &Path| files.capture(path).map_err(|error| capture::unreadable(&error));
    let Some(glob) = glob_of(path) else {
        let is_file = ENDINGS.iter().any(|ending| path.ends_with(ending));
        if is_file || files.list(Path::new(path)).is_err() {
            return captured(Path::new(path)).map(|file| vec![file]);
        }
        let found = capture::folder(files, Path::new(path), is_manifest)?;
        return if found.is_empty() { Err(nothing_in(path)) } else { Ok(found) };
    };
    let (folder, matcher) = glob?;
    let listed = files.list(&folder).map_err(|error| capture::unreadable(&error))?;
    let found: Vec<CapturedFile> = listed
        .iter()
        .filter(|inside| matcher.is_match(inside.as_str()))
        .map(|inside| captured(&folder.join(inside)))
        .collect::<Result<_, _>>()?;
    if found.is_empty() { Err(nothing_in(path)) } else { Ok(found) }
}

fn is_manifest(path: &str) -> bool {
    ENDINGS.iter().any(|ending| path.ends_with(ending))
}

fn nothing_in(path: &str) -> ProviderError {
    ProviderError::new(ErrorKind::Invalid, format!("there is no manifest at `{path}`"))
        .with_hint(format!("of a folder, the files that end with {} are taken", ENDINGS.join(", ")))
}

/// The folder that a glob begins with, and what the rest of it matches. `None` for a plain path.
fn glob_of(path: &str) -> Option<Result<(PathBuf, GlobMatcher), ProviderError>> {
    let is_glob = |part: &str| part.contains(['*', '?', '[', '{']);
    let parts: Vec<&str> = path.split('/').collect();
    let first = parts.iter().position(|part| is_glob(part))?;
    let (folder, rest) = parts.split_at(first);
    let folder = if folder.is_empty() { PathBuf::from(".") } else { PathBuf::from(folder.join("/")) };
    let glob = GlobBuilder::new(&rest.join("/")).literal_separator(true).build();
    Some(glob.map(|glob| (folder, glob.compile_matcher())).map_err(|error| {
        ProviderError::new(ErrorKind::Invalid, format!("`{path}` is not a pattern: {}", error.kind()))
    }))
}

/// Reads the documents that stand as they are: in files and in place. For checking without a cluster or another program.
///
/// # Errors
/// What is wrong with the first document that is wrong, of each file.
pub(crate) fn read(
    config: &Value,
    captured: &[CapturedFile],
    files: &dyn Files,
) -> Result<Vec<Document>, Vec<ProviderError>> {
    let mut documents = Vec::new();
    let mut problems = Vec::new();
    for file in captured.iter().filter(|file| belongs_to_paths(config, file)) {
        let at = AttrPath::of("paths");
        match from_file(file, files) {
            Ok(found) => documents.extend(found),
            Err(error) => problems.push(ProviderError { attribute: Some(at), ..error }),
        }
    }
    for (index, document) in config.get("documents").and_then(Value::as_list).unwrap_or_default().iter().enumerate() {
        let at = AttrPath::of("documents").index(index);
        if document.contains_unknown() {
            continue;
        }
        match in_place(document, &at.to_string()) {
            Ok(found) => documents.extend(found),
            Err(error) => problems.push(ProviderError { attribute: Some(at), ..error }),
        }
    }
    if let Some(object) = config.get("manifest").filter(|object| !object.contains_unknown()) {
        let at = AttrPath::of("manifest");
        match in_place(object, "manifest") {
            Ok(found) if found.len() == 1 => documents.extend(found),
            Ok(found) => {
                let message = format!("this is {} objects, and it must be one", found.len());
                problems.push(ProviderError::invalid(at, message).with_hint(format!("{MANIFESTS} takes several")));
            }
            Err(error) => problems.push(ProviderError { attribute: Some(at), ..error }),
        }
    }
    if problems.is_empty() { Ok(documents) } else { Err(problems) }
}

fn from_file(file: &CapturedFile, files: &dyn Files) -> Result<Vec<Document>, ProviderError> {
    let bytes = files.content(&file.digest).map_err(|error| capture::unreadable(&error))?;
    manifest::parse(&file.path, manifest::text(&file.path, &bytes)?)
}

/// A text of YAML, or an object.
fn in_place(document: &Value, called: &str) -> Result<Vec<Document>, ProviderError> {
    match document.as_str() {
        Some(text) => manifest::parse(called, text),
        // Written out and read again, an object is held to the same rules as any other document.
        None => manifest::parse(called, &json::of_value(document).to_string()),
    }
}

/// Whether a captured file is there because of `paths`.
fn belongs_to_paths(config: &Value, file: &CapturedFile) -> bool {
    let paths = config.get("paths").and_then(Value::as_list).unwrap_or_default();
    let file = normal(&file.path);
    paths.iter().filter_map(Value::as_str).any(|path| match glob_of(path) {
        Some(Ok((folder, matcher))) => {
            let folder = normal(&folder.display().to_string());
            inside(&file, &folder).is_some_and(|inside| matcher.is_match(inside))
        }
        Some(Err(_)) => false,
        None => {
            let path = normal(path);
            file == path || inside(&file, &path).is_some_and(is_manifest)
        }
    })
}

fn inside<'f>(file: &'f str, folder: &str) -> Option<&'f str> {
    if folder.is_empty() { Some(file) } else { file.strip_prefix(folder)?.strip_prefix('/') }
}

fn normal(path: &str) -> String {
    let mut parts: Vec<String> = Vec::new();
    for part in Path::new(path).components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if parts.last().is_some_and(|last| last != "..") => _ = parts.pop(),
            other => parts.push(other.as_os_str().to_string_lossy().into_owned()),
        }
    }
    parts.join("/")
}

/// What rendering needs to know beside the configuration.
pub(crate) struct Rendering<'r> {
    /// The release's name where none is given.
    pub release: &'r str,
    /// The namespace of a chart's objects.
    pub namespace: &'r str,
    /// The cluster's version, if it was asked.
    pub version: Option<&'r str>,
    /// Cancelled when nobody waits any more.
    pub cancel: &'r CancellationToken,
}

/// What a configuration is made of.
pub(crate) struct Rendered {
    /// The objects.
    pub documents: Vec<Document>,
    /// The hooks of a chart, which are left out: jobs for moments that only Helm knows.
    pub hooks: Vec<Document>,
}

/// All documents of a configuration, all known: read, and rendered where a program must do that.
///
/// # Errors
/// When one is wrong, a captured file is missing, or a program does not like what it is given.
pub(crate) async fn documents(
    prepared: &Prepared,
    files: &dyn Files,
    rendering: &Rendering<'_>,
) -> Result<Rendered, ProviderError> {
    let config = &prepared.config;
    let mut documents = read(config, &prepared.captured, files).map_err(first)?;
    if let Some(folder) = text(config, "kustomization") {
        let laid_out = lay_out_all(&prepared.captured, files)?;
        let rendered = manifest::kustomize(&laid_out.path().join(normal_inside(folder)), rendering.cancel).await?;
        documents.extend(manifest::parse(&format!("{folder} (rendered)"), &rendered)?);
    }
    let mut hooks = Vec::new();
    if let Some(chart) = config.get("chart")
        && let Some(path) = text(chart, "path")
    {
        let laid_out = lay_out_all(&prepared.captured, files)?;
        let rendered = of_chart(chart, path, laid_out.path(), rendering).await;
        // A chart may well quote its values in its complaints.
        let rendered = rendered.map_err(|error| masked(error, &Mask::of([config])))?;
        let called = format!("{path} (rendered)");
        let (left_out, objects) =
            manifest::parse(&called, &rendered)?.into_iter().partition(|one| one.hook().is_some());
        hooks = left_out;
        documents.extend::<Vec<Document>>(objects);
    }
    Ok(Rendered { documents, hooks })
}

async fn of_chart(
    chart: &Value,
    path: &str,
    laid_out: &Path,
    rendering: &Rendering<'_>,
) -> Result<String, ProviderError> {
    let texts = |name: &str| -> Vec<&str> {
        chart.get(name).and_then(Value::as_list).into_iter().flatten().filter_map(Value::as_str).collect()
    };
    let value_files: Vec<PathBuf> =
        texts("values_files").into_iter().map(|file| laid_out.join(normal_inside(file))).collect();
    let values = chart.get("values").map(|values| match values.as_str() {
        Some(text) => text.to_owned(),
        None => json::of_value(values).to_string(),
    });
    let chart = Chart {
        folder: &laid_out.join(normal_inside(path)),
        release: text(chart, "release").unwrap_or(rendering.release),
        namespace: rendering.namespace,
        value_files: &value_files,
        values: values.as_deref(),
        kube_version: rendering.version.map(|version| version.trim_start_matches('v')),
        api_versions: &texts("api_versions"),
    };
    manifest::helm(&chart, rendering.cancel).await
}

/// A path in the folder that files are laid out in.
fn normal_inside(path: &str) -> String {
    normal(path).replace("..", "up").trim_start_matches('/').to_owned()
}

fn lay_out_all(captured: &[CapturedFile], files: &dyn Files) -> Result<tempfile::TempDir, ProviderError> {
    let folder = tempfile::Builder::new().prefix("deployctl-manifests-").tempdir();
    let folder = folder.map_err(|error| ProviderError::new(ErrorKind::Refused, error.to_string()))?;
    lay_out(files, captured, folder.path(), |path| Some(PathBuf::from(normal_inside(path))))?;
    Ok(folder)
}

/// One of several complaints, with the others in its detail.
pub(crate) fn first(problems: Vec<ProviderError>) -> ProviderError {
    let mut problems = problems.into_iter();
    let first = problems.next();
    let rest: Vec<String> = problems.map(|problem| problem.message).collect();
    let first = first.unwrap_or_else(|| ProviderError::new(ErrorKind::Internal, "it is wrong in no known way"));
    first.with_detail(rest)
}

fn text<'v>(config: &'v Value, name: &str) -> Option<&'v str> {
    config.get(name).and_then(Value::as_str)
}
