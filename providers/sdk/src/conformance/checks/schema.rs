//! What a schema says of itself.

use std::collections::BTreeSet;

use super::super::law::{Law, Report, Violation};
use crate::schema::{Attribute, AttributeKind, ProviderSchema};

/// Names that a configuration uses for something else.
const RESERVED_TYPES: [&str; 12] =
    ["var", "local", "each", "count", "path", "self", "module", "data", "secret", "env", "provider", "resource"];

/// Names of a resource block that belong to deployctl itself.
const META_ARGUMENTS: [&str; 8] =
    ["depends_on", "count", "for_each", "provider", "lifecycle", "health", "timeouts", "retry"];

/// Checks a provider's schema.
pub(in crate::conformance) fn check(schema: &ProviderSchema, report: &mut Report) {
    *report.examined.entry(Law::SchemaIsSane).or_default() += 1;
    let mut complaints = Vec::new();
    if schema.name.is_empty() || schema.doc.trim().is_empty() {
        complaints.push("the provider needs a name and a doc text".to_owned());
    }
    check_attributes(&format!("provider {}", schema.name), &schema.settings, &mut complaints);
    let mut names = BTreeSet::new();
    for resource in &schema.resources {
        let name = resource.name.as_str();
        if !crate::value::is_identifier(name) || RESERVED_TYPES.contains(&name) {
            complaints.push(format!("`{name}` cannot be a resource type"));
        }
        if !names.insert(name) {
            complaints.push(format!("two resource types are called {name}"));
        }
        if resource.doc.trim().is_empty() {
            complaints.push(format!("{name} has no doc text"));
        }
        if !resource.example.contains(&format!("resource \"{name}\"")) {
            complaints.push(format!("{name} has no example that uses it"));
        }
        if resource.version == 0 {
            complaints.push(format!("the versions of {name} begin at 1"));
        }
        if resource.hands_over && !resource.create_first {
            complaints.push(format!("{name} hands over without ever being made first"));
        }
        for attribute in &resource.attributes {
            if META_ARGUMENTS.contains(&attribute.name.as_str()) {
                complaints.push(format!("{name}.{} is a name that deployctl uses itself", attribute.name));
            }
        }
        check_attributes(name, &resource.attributes, &mut complaints);
    }
    report.violations.extend(complaints.into_iter().map(|what| Violation {
        law: Law::SchemaIsSane,
        case: schema.name.clone(),
        what,
    }));
}

fn check_attributes(owner: &str, attributes: &[Attribute], complaints: &mut Vec<String>) {
    let mut names = BTreeSet::new();
    for attribute in attributes {
        let place = format!("{owner}.{}", attribute.name);
        if !crate::value::is_identifier(&attribute.name) {
            complaints.push(format!("{place} is not a name"));
        }
        if !names.insert(attribute.name.as_str()) {
            complaints.push(format!("{place} stands twice"));
        }
        if attribute.doc.trim().is_empty() {
            complaints.push(format!("{place} has no doc text"));
        }
        if attribute.required && (attribute.default.is_some() || attribute.computed) {
            complaints.push(format!("{place} is required, so it can be neither computed nor have a default"));
        }
        if attribute.read_only && (!attribute.computed || attribute.default.is_some()) {
            complaints.push(format!("{place} is read-only, so it must be computed and have no default"));
        }
        match &attribute.kind {
            AttributeKind::Block { attributes, .. } => check_attributes(&place, attributes, complaints),
            AttributeKind::Value(ty) => {
                if let Some(default) = &attribute.default
                    && !ty.convert(default).is_ok_and(|converted| converted == *default)
                {
                    complaints.push(format!("the default of {place} is not {}", ty.described()));
                }
            }
        }
    }
}
