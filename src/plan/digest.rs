//! The digest that an approval is bound to.
//!
//! It covers the normalised actions, the inputs, the lineage and the environment; not the serial, the times, the order, random
//! identities, or the bytes of an engine's own plan. Sensitive values enter through a keyed digest, so that the result cannot
//! be used to guess them.

use deployctl_sdk::value::{Seal, Tagged};
use deployctl_sdk::{CapturedFile, Child, Diff, Digest, Value};
use sha2::{Digest as _, Sha256};

use super::{Plan, ResourceChange};
use crate::inputs::Inputs;

/// Computes the digest of a plan. `seal` is the state's own key, whose sealing is the same for the same value.
pub(super) fn digest(plan: &Plan, inputs: &Inputs, seal: &dyn Seal) -> Digest {
    let mut hasher = Sha256::new();
    let mut add = |text: &str| {
        hasher.update((text.len() as u64).to_be_bytes());
        hasher.update(text.as_bytes());
    };
    add("deployctl plan 1");
    add(&plan.lineage.to_string());
    add(&plan.environment);
    add(&serde_json::to_string(&plan.mode).unwrap_or_default());
    // Each part begins with its length, so that nothing at the end of one can pass for the beginning of the next.
    add(&inputs.files.len().to_string());
    for (path, file) in &inputs.files {
        add(path);
        add(&file.digest.to_string());
        add(mode(file));
    }
    add(&inputs.listings.len().to_string());
    for (folder, names) in &inputs.listings {
        add(folder);
        add(&serde_json::to_string(names).unwrap_or_default());
    }
    add(&inputs.variables.len().to_string());
    for (name, value) in &inputs.variables {
        add(name);
        add(&normal(value, seal));
    }
    add(&inputs.env.len().to_string());
    for (name, value) in &inputs.env {
        add(name);
        // A variable that is not set is another thing than an empty one.
        add(&value.as_ref().map(|value| seal.seal(value.as_bytes()).unwrap_or_default()).unwrap_or_default());
    }
    add(&inputs.stacks.len().to_string());
    for (name, value) in &inputs.stacks {
        add(name);
        // Another run of the other configuration that left its outputs as they were changes nothing here.
        add(&value
            .as_map()
            .and_then(|members| members.get("outputs"))
            .map(|outputs| normal(outputs, seal))
            .unwrap_or_default());
    }
    let mut actions: Vec<String> = plan.changes.iter().map(|change| action(change, seal)).collect();
    actions.sort();
    add(&actions.len().to_string());
    actions.iter().for_each(|action| add(action));
    add(&plan.outputs.len().to_string());
    for output in &plan.outputs {
        add(&output.name);
        add(&output.before.as_ref().map(|value| normal(value, seal)).unwrap_or_default());
        add(&output.after.as_ref().map(|value| normal(value, seal)).unwrap_or_default());
    }
    Digest::from_bytes(hasher.finalize().into())
}

fn mode(file: &CapturedFile) -> &'static str {
    if file.executable { "executable" } else { "plain" }
}

/// What is done with one resource, in its normal form: equal for two plans that do the same with it.
pub(super) fn action(change: &ResourceChange, seal: &dyn Seal) -> String {
    let differences = |diffs: &[Diff]| -> Vec<_> {
        let side = |value: &Option<Value>| value.as_ref().map(|value| normal(value, seal));
        diffs.iter().map(|diff| (diff.path.to_string(), side(&diff.before), side(&diff.after))).collect()
    };
    let children: Vec<_> = change
        .children
        .iter()
        .map(|child| {
            let Child { kind, name, action, reason, diffs } = child;
            (kind.as_str(), name.as_str(), *action, reason.as_str(), differences(diffs))
        })
        .collect();
    let captured: Vec<_> = change.captured.iter().map(|file| (file.path.as_str(), file.digest, mode(file))).collect();
    let parts = (
        change.address.to_string(),
        change.action,
        &change.reason,
        normal(&change.planned, seal),
        differences(&change.diffs),
        children,
        captured,
        (change.provider.name.as_ref(), change.provider.alias.as_deref()),
        normal(&change.provider.settings, seal),
    );
    serde_json::to_string(&parts).unwrap_or_default()
}

fn normal(value: &Value, seal: &dyn Seal) -> String {
    serde_json::to_string(&Tagged::new(value, seal)).unwrap_or_default()
}

#[cfg(test)]
mod tests;
