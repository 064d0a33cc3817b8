//! Why something is planned, in words. Every text for a [`Reason`] is made here.

use deployctl_sdk::{Action, AttrPath, Reason, Risk, RiskKind};

use crate::event::Skip;

/// How many names are spelled out before the rest is counted.
const NAMED: usize = 3;

/// The reason in a few words; empty where the action says it all.
pub fn reason(action: Action, reason: &Reason) -> String {
    match reason {
        Reason::UpToDate | Reason::New | Reason::Changed => String::new(),
        Reason::Missing => "gone, and is made again".to_owned(),
        Reason::Drifted => "changed outside deployctl, and is put back".to_owned(),
        Reason::CannotUpdate { attributes } => format!("forced by {}", names(attributes)),
        Reason::Tainted => "an earlier run left it half made".to_owned(),
        Reason::Requested => "--replace asks for it".to_owned(),
        Reason::TriggeredBy { reference } => format!("triggered by {reference}"),
        Reason::NotConfigured => "not in the configuration any more".to_owned(),
        Reason::KeyGone => "its count or for_each has this key no longer".to_owned(),
        Reason::Destroy => String::new(),
        Reason::Deposed => "left over from a replacement that did not finish".to_owned(),
        Reason::Unhealthy if action == Action::NoOp || action == Action::Read => {
            "checked again: was not healthy".to_owned()
        }
        Reason::Unhealthy => "was not healthy".to_owned(),
        Reason::Interrupted => "an earlier run was interrupted in the middle of it".to_owned(),
        Reason::DependsOn { what } => format!("deferred: {what}"),
        Reason::Other { text } => text.clone(),
    }
}

fn names(attributes: &[AttrPath]) -> String {
    let named: Vec<String> = attributes.iter().take(NAMED).map(ToString::to_string).collect();
    match attributes.len().saturating_sub(NAMED) {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

/// What a sort of risk is called.
pub fn risk_word(kind: RiskKind) -> &'static str {
    match kind {
        RiskKind::DataLoss => "DATA LOSS",
        RiskKind::Interrupts => "INTERRUPTS",
        RiskKind::Exposure => "EXPOSURE",
        RiskKind::Unpredictable => "UNPREDICTABLE",
        RiskKind::Protected => "PROTECTED",
    }
}

/// What cannot be undone by a rollback, of the risks that there are; nothing where everything can.
pub fn irreversible(risk: &Risk) -> bool {
    matches!(risk.kind, RiskKind::DataLoss | RiskKind::Unpredictable)
}

/// Why a step was never started.
pub fn skip(why: &Skip) -> String {
    match why {
        Skip::Needs { address } => format!("needs {address}"),
        Skip::Interrupted => "the run was interrupted".to_owned(),
        Skip::FailFast => "something else failed (--fail-fast)".to_owned(),
        Skip::TimedOut => "the run's time was up".to_owned(),
        Skip::LockLost => "the lock was lost".to_owned(),
        Skip::CutOff => "the state could not be reached any more".to_owned(),
        Skip::NeedsApproval { action, flag } => {
            format!("it turned out to {action}: {} allows that", flag.as_deref().unwrap_or("--approve-deferred"))
        }
        Skip::Stale { error } => error.clone(),
    }
}
