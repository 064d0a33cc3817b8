//! What Compose's complaints mean.

use std::path::Path;

use deployctl_sdk::mask::Mask;
use deployctl_sdk::program::{Ended, Stopped, last_lines};
use deployctl_sdk::{ErrorKind, ProviderError};

use crate::model::Taint;

/// How many of its last lines are shown.
const SHOWN: usize = 12;

/// What must be known to show Compose's own words: where its paths really are, and what must not be shown.
pub(crate) struct Context {
    root: String,
    copy: Option<String>,
    mask: Mask,
}

impl Context {
    /// `copy` is the folder under which Compose saw the project.
    pub(crate) fn new(root: &Path, copy: Option<&Path>, taint: &Taint) -> Self {
        Self {
            root: format!("{}/", root.display()),
            copy: copy.map(|copy| copy.display().to_string()),
            mask: Mask::new(taint.secrets()),
        }
    }

    /// A text as a person may see it, with paths from the configuration's folder on.
    pub(crate) fn clean(&self, text: &str) -> String {
        let text = match &self.copy {
            Some(copy) => text.replace(copy, ""),
            None => text.to_owned(),
        };
        self.mask.apply(&text.replace(&self.root, ""))
    }
}

/// What a warning says; `None` for another line.
pub(super) fn warning(line: &str) -> Option<String> {
    let rest = line.split_once("level=warning msg=")?.1.trim();
    let text = serde_json::from_str::<String>(rest).unwrap_or_else(|_| rest.to_owned());
    let obsolete = text.contains("the attribute `version` is obsolete");
    (!obsolete).then_some(text)
}

/// The error of a project that Compose refuses.
pub(super) fn refused(ended: &Ended, context: &Context) -> ProviderError {
    if let Some(stopped) = ended.stopped {
        return ended_early(stopped);
    }
    let said: Vec<String> =
        ended.stderr_text().lines().filter(|line| warning(line).is_none()).map(str::to_owned).collect();
    let lines: Vec<String> =
        said.iter().map(|line| context.clean(line.trim_end())).filter(|line| !line.is_empty()).collect();
    let text = lines.join("; ");
    let message = if text.is_empty() { "Docker Compose refuses the project".to_owned() } else { text };
    let error = ProviderError::new(ErrorKind::Invalid, shortened(&message));
    match hint(&message) {
        Some(hint) => error.with_hint(hint),
        None => error,
    }
}

/// The error of a run of Compose that failed.
pub(crate) fn failed(what: &str, ended: &Ended, context: &Context) -> ProviderError {
    if let Some(stopped) = ended.stopped {
        return ended_early(stopped);
    }
    let text = ended.stderr_text();
    let lines = last_lines(&text, 200);
    let lines: Vec<String> =
        lines.iter().map(|line| context.clean(line.trim_end())).filter(|line| !line.is_empty()).collect();
    let reason = lines.iter().rev().find(|line| !is_progress(line)).cloned().unwrap_or_else(|| ended.how());
    let error = ProviderError::new(ErrorKind::Refused, format!("{what}: {}", shortened(&reason)));
    let said = lines.iter().filter(|line| !is_progress(line)).cloned().collect::<Vec<_>>();
    let shown = said.len().saturating_sub(SHOWN);
    let detail = if said.len() > 1 { said.into_iter().skip(shown).collect() } else { Vec::new() };
    let error = error.with_detail(detail);
    match hint(&reason) {
        Some(hint) => error.with_hint(hint),
        None => error,
    }
}

fn ended_early(stopped: Stopped) -> ProviderError {
    match stopped {
        Stopped::Cancelled => ProviderError::new(ErrorKind::Cancelled, "cancelled"),
        Stopped::TimedOut => ProviderError::new(ErrorKind::Transient, "Docker Compose took too long"),
    }
}

fn is_progress(line: &str) -> bool {
    let first = line.split_whitespace().next().unwrap_or_default();
    matches!(first, "Container" | "Network" | "Volume" | "Image") || line.contains("level=warning")
}

/// Go's errors wrap each other; the first and the last of them say it.
fn shortened(text: &str) -> String {
    let text = text.trim_start_matches("Error response from daemon: ").trim();
    text.trim_end_matches('.').to_owned()
}

fn hint(text: &str) -> Option<&'static str> {
    if text.contains("env file") && text.contains("not found") {
        return Some("create it, or say `required: false` for it in the Compose file");
    }
    if text.contains("no such service") {
        return Some("name it in the Compose files, or activate its profile");
    }
    if text.contains("pull access denied") || text.contains("manifest unknown") || text.contains("not found: manifest")
    {
        return Some("check the image's name and tag, and that Docker is logged in to its registry");
    }
    if text.contains("is unhealthy") {
        return Some("`deployctl logs` shows what the service said");
    }
    None
}
