//! What the engines say while they work (`-json`), line by line.
//!
//! Source of the format: <https://developer.hashicorp.com/terraform/internals/machine-readable-ui>.

use deployctl_sdk::mask::Mask;
use serde::Deserialize;

use crate::diagnostics::Diagnostic;

/// What was said that matters afterwards.
#[derive(Debug, Default)]
pub(crate) struct Said {
    /// Errors and warnings.
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// Whether something was said that is not JSON.
    pub(crate) strays: Vec<String>,
}

#[derive(Deserialize)]
struct Line {
    #[serde(rename = "type", default)]
    kind: String,
    diagnostic: Option<Diagnostic>,
    hook: Option<Hook>,
}

#[derive(Deserialize)]
struct Hook {
    resource: Option<Resource>,
    action: Option<String>,
    elapsed_seconds: Option<f64>,
    provisioner: Option<String>,
}

#[derive(Deserialize)]
struct Resource {
    addr: String,
}

impl Said {
    /// Takes a line in; answers what to tell whoever watches.
    pub(crate) fn hear(&mut self, line: &str, mask: &Mask) -> Option<String> {
        if line.trim().is_empty() {
            return None;
        }
        let Ok(line) = serde_json::from_str::<Line>(line) else {
            if self.strays.len() < 20 {
                self.strays.push(mask.apply(line));
            }
            return None;
        };
        if let Some(diagnostic) = line.diagnostic {
            self.diagnostics.push(diagnostic);
            return None;
        }
        let hook = line.hook?;
        progress(&line.kind, &hook).map(|text| mask.apply(&text))
    }
}

fn progress(kind: &str, hook: &Hook) -> Option<String> {
    let address = &hook.resource.as_ref()?.addr;
    let action = hook.action.as_deref().unwrap_or_default();
    let seconds = hook.elapsed_seconds.unwrap_or_default();
    let provisioner = || hook.provisioner.as_deref().unwrap_or("provisioner");
    Some(match kind {
        "apply_start" => format!("{address}: {}", doing(action)),
        "apply_progress" => format!("{address}: still {}, {seconds:.0} s", doing(action)),
        "apply_complete" => format!("{address}: {}", done(action)),
        "apply_errored" => format!("{address}: failed"),
        "provision_start" => format!("{address}: runs {}", provisioner()),
        "provision_errored" => format!("{address}: {} failed", provisioner()),
        _ => return None,
    })
}

fn doing(action: &str) -> &'static str {
    match action {
        "create" => "creating",
        "update" => "updating",
        "delete" => "deleting",
        "read" => "reading",
        _ => "replacing",
    }
}

fn done(action: &str) -> &'static str {
    match action {
        "create" => "created",
        "update" => "updated",
        "delete" => "deleted",
        "read" => "read",
        _ => "replaced",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_become_progress_and_strays_are_kept() {
        let mut said = Said::default();
        let mask = Mask::new(&["hunter2".to_owned()]);
        let line = r#"{"type":"apply_start","hook":{"resource":{"addr":"a.b[\"hunter2\"]"},"action":"create"}}"#;
        assert_eq!(said.hear(line, &mask).unwrap(), "a.b[\"(sensitive value)\"]: creating");
        assert_eq!(said.hear("panic: hunter2", &mask), None);
        assert_eq!(said.strays, ["panic: (sensitive value)"]);
        let line = r#"{"type":"diagnostic","diagnostic":{"severity":"error","summary":"No","detail":"so"}}"#;
        assert_eq!(said.hear(line, &mask), None);
        assert_eq!(said.diagnostics.len(), 1);
    }
}
