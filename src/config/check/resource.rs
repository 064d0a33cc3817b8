//! Holds one resource block against its type.

use deployctl_sdk::{AttrPath, Attribute, AttributeKind, PathStep, ResourceSchema};

use super::Checker;
use super::places::Place;
use crate::config::blocks::{Health, IgnoreChanges, ResourceBlock};
use crate::config::duration;
use crate::config::health::{DURATIONS, PROBES};
use crate::diagnostic::{Diagnostic, did_you_mean};

impl<'c> Checker<'c> {
    /// Holds a resource block against its type.
    pub(super) fn resource(&mut self, block: &'c ResourceBlock) {
        let found = self.schemas.resource(&block.type_name);
        let schema = found.map(|(_, schema)| schema);
        self.resource_references(block, schema);
        if let Some(health) = &block.health {
            self.health(health, schema);
        }
        let Some((provider, schema)) = found else {
            self.unknown_type(block);
            return;
        };
        let help = format!("`deployctl schema {}` lists its attributes", block.type_name);
        self.body(&block.body, &schema.attributes, &block.type_name, &help);
        self.provider_of(block, &provider.name);
        self.ignored(block, schema);
        if block.lifecycle.create_before_destroy == Some(true) && !schema.create_first && !schema.hands_over {
            let message = format!("`{}` cannot be created before the old one is deleted", block.type_name);
            self.complaints.push(
                Diagnostic::error(block.span, message, "`create_before_destroy` is set in this block")
                    .with_help("leave `create_before_destroy` out of its `lifecycle`"),
            );
        }
    }

    fn unknown_type(&mut self, block: &ResourceBlock) {
        let close = did_you_mean(&block.type_name, self.schemas.type_names());
        let label = close.map_or("unknown type".to_owned(), |close| format!("did you mean `{close}`?"));
        let message = format!("there is no resource type `{}`", block.type_name);
        let complaint = Diagnostic::error(block.type_span, message, label);
        self.complaints.push(complaint.with_help("`deployctl schema` lists the types"));
    }

    fn resource_references(&mut self, block: &'c ResourceBlock, schema: Option<&'c ResourceSchema>) {
        let top = Place::TOP;
        let inside = Place { each: block.for_each.is_some(), count: block.count.is_some(), ..top };
        let after = Place { own: Some(schema), ..inside };
        for expression in block.count.iter().chain(&block.for_each) {
            self.references(top).expression(expression);
        }
        for expression in block.body.expressions() {
            self.references(inside).expression(expression);
        }
        for condition in &block.lifecycle.preconditions {
            self.references(inside).expression(&condition.condition);
            self.references(inside).expression(&condition.error_message);
        }
        for condition in &block.lifecycle.postconditions {
            self.references(after).expression(&condition.condition);
            self.references(after).expression(&condition.error_message);
        }
        for expression in block.health.iter().flat_map(|health| health.body.expressions()) {
            self.references(after).expression(expression);
        }
        self.references(top).resources("depends_on", &block.depends_on);
        self.references(inside).resources("replace_triggered_by", &block.lifecycle.replace_triggered_by);
    }

    fn provider_of(&mut self, block: &ResourceBlock, provider: &str) {
        let (Some((name, alias)), Some(span)) = (&block.provider, block.provider_span) else { return };
        if **name != *provider {
            let message = format!("`{}` belongs to the provider `{provider}`, not to `{name}`", block.type_name);
            self.complaints.push(Diagnostic::error(span, message, "another provider"));
        } else if self.config.provider(name, alias.as_deref()).is_none() {
            let Some(alias) = alias else { return };
            let aliases = self.config.providers.iter().filter(|block| block.name == *name);
            let close = did_you_mean(alias, aliases.filter_map(|block| block.alias.as_deref()));
            let label = close.map_or("unknown alias".to_owned(), |close| format!("did you mean `{name}.{close}`?"));
            let message = format!("there is no provider block `{name}` with the alias `{alias}`");
            let help = format!("add `provider \"{name}\" {{ alias = \"{alias}\" … }}`");
            self.complaints.push(Diagnostic::error(span, message, label).with_help(help));
        }
    }

    fn ignored(&mut self, block: &ResourceBlock, schema: &ResourceSchema) {
        let IgnoreChanges::Paths(paths) = &block.lifecycle.ignore_changes else { return };
        for (path, span) in paths.iter().zip(&block.lifecycle.ignore_spans) {
            if let Some((name, among)) = stray_step(path, &schema.attributes) {
                let close = did_you_mean(name, among.iter().map(|attribute| attribute.name.as_str()));
                let label = close.map_or("unknown attribute".to_owned(), |close| format!("did you mean `{close}`?"));
                let message = format!("`{}` has no attribute `{path}` whose changes could be ignored", block.type_name);
                let help = format!("`deployctl schema {}` lists its attributes", block.type_name);
                self.complaints.push(Diagnostic::error(*span, message, label).with_help(help));
            }
        }
    }

    fn health(&mut self, health: &Health, schema: Option<&ResourceSchema>) {
        let attributes = Health::attributes();
        let names: Vec<String> = attributes.iter().map(|attribute| format!("`{}`", attribute.name)).collect();
        self.body(&health.body, &attributes, "health", &format!("`health` takes {}", names.join(", ")));
        let probes: Vec<_> = PROBES.iter().filter_map(|name| health.body.attribute(name)).collect();
        match probes.as_slice() {
            [] => {
                let message = "`health` needs one of `http`, `tcp`, `command` and `engine`";
                self.complaints.push(Diagnostic::error(health.span, message, "nothing says what to check"));
            }
            [_] => {}
            [first, second, ..] => {
                let message = format!("`health` checks one thing, not both `{}` and `{}`", first.name, second.name);
                let complaint = Diagnostic::error(second.name_span, message, "the second");
                self.complaints.push(complaint.with_label(first.name_span, "the first"));
            }
        }
        if let (Some(engine), Some(schema)) = (health.body.attribute("engine"), schema)
            && !schema.has_health
        {
            let message = format!("`{}` has no notion of health of its own", schema.name);
            self.complaints.push(
                Diagnostic::error(engine.name_span, message, "cannot be asked")
                    .with_help("use `http`, `tcp` or `command`"),
            );
        }
        for name in DURATIONS {
            let Some(given) = health.body.attribute(name) else { continue };
            if given.value.as_plain_string().is_some_and(|text| duration::parse(&text).is_err()) {
                let message = format!("`{name}` of `health` must be a duration");
                self.complaints.push(
                    Diagnostic::error(given.value.span(), message, "not a duration")
                        .with_help("write for example `\"500ms\"`, `\"30s\"` or `\"1h30m\"`"),
                );
            }
        }
    }
}

/// The step of a path that a schema does not have, and the attributes that it could have meant.
fn stray_step<'p>(path: &'p AttrPath, attributes: &'p [Attribute]) -> Option<(&'p str, &'p [Attribute])> {
    let mut attributes = attributes;
    for step in &path.0 {
        let PathStep::Key(name) = step else { continue };
        match attributes.iter().find(|attribute| *attribute.name == **name).map(|attribute| &attribute.kind) {
            None => return Some((name, attributes)),
            Some(AttributeKind::Value(_)) => return None,
            Some(AttributeKind::Block { attributes: inner, .. }) => attributes = inner,
        }
    }
    None
}
