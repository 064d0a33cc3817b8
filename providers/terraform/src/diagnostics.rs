//! The engines' own complaints, in our frame.

use std::path::Path;

use deployctl_sdk::mask::Mask;
use deployctl_sdk::{ErrorKind, ProviderError};
use serde::Deserialize;

use crate::engine::Engine;

/// One complaint, as `-json` has it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Diagnostic {
    pub(crate) severity: String,
    pub(crate) summary: String,
    #[serde(default)]
    pub(crate) detail: String,
    pub(crate) range: Option<Range>,
    pub(crate) snippet: Option<Snippet>,
    pub(crate) address: Option<String>,
}

/// Where it points.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Range {
    pub(crate) filename: String,
    pub(crate) start: Start,
}

/// A place in a file.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Start {
    pub(crate) line: u64,
}

/// What stands there.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Snippet {
    pub(crate) context: Option<String>,
    #[serde(default)]
    pub(crate) code: String,
}

/// The flag that keeps a local state where it was is deprecated and works; nobody who reads a plan can do anything about it.
const OWN_FLAG: &str = "Deprecated flag: -state";

impl Diagnostic {
    /// Whether it is an error.
    pub(crate) fn is_error(&self) -> bool {
        self.severity == "error"
    }

    /// The line for a plan's notes; `None` for what is not worth one.
    pub(crate) fn note(&self, mask: &Mask) -> Option<String> {
        let worth = !self.is_error() && self.summary != OWN_FLAG;
        worth.then(|| mask.apply(&format!("warning: {}: {}", self.summary, first_line(&self.detail))))
    }

    /// The root module's output that it complains about, if it does.
    pub(crate) fn output(&self) -> Option<String> {
        let snippet = self.snippet.as_ref()?;
        // A block on one line has no context beside its own text.
        let text = snippet.context.as_deref().unwrap_or(&snippet.code);
        let (_, name) = text.split_once("output \"")?;
        name.split_once('"').map(|(name, _)| name.to_owned())
    }

    fn lines(&self, folder: &Path) -> Vec<String> {
        let mut lines = vec![format!("Error: {}", self.summary)];
        if let Some(range) = &self.range {
            let context = self.snippet.as_ref().and_then(|snippet| snippet.context.as_deref());
            let within = context.map(|context| format!(", in {context}")).unwrap_or_default();
            let file = folder.join(&range.filename);
            lines.push(format!("  on {} line {}{within}", file.display(), range.start.line));
        } else if let Some(address) = &self.address {
            lines.push(format!("  with {address}"));
        }
        let code = self.snippet.iter().flat_map(|snippet| snippet.code.lines());
        lines.extend(code.map(|line| format!("    {line}")));
        lines.extend(self.detail.lines().map(|line| format!("  {line}").trim_end().to_owned()));
        lines
    }
}

/// What an engine that failed said.
pub(crate) struct Failure<'f> {
    /// Which engine.
    pub(crate) engine: &'f Engine,
    /// What it was to do: `plan`, `apply`.
    pub(crate) doing: &'f str,
    /// Its errors and warnings.
    pub(crate) diagnostics: &'f [Diagnostic],
    /// What else it said, masked already.
    pub(crate) rest: Vec<String>,
    /// The module's folder, for the places.
    pub(crate) folder: &'f Path,
    /// Hides secrets.
    pub(crate) mask: &'f Mask,
}

impl Failure<'_> {
    /// The error to answer with.
    pub(crate) fn error(&self) -> ProviderError {
        let errors: Vec<&Diagnostic> = self.diagnostics.iter().filter(|one| one.is_error()).collect();
        let Some(first) = errors.first() else {
            let message = format!("{} failed to {} without saying why", self.engine.named(), self.doing);
            return ProviderError::new(ErrorKind::Refused, message).with_detail(self.rest.clone());
        };
        if let Some(locked) = errors.iter().find_map(|one| locked(one)) {
            return locked;
        }
        let detail: Vec<String> = errors.iter().flat_map(|one| one.lines(self.folder)).collect();
        let detail = detail.iter().map(|line| self.mask.apply(line));
        if errors.iter().any(|one| is_stale(one)) {
            let message =
                format!("{}'s plan is stale: the module's state was changed since", self.engine.flavour.name());
            return ProviderError::new(ErrorKind::Stale, message)
                .with_detail(detail)
                .with_hint("make the plan again, and look at it again; nothing of this module was changed");
        }
        let more = match errors.len() {
            1 => String::new(),
            count => format!(" ({} more)", count - 1),
        };
        let summary = self.mask.apply(&first.summary);
        let message = format!("{} could not {}: {summary}{more}", self.engine.named(), self.doing);
        ProviderError::new(ErrorKind::Refused, message).with_detail(detail)
    }
}

fn is_stale(diagnostic: &Diagnostic) -> bool {
    diagnostic.summary == "Saved plan is stale" || diagnostic.summary == "Saved plan does not match the given state"
}

/// A state that another holds.
fn locked(diagnostic: &Diagnostic) -> Option<ProviderError> {
    if diagnostic.summary != "Error acquiring the state lock" {
        return None;
    }
    let field = |name: &str| {
        let lines = diagnostic.detail.lines();
        lines
            .filter_map(|line| line.trim().strip_prefix(name)?.strip_prefix(':').map(str::trim))
            .find(|text| !text.is_empty())
    };
    let Some(id) = field("ID") else {
        let error = ProviderError::new(ErrorKind::Transient, "the module's state cannot be locked");
        return Some(error.with_detail(diagnostic.detail.lines().map(str::to_owned)));
    };
    // Some backends answer with the lock that was asked for, and only say the name of the one in the way.
    let other =
        diagnostic.detail.split_once("already locked: ID=").and_then(|(_, rest)| rest.split_whitespace().next());
    if let Some(other) = other.filter(|other| *other != id) {
        let message = format!("the module's state is locked by another, under the ID {other}");
        return Some(ProviderError::new(ErrorKind::Transient, message).with_hint(unlock(other)));
    }
    let who = field("Who").unwrap_or("somebody");
    let operation =
        field("Operation").map(|what| format!(" ({})", what.trim_start_matches("OperationType"))).unwrap_or_default();
    let since = field("Created").map(|when| format!(", since {when}")).unwrap_or_default();
    let message = format!("the module's state is locked by {who}{operation}{since}");
    Some(ProviderError::new(ErrorKind::Transient, message).with_hint(unlock(id)))
}

fn unlock(id: &str) -> String {
    format!(
        "wait until that is done (`lock_timeout` waits by itself); if its holder is gone, `force-unlock {id}` in the module's \
         folder breaks the lock"
    )
}

fn first_line(text: &str) -> &str {
    text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default()
}

/// What was written for people in a frame of its own, without the frame.
pub(crate) fn unframed(text: &str) -> Vec<String> {
    let lines = text.lines().filter(|line| !matches!(line.trim(), "╷" | "╵"));
    let plain = lines.map(|line| line.strip_prefix('│').map_or(line, |rest| rest.strip_prefix(' ').unwrap_or(rest)));
    let mut lines: Vec<String> = plain.map(|line| line.trim_end().to_owned()).collect();
    lines.dedup_by(|a, b| a.is_empty() && b.is_empty());
    while lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    lines.into_iter().skip_while(String::is_empty).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_told_with_its_holder() {
        let detail = "Error message: resource temporarily unavailable\nLock Info:\n  ID:        1234\n  Path:      x\n  \
            Operation: OperationTypeApply\n  Who:       ana@ci\n  Created:   2026-11-21\n  Info:      \n";
        let diagnostic = Diagnostic {
            severity: "error".to_owned(),
            summary: "Error acquiring the state lock".to_owned(),
            detail: detail.to_owned(),
            range: None,
            snippet: None,
            address: None,
        };
        let error = locked(&diagnostic).unwrap();
        assert_eq!(error.message, "the module's state is locked by ana@ci (Apply), since 2026-11-21");
        assert!(error.hint.unwrap().contains("force-unlock 1234"));
    }

    #[test]
    fn a_frame_is_taken_off() {
        assert_eq!(
            unframed("╷\n│ Error: x\n│ \n│   on main.tf line 1:\n╵\n"),
            ["Error: x", "", "  on main.tf line 1:"]
        );
    }
}
