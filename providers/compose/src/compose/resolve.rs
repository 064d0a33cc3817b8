//! Has Compose resolve a project from what was captured of it.

use std::path::{Path, PathBuf};

use deployctl_sdk::capture::lay_out;
use deployctl_sdk::program::Stream;
use deployctl_sdk::{ErrorKind, Files, Prepared, ProviderError};
use tokio_util::sync::CancellationToken;

use super::complaint::{self, Context};
use super::program::{Asked, Compose};
use crate::model::{Resolved, Taint};
use crate::settings::Settings;
use crate::sources::{self, Captured, Sources};

#[derive(Clone)]
/// A project as Compose resolved it, with what it was resolved from.
pub(crate) struct Resolution {
    /// The project. Its paths are those of the configuration's own folder.
    pub resolved: Resolved,
    /// The files it was made from.
    pub sources: Sources,
    /// What Compose warned of.
    pub warnings: Vec<String>,
}

/// Resolves the project of a prepared configuration, all known. `root` is the configuration's folder.
///
/// The captured files are laid out in a folder of their own under their absolute paths, so that `include`, `extends` and
/// environment files are found whichever way they are written; what Compose resolved there is then told of as if it were
/// in the configuration's folder.
///
/// # Errors
/// When Compose refuses the project.
pub(crate) async fn resolve(
    compose: &Compose,
    root: &Path,
    prepared: &Prepared,
    files: &dyn Files,
    cancel: &CancellationToken,
) -> Result<Resolution, ProviderError> {
    let settings = Settings::new(&prepared.config);
    let captured = Captured::new(&prepared.captured, files);
    let sources = sources::find(&settings, &captured).map_err(first)?;
    let copy = tempfile::Builder::new().prefix("compose-").tempdir().map_err(no_folder)?;
    let copy_path = deployctl_sdk::fs::canonical(copy.path()).map_err(no_folder)?;
    let place = |path: &str| Some(PathBuf::from(absolute(root, path).trim_start_matches('/')));
    lay_out(files, &sources.inputs, &copy_path, place)?;
    let below = |path: &str| format!("{}{}", copy_path.display(), absolute(root, path));
    let folder = below(settings.path());
    deployctl_sdk::fs::create_private_dir_all(Path::new(&folder)).map_err(no_folder)?;

    let taint = Taint::of(&prepared.config);
    let mut arguments = vec!["--project-directory".to_owned(), folder];
    if let Some(name) = settings.project_name() {
        arguments.extend(["-p".to_owned(), name.to_owned()]);
    }
    sources.files.iter().for_each(|file| arguments.extend(["-f".to_owned(), below(file)]));
    sources.env_files.iter().for_each(|file| arguments.extend(["--env-file".to_owned(), below(file)]));
    settings.profiles().iter().for_each(|profile| arguments.extend(["--profile".to_owned(), (*profile).to_owned()]));
    arguments.extend(["config", "--format", "json"].map(str::to_owned));
    if !settings.services().is_empty() {
        arguments.push("--".to_owned());
        arguments.extend(settings.services().iter().map(|service| (*service).to_owned()));
    }
    let context = Context::new(root, Some(&copy_path), &taint);
    let mut warnings = Vec::new();
    let asked = Asked { arguments, variables: settings.env_texts() };
    let ended = compose
        .question(asked, cancel, |stream, line| {
            if stream == Stream::Stderr {
                warnings.extend(complaint::warning(line).map(|text| context.clean(&text)));
            }
        })
        .await?;
    if !ended.success() {
        return Err(complaint::refused(&ended, &context));
    }
    let Some(mut resolved) = Resolved::parse(&ended.stdout) else {
        let message = "Docker Compose answered `config --format json` with something else than a project";
        return Err(ProviderError::new(ErrorKind::Internal, message));
    };
    resolved.relocate(&copy_path);
    Ok(Resolution { resolved, sources, warnings })
}

/// A path from the configuration's folder on, as an absolute one.
pub(crate) fn absolute(root: &Path, path: &str) -> String {
    sources::join(&root.to_string_lossy(), path)
}

fn first(problems: Vec<ProviderError>) -> ProviderError {
    let fallback = || ProviderError::new(ErrorKind::Internal, "the captured files cannot be read");
    problems.into_iter().next().unwrap_or_else(fallback)
}

fn no_folder(error: impl std::fmt::Display) -> ProviderError {
    ProviderError::new(ErrorKind::Refused, format!("no folder for a copy of the project: {error}"))
}
