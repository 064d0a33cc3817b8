//! The reference of resource types, from the schemas that validation and planning use as well.

use deployctl_sdk::{Attribute, AttributeKind, Nesting, ProviderSchema, ResourceSchema, Value};

/// The page that lists all types.
pub fn index(schemas: &[ProviderSchema]) -> String {
    let mut text = "# Resource types\n".to_owned();
    for schema in schemas {
        text += &format!("\n## Provider `{}`\n\n{}\n\n", schema.name, schema.doc);
        for resource in &schema.resources {
            text += &format!("- [`{0}`]({0}.md): {1}\n", resource.name, first_sentence(&resource.doc));
        }
        if !schema.settings.is_empty() {
            text += &format!("\nSettings, in `provider \"{}\" {{ … }}`:\n\n", schema.name);
            text += &table(&schema.settings.iter().collect::<Vec<_>>());
        }
    }
    text
}

/// The page of one type.
pub fn page(provider: &ProviderSchema, resource: &ResourceSchema) -> String {
    let mut text = format!("# `{}`\n\n{}\n", resource.name, resource.doc);
    text += &format!("\nProvider `{}`.\n", provider.name);
    if !resource.example.is_empty() {
        text += &format!("\n```hcl\n{}\n```\n", resource.example.trim_end());
    }
    text += &attributes(&resource.attributes, "");
    text += &format!("\n## Good to know\n\n{}", traits(resource));
    text
}

/// What is given, then what is answered, then the blocks, each with its own attributes.
fn attributes(attributes: &[Attribute], within: &str) -> String {
    let is_block = |attribute: &&Attribute| matches!(attribute.kind, AttributeKind::Block { .. });
    let (blocks, values): (Vec<&Attribute>, Vec<&Attribute>) = attributes.iter().partition(is_block);
    let (computed, given): (Vec<&Attribute>, Vec<&Attribute>) =
        values.into_iter().partition(|attribute| attribute.read_only);
    let mut text = String::new();
    if !given.is_empty() {
        let title = if within.is_empty() { "## Attributes\n\n".to_owned() } else { String::new() };
        text += &format!("\n{title}{}", table(&given));
    }
    if !computed.is_empty() {
        text += "\n### Only to be read\n\n| Name | Type | |\n|---|---|---|\n";
        for attribute in computed {
            text += &format!("| `{}` | `{}` | {} |\n", attribute.name, type_of(attribute), cell(&attribute.doc));
        }
    }
    for block in blocks {
        let AttributeKind::Block { nesting, attributes: inner } = &block.kind else { continue };
        let often = match nesting {
            Nesting::Single => "at most once",
            Nesting::List => "any number of times",
        };
        let name = format!("{within}{}", block.name);
        text += &format!("\n### Block `{name}`\n\n{} It may stand {often}.\n", block.doc);
        text += &attributes_of_block(inner, &name);
    }
    text
}

fn attributes_of_block(inner: &[Attribute], name: &str) -> String {
    attributes(inner, &format!("{name}."))
}

fn table(attributes: &[&Attribute]) -> String {
    let mut text = "| Name | Type | Default | |\n|---|---|---|---|\n".to_owned();
    for attribute in attributes {
        let default = match &attribute.default {
            Some(default) => format!("`{}`", json(default)),
            None if attribute.required => "**required**".to_owned(),
            None if attribute.computed => "*computed*".to_owned(),
            None => String::new(),
        };
        let mut doc = cell(&attribute.doc);
        if attribute.forces_replacement {
            doc += " *Changing it makes a new one.*";
        } else if attribute.unset_replaces {
            doc += " *Taking it away makes a new one.*";
        }
        if attribute.sensitive {
            doc += " *Never shown.*";
        }
        text += &format!("| `{}` | `{}` | {} | {doc} |\n", attribute.name, type_of(attribute), cell(&default));
    }
    text
}

fn type_of(attribute: &Attribute) -> String {
    match &attribute.kind {
        AttributeKind::Value(ty) => ty.to_string(),
        AttributeKind::Block { .. } => "block".to_owned(),
    }
}

/// What the schema says of the type as a whole, in sentences.
fn traits(resource: &ResourceSchema) -> String {
    let mut lines = Vec::new();
    if resource.host_bound {
        lines.push("It lives on the machine that made it; from another machine it cannot be checked.".to_owned());
    }
    if resource.holds_data {
        lines.push("Deleting it loses data that deployctl cannot bring back; plans say so.".to_owned());
    }
    if let Some(what) = &resource.not_brought_back {
        lines.push(format!("A rollback does not bring back {what}; its plan says so."));
    }
    if resource.interrupts {
        lines.push("Deleting or replacing it interrupts a service; plans say so.".to_owned());
    }
    lines.push(match resource.create_first {
        true => "`create_before_destroy` is possible.".to_owned(),
        false => "`create_before_destroy` is not possible: two of it cannot stand beside each other.".to_owned(),
    });
    lines.push(match &resource.import_id {
        Some(id) => format!("`deployctl import` takes {id}."),
        None => "`deployctl import` is not possible.".to_owned(),
    });
    if resource.has_health {
        lines.push("It has a health of its own, so that `health { engine = true }` works.".to_owned());
    }
    if resource.has_logs {
        let previous = if resource.has_previous_logs {
            ", and with `--previous` what was written before the last restart"
        } else {
            ""
        };
        lines.push(format!("`deployctl logs` shows its log{previous}."));
    }
    lines.iter().map(|line| format!("- {line}\n")).collect()
}

/// A value as a configuration would write it; every schema's default can be written so.
fn json(value: &Value) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

fn first_sentence(doc: &str) -> String {
    let line = doc.lines().next().unwrap_or_default();
    line.split_once(". ").map_or(line.to_owned(), |(first, _)| format!("{first}."))
}

/// Text as it may stand in a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}
