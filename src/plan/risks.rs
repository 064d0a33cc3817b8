//! What a person would want to know before saying yes, as far as the schema tells. Providers add what only they know.

use deployctl_sdk::{Action, Note, ReplaceOrder, ResourceSchema, Risk, RiskKind};

use super::ResourceChange;

/// What is said of a removal that the configuration forbids.
pub const PREVENT_DESTROY: &str = "`prevent_destroy` forbids this; the plan cannot be applied";

/// Adds the risks that follow from the action and the resource's schema. `protected` says whether `prevent_destroy` stands.
pub(super) fn assess(change: &mut ResourceChange, schema: Option<&ResourceSchema>, protected: bool) {
    let removes = matches!(change.action, Action::Delete | Action::Replace(_));
    if !removes {
        return;
    }
    let mut add = |kind: RiskKind, text: &str| {
        if !change.risks.iter().any(|risk| risk.kind == kind) {
            change.risks.push(Risk { kind, text: text.to_owned() });
        }
    };
    if protected {
        add(RiskKind::Protected, PREVENT_DESTROY);
    }
    let Some(schema) = schema else { return };
    if schema.holds_data {
        add(RiskKind::DataLoss, "what it holds is gone afterwards, and a rollback does not bring it back");
    }
    if schema.interrupts && change.action == Action::Replace(ReplaceOrder::DeleteFirst) {
        add(RiskKind::Interrupts, "the old one stops before the new one starts");
    }
}

/// Says of a change in a rollback what it will not bring back.
pub(super) fn say_what_stays_lost(change: &mut ResourceChange, schema: Option<&ResourceSchema>) {
    let Some(schema) = schema else { return };
    let data = schema.holds_data.then(|| "the data in it".to_owned());
    if let (Some(what), true) =
        (schema.not_brought_back.clone().or(data), !matches!(change.action, Action::NoOp | Action::Forget))
    {
        change.notes.push(Note(format!("a rollback does not bring back {what}")));
    }
}
