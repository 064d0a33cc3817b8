//! What may go on without another look: plans that are made in the middle of a run.

use deployctl_sdk::{Action, PlannedChange, RiskKind, Unseen};

use super::ApplyOptions;
use crate::event::Skip;

/// Why a plan that nobody looked at is not carried out, if it is not.
pub(super) fn needed(planned: &PlannedChange, options: &ApplyOptions) -> Option<Skip> {
    let removes = matches!(planned.action, Action::Delete | Action::Replace(_));
    let (deferred, auto) = (options.approve_deferred, options.approve_deferred || options.auto_approve);
    let idle = planned.action == Action::NoOp;
    let (allowed, flag) = match planned.unseen {
        // That nobody can foresee what a command does is so whenever it is planned, and puts nothing at risk by itself.
        Unseen::ByRisk => {
            let risky = planned.risks.iter().any(|risk| risk.kind != RiskKind::Unpredictable);
            (deferred || !(removes || risky), None)
        }
        // What the configuration allows is what its own provider would do, not a replacement from above it.
        Unseen::Allowed => (deferred || !removes, None),
        Unseen::IfAutoApproved => (deferred || (auto && !removes), (!removes).then(|| "--auto-approve".to_owned())),
        Unseen::IfDeferredApproved => (deferred, None),
    };
    let nested = planned.children.iter().map(|child| child.action).max_by_key(|action| match action {
        Action::Delete => 2,
        Action::Replace(_) => 1,
        _ => 0,
    });
    let nested = nested.filter(|action| matches!(action, Action::Delete | Action::Replace(_)));
    let action = match nested.filter(|_| !removes) {
        Some(nested) => format!("{} something inside", nested.word()),
        None => planned.action.word().to_owned(),
    };
    (!idle && !allowed).then_some(Skip::NeedsApproval { action, flag })
}

#[cfg(test)]
mod tests {
    use deployctl_sdk::{Child, Reason, ReplaceOrder, Value};

    use super::*;

    fn planned(action: Action, unseen: Unseen) -> PlannedChange {
        PlannedChange { unseen, ..PlannedChange::new(action, Reason::New, Value::Null) }
    }

    #[test]
    fn what_was_allowed_beforehand_goes_on() {
        let nothing = ApplyOptions::default();
        let auto = ApplyOptions { auto_approve: true, ..nothing.clone() };
        let deferred = ApplyOptions { approve_deferred: true, ..nothing.clone() };
        let replace = Action::Replace(ReplaceOrder::DeleteFirst);
        let goes_on = |action, unseen, options| needed(&planned(action, unseen), options).is_none();
        assert!(goes_on(Action::Create, Unseen::ByRisk, &nothing));
        assert!(!goes_on(replace, Unseen::ByRisk, &auto));
        assert!(!goes_on(Action::Create, Unseen::IfAutoApproved, &nothing));
        assert!(goes_on(Action::Create, Unseen::IfAutoApproved, &auto));
        assert!(!goes_on(replace, Unseen::IfAutoApproved, &auto));
        assert!(!goes_on(Action::Update, Unseen::IfDeferredApproved, &auto));
        assert!(goes_on(Action::Update, Unseen::Allowed, &nothing));
        assert!(goes_on(Action::NoOp, Unseen::IfDeferredApproved, &nothing));
        for unseen in [Unseen::ByRisk, Unseen::Allowed, Unseen::IfAutoApproved, Unseen::IfDeferredApproved] {
            assert!(goes_on(replace, unseen, &deferred));
        }
    }

    #[test]
    fn what_is_deleted_inside_is_what_the_refusal_names() {
        let mut planned = planned(Action::Update, Unseen::IfDeferredApproved);
        let child =
            |action| Child { kind: "k".into(), name: "n".into(), action, reason: String::new(), diffs: Vec::new() };
        planned.children = vec![child(Action::Create), child(Action::Delete)];
        let why = needed(&planned, &ApplyOptions::default());
        assert_eq!(why, Some(Skip::NeedsApproval { action: "delete something inside".into(), flag: None }));
    }
}
