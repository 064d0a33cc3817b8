//! Which files a Compose project is made from, and capturing them.
//!
//! Compose could say which files it reads only by reading them from the checkout. So its files are read here first, as far
//! as they name others: `include`, `extends`, environment files, configs, secrets, mounted files, build contexts. What the
//! files mean is still Compose's business: it is run on a copy of what was captured, and a file that is wrong is captured
//! all the same, so that Compose can say what is wrong with it.

mod captured;
mod compose_file;
mod context;
mod dotenv;
mod interpolate;
mod paths;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use deployctl_sdk::{AttrPath, CapturedFile, Files, ProviderError};

pub(crate) use captured::Captured;
pub(crate) use context::Context;
pub(crate) use paths::{join, normal};

use crate::settings::Settings;

/// The names that Compose looks for where none is given, the first that is there.
const DEFAULT_FILES: [&str; 4] = ["compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml"];

/// The name of the environment file beside a Compose file.
const DEFAULT_ENV_FILE: &str = ".env";

/// The files of a project. All paths start at the configuration's folder and are in normal form, unless they are absolute.
#[derive(Clone, Default)]
pub(crate) struct Sources {
    /// The Compose files in order, as Compose is given them.
    pub files: Vec<String>,
    /// The environment files for the variables of the Compose files, in order.
    pub env_files: Vec<String>,
    /// What Compose reads to resolve the project.
    pub inputs: Vec<CapturedFile>,
    /// What containers mount: configs, secrets, single files.
    pub mounted: Vec<CapturedFile>,
    /// The folders that images are built from.
    pub contexts: Vec<Context>,
    /// The name that the Compose files give the project.
    pub name: Option<String>,
    /// The variables of the environment files. They may be secret.
    pub variables: BTreeMap<String, String>,
}

impl Sources {
    /// Everything that was captured, each file once.
    pub(crate) fn captured(&self) -> Vec<CapturedFile> {
        let contexts = self.contexts.iter().flat_map(|context| &context.files);
        let all = self.inputs.iter().chain(&self.mounted).chain(contexts);
        let by_path: BTreeMap<&str, &CapturedFile> = all.map(|file| (file.path.as_str(), file)).collect();
        by_path.into_values().cloned().collect()
    }
}

/// Finds and captures the files of a project.
///
/// # Errors
/// Files that the resource itself names and that are not there; folders that are too large.
pub(crate) fn find(settings: &Settings, files: &dyn Files) -> Result<Sources, Vec<ProviderError>> {
    let mut search = Search { files, sources: Sources::default(), seen: BTreeSet::new(), problems: Vec::new() };
    let folder = normal(settings.path());
    let mut variables = search.env_files(settings, &folder);
    search.sources.variables.clone_from(&variables);
    variables.extend(settings.env_texts());
    let named = search.compose_files(settings, &folder);
    for path in &named {
        search.compose_file(path, &folder, &variables);
    }
    search.sources.files = named;
    if search.problems.is_empty() { Ok(search.sources) } else { Err(search.problems) }
}

/// A search under way.
struct Search<'f> {
    files: &'f dyn Files,
    sources: Sources,
    /// Compose files that were read already, with the folder that their paths start at.
    seen: BTreeSet<(String, String)>,
    problems: Vec<ProviderError>,
}

impl Search<'_> {
    fn env_files(&mut self, settings: &Settings, folder: &str) -> BTreeMap<String, String> {
        let mut variables = BTreeMap::new();
        if settings.env_files().is_empty() {
            self.read_env(&join(folder, DEFAULT_ENV_FILE), &mut variables);
        }
        for (position, name) in settings.env_files().iter().enumerate() {
            let path = normal(name);
            if !self.read_env(&path, &mut variables) {
                let at = AttrPath::of("env_files").index(position);
                let problem = ProviderError::invalid(at, format!("there is no environment file {path}"));
                self.problems.push(problem.with_hint("paths in `env_files` start at the configuration's folder"));
            }
        }
        variables
    }

    /// Reads one environment file, if it is there.
    fn read_env(&mut self, path: &str, variables: &mut BTreeMap<String, String>) -> bool {
        let Some(text) = self.input(path) else { return false };
        dotenv::read(&text, variables);
        self.sources.env_files.push(path.to_owned());
        true
    }

    fn compose_files(&mut self, settings: &Settings, folder: &str) -> Vec<String> {
        let mut found = Vec::new();
        for (position, name) in settings.files().iter().enumerate() {
            let path = join(folder, name);
            if self.input(&path).is_none() {
                let at = AttrPath::of("files").index(position);
                let problem = ProviderError::invalid(at, format!("there is no Compose file {path}"));
                self.problems.push(problem.with_hint("paths in `files` start at `path`"));
            }
            found.push(path);
        }
        if !settings.files().is_empty() {
            return found;
        }
        let Some(first) = DEFAULT_FILES.iter().map(|name| join(folder, name)).find(|path| self.input(path).is_some())
        else {
            let message = format!("there is no Compose file in {folder}");
            let problem = ProviderError::invalid(AttrPath::of("path"), message);
            let names = DEFAULT_FILES.join(", ");
            self.problems.push(problem.with_hint(format!("Compose looks for {names}; name another in `files`")));
            return found;
        };
        let stem = if first.contains("docker-compose") { "docker-compose" } else { "compose" };
        found.push(first);
        let overrides = ["yml", "yaml"].map(|suffix| join(folder, &format!("{stem}.override.{suffix}")));
        found.extend(overrides.into_iter().find(|path| self.input(path).is_some()));
        found
    }

    /// Captures a file that Compose reads. `None` if it is not there.
    fn input(&mut self, path: &str) -> Option<String> {
        let file = self.files.capture(Path::new(path)).ok()?;
        let bytes = self.files.read(Path::new(path)).ok()?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if !self.sources.inputs.iter().any(|other| other.path == file.path) {
            self.sources.inputs.push(file);
        }
        Some(text)
    }

    /// Captures a file that containers mount. What is no file (a folder, a socket, nothing yet) stays where it is.
    fn mounted(&mut self, path: &str) {
        if let Ok(file) = self.files.capture(Path::new(path))
            && !self.sources.mounted.iter().any(|other| other.path == file.path)
        {
            self.sources.mounted.push(file);
        }
    }

    fn context(&mut self, folder: &str, dockerfile: Option<&str>) {
        if self.sources.contexts.iter().any(|context| context.folder == folder) {
            return;
        }
        match context::capture(folder, dockerfile, self.files) {
            Ok(Some(context)) => self.sources.contexts.push(context),
            // Compose says it better, with the service's name.
            Ok(None) => {}
            Err(problem) => self.problems.push(problem),
        }
    }
}
