//! `deployctl schema`: what there is to write in a configuration.

use deployctl_sdk::{Attribute, AttributeKind, Nesting, ProviderSchema, ResourceSchema};
use serde::Serialize;

use crate::cli::Outcome;
use crate::cli::exit::Exit;
use crate::cli::output::Output;
use crate::cli::session::providers;
use crate::diagnostic::did_you_mean;
use crate::error::Error;
use crate::render::table::table;
use crate::render::text::{clean, pad, width, wrapped};
use crate::render::{Look, value};

/// Show the resource types and their attributes.
#[derive(Debug, clap::Args)]
pub struct Schema {
    /// Only this resource type
    #[arg(value_name = "TYPE")]
    type_name: Option<String>,
}

#[derive(Serialize)]
struct Document<'s> {
    format_version: u32,
    providers: &'s [ProviderSchema],
}

#[derive(Serialize)]
struct OneType<'s> {
    format_version: u32,
    provider: &'s str,
    resource: &'s ResourceSchema,
}

/// Runs it.
pub fn run(output: &Output, arguments: &Schema) -> Outcome {
    let schemas = providers()?.schemas();
    let Some(wanted) = &arguments.type_name else {
        if output.json {
            output.document(&Document { format_version: 1, providers: &schemas })?;
        } else {
            output.result(&all(&schemas, output.out));
        }
        return Ok(Exit::Done);
    };
    let found = schemas.iter().find_map(|provider| Some((provider, provider.resource(wanted)?)));
    let Some((provider, resource)) = found else {
        let names =
            schemas.iter().flat_map(|provider| provider.resources.iter().map(|resource| resource.name.as_str()));
        let error = Error::usage(format!("there is no resource type `{wanted}`"));
        return Err(match did_you_mean(wanted, names) {
            Some(close) => error.with_hint(format!("did you mean `{close}`?")),
            None => error.with_hint("`deployctl schema` lists the types"),
        });
    };
    if output.json {
        output.document(&OneType { format_version: 1, provider: &provider.name, resource })?;
    } else {
        output.result(&one(resource, output.out));
    }
    Ok(Exit::Done)
}

fn all(schemas: &[ProviderSchema], look: Look) -> String {
    let rows: Vec<_> = schemas
        .iter()
        .flat_map(|provider| provider.resources.iter().map(move |resource| (provider, resource)))
        .map(|(provider, resource)| {
            [resource.name.as_str().into(), provider.name.as_str().into(), first_sentence(&resource.doc).into()]
        })
        .collect();
    table(["TYPE", "PROVIDER", "WHAT IT IS"], &rows, look)
}

fn first_sentence(doc: &str) -> String {
    let doc = doc.split("\n\n").next().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
    match doc.split_once(". ") {
        Some((first, _)) => first.to_owned(),
        None => doc.trim_end_matches('.').to_owned(),
    }
}

fn one(resource: &ResourceSchema, look: Look) -> String {
    let mut out = format!("{}\n{}\n\n", look.bold(&resource.name), wrapped(&resource.doc, look.width).join("\n"));
    attributes(&mut out, &resource.attributes, "", look);
    if !resource.example.trim().is_empty() {
        out.push_str(&format!("\n{}\n", look.bold("Example")));
        out.extend(resource.example.trim().lines().map(|line| format!("  {line}\n")));
    }
    out
}

fn attributes(out: &mut String, all: &[Attribute], indent: &str, look: Look) {
    let column = all.iter().map(|attribute| width(&attribute.name)).max().unwrap_or(0);
    for attribute in all {
        let what = clean(&about(attribute));
        out.push_str(&format!("{indent}{}  {what}\n", look.bold(&pad(&attribute.name, column))));
        for line in wrapped(&attribute.doc, look.width.saturating_sub(indent.len() + column + 2).max(30)) {
            out.push_str(&format!("{indent}{:column$}  {}\n", "", look.dim(&line)));
        }
        if let AttributeKind::Block { attributes: inside, .. } = &attribute.kind {
            attributes_below(out, inside, indent, look);
        }
    }
}

fn attributes_below(out: &mut String, inside: &[Attribute], indent: &str, look: Look) {
    attributes(out, inside, &format!("{indent}    "), look);
}

/// `string, required, forces replacement`
fn about(attribute: &Attribute) -> String {
    let mut parts = vec![match &attribute.kind {
        AttributeKind::Value(ty) => ty.to_string(),
        AttributeKind::Block { nesting: Nesting::Single, .. } => "block".to_owned(),
        AttributeKind::Block { nesting: Nesting::List, .. } => "block, any number of times".to_owned(),
    }];
    if attribute.required {
        parts.push("required".to_owned());
    }
    if attribute.read_only {
        parts.push("decided by the engine".to_owned());
    } else if attribute.computed {
        parts.push("decided by the engine where it is left out".to_owned());
    }
    if let Some(default) = &attribute.default {
        parts.push(format!("default {}", value::inline(default, 40)));
    }
    if attribute.sensitive {
        parts.push("sensitive".to_owned());
    }
    if attribute.forces_replacement {
        parts.push("forces replacement".to_owned());
    } else if attribute.unset_replaces {
        parts.push("taking it away forces replacement".to_owned());
    }
    parts.join(", ")
}
