//! What an engine's plan says (`show -json`), as parts of ours.
//!
//! Source of the format: <https://developer.hashicorp.com/terraform/internals/json-format>.

use std::collections::BTreeMap;

use deployctl_sdk::{Action, AttrPath, Child, Diff, ErrorKind, Map, ProviderError, ReplaceOrder, Value, diff};
use serde::Deserialize;
use serde_json::Value as Json;

use crate::secrets::Secrets;
use crate::state::value_of;

/// The parts of a document that are of use here; the rest is skipped.
#[derive(Deserialize)]
struct Document {
    #[serde(default)]
    resource_changes: Vec<Resource>,
    #[serde(default)]
    resource_drift: Vec<Resource>,
    #[serde(default)]
    output_changes: BTreeMap<String, Change>,
}

#[derive(Deserialize)]
struct Resource {
    address: String,
    #[serde(default)]
    previous_address: Option<String>,
    #[serde(rename = "type", default)]
    type_name: String,
    #[serde(default)]
    deposed: Option<String>,
    change: Change,
    #[serde(default)]
    action_reason: Option<String>,
}

#[derive(Deserialize)]
struct Change {
    actions: Vec<String>,
    #[serde(default)]
    before: Json,
    #[serde(default)]
    after: Json,
    #[serde(default)]
    after_unknown: Json,
    #[serde(default)]
    before_sensitive: Json,
    #[serde(default)]
    after_sensitive: Json,
    #[serde(default)]
    replace_paths: Vec<Vec<Json>>,
    #[serde(default)]
    importing: Option<Json>,
}

/// A nested plan.
#[derive(Debug, Clone, Default)]
pub(crate) struct Nested {
    /// Every nested change.
    pub(crate) children: Vec<Child>,
    /// What was changed behind the module's back.
    pub(crate) drift: Vec<Diff>,
    /// The outputs afterwards.
    pub(crate) outputs: Value,
    /// What goes away with something in it, for the risks.
    pub(crate) lost: Vec<Lost>,
}

/// A nested resource that goes away.
#[derive(Debug, Clone)]
pub(crate) struct Lost {
    /// Its address in the module.
    pub(crate) address: String,
    /// Whether another comes in its place.
    pub(crate) replaced: bool,
    /// Whether it holds anything at all.
    pub(crate) holds: bool,
}

impl Nested {
    /// Reads what `show -json` answered.
    ///
    /// # Errors
    /// When it is something else. Never shows what.
    pub(crate) fn read(text: &[u8], engine: &str, secrets: &Secrets) -> Result<Self, ProviderError> {
        let document: Document = serde_json::from_slice(text).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            let message =
                format!("{engine} answered something that is not the JSON of a plan (line {line}, column {column})");
            ProviderError::new(ErrorKind::Internal, message).with_hint(
                "`binary` must name Terraform or OpenTofu itself, not something that writes more than they do",
            )
        })?;
        let changes = document.resource_changes.iter().filter(|resource| resource.is_change());
        let children = changes.clone().map(|resource| resource.child(secrets)).collect();
        let lost = changes.filter_map(Resource::lost).collect();
        let drift = document.resource_drift.iter().flat_map(|resource| resource.drift(secrets)).collect();
        let outputs = document.output_changes.iter().filter(|(_, change)| change.actions != ["delete"]);
        let outputs = outputs.map(|(name, change)| (name.as_str(), secrets.mark(change.after())));
        Ok(Self { children, drift, outputs: Value::map(outputs.collect::<Vec<_>>()), lost })
    }
}

impl Resource {
    fn is_change(&self) -> bool {
        self.change.actions != ["no-op"] || self.moved().is_some() || self.change.importing.is_some()
    }

    fn moved(&self) -> Option<&str> {
        self.previous_address.as_deref().filter(|previous| *previous != self.address)
    }

    fn name(&self) -> String {
        match &self.deposed {
            Some(key) => format!("{} (deposed {key})", self.address),
            None => self.address.clone(),
        }
    }

    fn child(&self, secrets: &Secrets) -> Child {
        let action = self.change.action();
        let empty = Value::from(Map::new());
        let (before, after) = (self.change.before(), self.change.after());
        let mut diffs = match action {
            Action::Create | Action::Read => told(diff(&empty, &after)),
            Action::Delete | Action::Forget => Vec::new(),
            _ => told(diff(&before, &after)),
        };
        for diff in &mut diffs {
            diff.forces_replacement =
                self.change.forced().any(|path| diff.path.is_within(&path) || path.is_within(&diff.path));
        }
        Child {
            kind: "resource".to_owned(),
            name: self.name(),
            action,
            reason: self.reason(),
            diffs: secrets.mark_diffs(diffs),
        }
    }

    fn reason(&self) -> String {
        let mut reasons = Vec::new();
        reasons.extend(self.moved().map(|from| format!("moved from {from}")));
        if let Some(importing) = &self.change.importing {
            let id = importing["id"].as_str().map(|id| format!(" from {id}")).unwrap_or_default();
            reasons.push(format!("imported{id}"));
        }
        let code = self.action_reason.as_deref().unwrap_or_default();
        if code == "replace_because_cannot_update" {
            let paths: Vec<String> = self.change.forced().map(|path| path.to_string()).collect();
            reasons.push(if paths.is_empty() {
                "cannot be updated".to_owned()
            } else {
                format!("forced by {}", paths.join(", "))
            });
        } else if !code.is_empty() && code != "none" {
            reasons.push(in_words(code));
        }
        reasons.join(", ")
    }

    fn drift(&self, secrets: &Secrets) -> Vec<Diff> {
        if self.change.actions == ["no-op"] {
            return Vec::new();
        }
        let top = AttrPath::of(self.name());
        let (before, after) = (self.change.before(), self.change.after());
        if self.change.actions == ["delete"] {
            let was = Value::from("there");
            return vec![Diff {
                path: top,
                before: Some(was),
                after: Some(Value::from("gone")),
                forces_replacement: false,
            }];
        }
        let below = |diff: Diff| {
            let steps = top.0.iter().chain(&diff.path.0).cloned();
            Diff { path: AttrPath(steps.collect()), ..diff }
        };
        secrets.mark_diffs(told(diff(&before, &after)).into_iter().map(below).collect())
    }

    fn lost(&self) -> Option<Lost> {
        let replaced = match self.change.action() {
            Action::Delete => false,
            Action::Replace(_) => true,
            _ => return None,
        };
        // These are nothing but a place in the state.
        let holds = !matches!(self.type_name.as_str(), "terraform_data" | "null_resource");
        Some(Lost { address: self.name(), replaced, holds })
    }
}

impl Change {
    fn action(&self) -> Action {
        let actions: Vec<&str> = self.actions.iter().map(String::as_str).collect();
        match actions.as_slice() {
            ["create"] => Action::Create,
            ["read"] => Action::Read,
            ["delete"] => Action::Delete,
            ["delete", "create"] => Action::Replace(ReplaceOrder::DeleteFirst),
            ["create", "delete"] => Action::Replace(ReplaceOrder::CreateFirst),
            ["forget"] => Action::Forget,
            // The old one is forgotten, not deleted.
            ["create", "forget"] => Action::Create,
            // What is moved or imported changes in the state alone.
            _ => Action::Update,
        }
    }

    fn before(&self) -> Value {
        marked(&self.before, &self.before_sensitive, &Json::Null)
    }

    fn after(&self) -> Value {
        marked(&self.after, &self.after_sensitive, &self.after_unknown)
    }

    fn forced(&self) -> impl Iterator<Item = AttrPath> {
        self.replace_paths.iter().map(|steps| {
            steps.iter().fold(AttrPath::root(), |path, step| match step {
                Json::String(key) => path.key(key.as_str()),
                Json::Number(index) => {
                    path.index(usize::try_from(index.as_u64().unwrap_or_default()).unwrap_or_default())
                }
                _ => path,
            })
        })
    }
}

/// Without nothing against null: that is no difference to anybody.
fn told(diffs: Vec<Diff>) -> Vec<Diff> {
    let told = |side: &Option<Value>| side.as_ref().is_some_and(|value| !value.is_null());
    diffs.into_iter().filter(|diff| told(&diff.before) || told(&diff.after)).collect()
}

/// A value with what is sensitive in it marked and what is not known yet unknown, as the masks beside it say.
fn marked(value: &Json, sensitive: &Json, unknown: &Json) -> Value {
    let plain = match (value, unknown) {
        (_, Json::Bool(true)) => Value::Unknown,
        (Json::Object(_) | Json::Null, Json::Object(mask)) if !(value.is_null() && mask.is_empty()) => {
            let names = value.as_object().into_iter().flat_map(|members| members.keys()).chain(mask.keys());
            let members = names.map(|name| (name.as_str(), marked(&value[name], &sensitive[name], &unknown[name])));
            Value::map(members.collect::<Vec<_>>())
        }
        (Json::Object(members), _) => Value::map(
            members.iter().map(|(name, member)| (name.as_str(), marked(member, &sensitive[name], &Json::Null))),
        ),
        (Json::Array(items), mask) => {
            let rest = mask.as_array().map(Vec::as_slice).unwrap_or_default();
            let count = items.len().max(rest.len());
            Value::list(
                (0..count).map(|index| marked(&item(value, index), &item(sensitive, index), &item(unknown, index))),
            )
        }
        (Json::Null, Json::Array(mask)) if !mask.is_empty() => Value::list(
            (0..mask.len()).map(|index| marked(&Json::Null, &item(sensitive, index), &item(unknown, index))),
        ),
        (plain, _) => value_of(plain),
    };
    plain.with_mark(*sensitive == Json::Bool(true))
}

fn item(list: &Json, index: usize) -> Json {
    list.get(index).cloned().unwrap_or_default()
}

/// The engine's reason in words; an unknown one as it is, with spaces.
fn in_words(code: &str) -> String {
    match code {
        "replace_because_tainted" => "tainted".to_owned(),
        "replace_by_request" => "replacement was asked for".to_owned(),
        "replace_by_triggers" => "forced by replace_triggered_by".to_owned(),
        "delete_because_no_resource_config" => "not in the module any more".to_owned(),
        "delete_because_no_module" => "its module is called no longer".to_owned(),
        "delete_because_wrong_repetition" => "its count or for_each came or went".to_owned(),
        "delete_because_count_index" => "its count has this index no longer".to_owned(),
        "delete_because_each_key" => "its for_each has this key no longer".to_owned(),
        "delete_because_no_move_target" => "what it was moved to is not in the module".to_owned(),
        "read_because_config_unknown" => "read during the apply: its configuration is not known yet".to_owned(),
        "read_because_dependency_pending" => "read during the apply: what it depends on changes".to_owned(),
        "read_because_check_nested" => "read during the apply, for a check".to_owned(),
        other => other.replace('_', " "),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn marks_and_gaps_are_honoured() {
        let value = marked(
            &json!({"a": 1, "b": {"c": "x"}, "l": [1, null]}),
            &json!({"b": {"c": true}}),
            &json!({"id": true, "l": [false, true]}),
        );
        assert_eq!(value.get("id"), Some(&Value::Unknown));
        assert!(matches!(value.get("b").and_then(|b| b.get("c")), Some(Value::Sensitive(_))));
        assert_eq!(value.get("l"), Some(&Value::list([Value::from(1), Value::Unknown])));
        assert_eq!(value.get("a"), Some(&Value::from(1)));
        assert_eq!(marked(&Json::Null, &json!(false), &json!(true)), Value::Unknown);
        assert_eq!(marked(&Json::Null, &json!({}), &json!({})), Value::Null);
    }

    #[test]
    fn a_replacement_says_what_forces_it() {
        let text = json!({"resource_changes": [{"address": "a.b", "type": "a", "action_reason": "replace_because_cannot_update",
            "change": {"actions": ["delete", "create"], "before": {"image": "1"}, "after": {"image": "2"},
            "after_unknown": {"id": true}, "before_sensitive": {}, "after_sensitive": {}, "replace_paths": [["image"]]}},
            {"address": "a.c", "change": {"actions": ["no-op"]}}]});
        let nested = Nested::read(text.to_string().as_bytes(), "Terraform", &Secrets::default()).unwrap();
        let [child] = nested.children.as_slice() else { panic!("{:?}", nested.children) };
        assert_eq!((child.action.symbol(), child.reason.as_str()), ("-/+", "forced by image"));
        assert!(child.diffs.iter().any(|diff| diff.forces_replacement && diff.path.to_string() == "image"));
        assert!(nested.lost.first().is_some_and(|lost| lost.replaced && lost.holds));
    }

    #[test]
    fn what_is_not_json_is_not_shown() {
        let error = Nested::read(b"hunter2", "Terraform 1.11", &Secrets::default()).unwrap_err();
        assert!(error.message.contains("not the JSON") && !error.message.contains("hunter2"));
    }
}
