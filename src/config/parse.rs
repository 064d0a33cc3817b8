//! Bodies of files to one configuration: hands each block to its reader and sees that nothing is defined twice.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use super::blocks::ResourceBlock;
use super::body::{Body, BodyBlock};
use super::{Configuration, read_blocks, read_resource, secret, syntax};
use crate::diagnostic::{Diagnostic, Span, did_you_mean};
use crate::error::{Error, Result};

/// The blocks there are.
const BLOCKS: [&str; 10] = [
    "deployctl",
    "variable",
    "locals",
    "secret",
    "output",
    "provider",
    "data",
    "resource",
    "deployment",
    "environment",
];

/// Blocks that people know from elsewhere.
const UNSUPPORTED: [&str; 2] = ["module", "dynamic"];

/// Reads texts (each with its path relative to the configuration's folder) into a configuration.
///
/// # Errors
/// Everything that is wrong with them, in one report.
pub fn parse(files: Vec<(String, Vec<u8>)>) -> Result<Configuration> {
    match parse_with_complaints(files)? {
        (configuration, complaints) if complaints.is_empty() => Ok(configuration),
        (configuration, complaints) => Err(Error::invalid(configuration.sources, complaints)),
    }
}

/// As [`parse`], but goes on with what can be read, so that more can be complained about in one go. A text that is no HCL
/// ends it: everything that it defines would seem to be missing.
pub(super) fn parse_with_complaints(files: Vec<(String, Vec<u8>)>) -> Result<(Configuration, Vec<Diagnostic>)> {
    let texts = syntax::read(files);
    let unreadable = !texts.complaints.is_empty();
    let mut builder = Builder { complaints: texts.complaints, ..Builder::default() };
    builder.configuration.sources = Arc::new(texts.sources);
    for body in texts.bodies {
        builder.file(body);
    }
    if unreadable {
        return Err(Error::invalid(builder.configuration.sources, builder.complaints));
    }
    Ok((builder.configuration, builder.complaints))
}

#[derive(Default)]
struct Builder {
    configuration: Configuration,
    complaints: Vec<Diagnostic>,
    deployment: Option<Span>,
    providers: HashSet<(Arc<str>, Option<Arc<str>>)>,
}

impl Builder {
    fn file(&mut self, body: Body) {
        for attribute in &body.attributes {
            let message = format!("`{}` stands outside of any block", attribute.name);
            self.complaints.push(
                Diagnostic::error(attribute.name_span, message, "an attribute outside of a block")
                    .with_help("put it into a block; values that others use go into `locals { … }`"),
            );
        }
        let resources = body.blocks.iter().filter(|block| *block.name == *"resource").count();
        self.configuration.resources.reserve(resources);
        for block in body.blocks {
            self.block(block);
        }
    }

    fn block(&mut self, block: BodyBlock) {
        let complaints = &mut self.complaints;
        match &*block.name {
            "resource" => {
                if let Some(resource) = read_resource::resource(block, complaints) {
                    self.add_resource(resource);
                }
            }
            "variable" => {
                if let Some(variable) = read_blocks::variable(block, complaints) {
                    let name = variable.name.clone();
                    add("variable", &mut self.configuration.variables, name, variable, |v| v.span, complaints);
                }
            }
            "locals" => {
                for local in read_blocks::locals(block, complaints) {
                    let name = local.name.clone();
                    add("local", &mut self.configuration.locals, name, local, |local| local.span, complaints);
                }
            }
            "output" => {
                if let Some(output) = read_blocks::output(block, complaints) {
                    let name = output.name.clone();
                    add("output", &mut self.configuration.outputs, name, output, |output| output.span, complaints);
                }
            }
            "data" => {
                if let Some(data) = read_blocks::data(block, complaints) {
                    let name = data.name.clone();
                    add("data source", &mut self.configuration.data, name, data, |data| data.span, complaints);
                }
            }
            "secret" => {
                if let Some(secret) = secret::secret(block, complaints) {
                    let name = secret.name.clone();
                    add("secret", &mut self.configuration.secrets, name, secret, |secret| secret.span, complaints);
                }
            }
            "environment" => {
                if let Some(environment) = read_blocks::environment(block, complaints) {
                    let name = environment.name.clone();
                    add("environment", &mut self.configuration.environments, name, environment, |e| e.span, complaints);
                }
            }
            "provider" => self.add_provider(block),
            "deployment" => {
                let span = block.body.span;
                let read = read_blocks::deployment(block, complaints);
                match self.deployment {
                    Some(first) => complaints.push(twice("the `deployment` block", first, span)),
                    None => (self.deployment, self.configuration.deployment) = (Some(span), read),
                }
            }
            "deployctl" => {
                let span = block.body.span;
                let read = read_blocks::settings(block, complaints);
                match self.configuration.settings.span {
                    Some(first) => complaints.push(twice("the `deployctl` block", first, span)),
                    None => self.configuration.settings = read,
                }
            }
            _ => complaints.push(unknown_block(&block)),
        }
    }

    fn add_resource(&mut self, resource: ResourceBlock) {
        let names = self.configuration.index.entry(resource.type_name.clone()).or_default();
        let position = self.configuration.resources.len();
        if let Some(first) = names.get(&resource.name).and_then(|first| self.configuration.resources.get(*first)) {
            let what = format!("the resource `{}.{}`", resource.type_name, resource.name);
            self.complaints.push(twice(&what, first.span, resource.span));
            return;
        }
        names.insert(resource.name.clone(), position);
        self.configuration.resources.push(resource);
    }

    fn add_provider(&mut self, block: BodyBlock) {
        let Some(provider) = read_blocks::provider(block, &mut self.complaints) else { return };
        if self.providers.insert((provider.name.clone(), provider.alias.clone())) {
            self.configuration.providers.push(provider);
            return;
        }
        let others = &self.configuration.providers;
        if let Some(first) = others.iter().find(|b| b.name == provider.name && b.alias == provider.alias) {
            let complaint = match &provider.alias {
                Some(alias) => twice(&format!("the provider `{}.{alias}`", provider.name), first.span, provider.span),
                None => twice(&format!("the provider `{}`", provider.name), first.span, provider.span)
                    .with_help("give one of them an `alias`, and name it in the resources: `provider = NAME.ALIAS`"),
            };
            self.complaints.push(complaint);
        }
    }
}

fn add<T>(
    what: &str,
    all: &mut BTreeMap<Arc<str>, T>,
    name: Arc<str>,
    new: T,
    span: impl Fn(&T) -> Span,
    complaints: &mut Vec<Diagnostic>,
) {
    match all.get(&name) {
        Some(first) => complaints.push(twice(&format!("the {what} `{name}`"), span(first), span(&new))),
        None => {
            all.insert(name, new);
        }
    }
}

fn twice(what: &str, first: Span, again: Span) -> Diagnostic {
    Diagnostic::error(again, format!("{what} is defined twice"), "again here").with_label(first, "first here")
}

fn unknown_block(block: &BodyBlock) -> Diagnostic {
    let name = &*block.name;
    if UNSUPPORTED.contains(&name) {
        let message = format!("`{name}` blocks are not supported yet");
        return Diagnostic::error(block.name_span, message, "not supported yet");
    }
    let message = format!("there is no block `{name}`");
    match did_you_mean(name, BLOCKS) {
        Some(close) => Diagnostic::error(block.name_span, message, format!("did you mean `{close}`?")),
        None => {
            let known: Vec<String> = BLOCKS.iter().map(|name| format!("`{name}`")).collect();
            Diagnostic::error(block.name_span, message, "unknown block")
                .with_help(format!("the blocks are {}", known.join(", ")))
        }
    }
}
