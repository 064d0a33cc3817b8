//! Holds a configuration against what the providers offer, before anything is evaluated.

mod literal;
mod places;
mod references;
mod resource;

use deployctl_sdk::{Attribute, AttributeKind, Nesting};

use self::places::Place;
use self::references::References;
use super::body::Body;
use super::evaluate::{missing, read_only, settable, too_many};
use super::variables::unknown_variable;
use super::{Configuration, Schemas};
use crate::diagnostic::{self, Diagnostic, did_you_mean};

/// Everything that is wrong with a configuration as far as it can be told without evaluating it: unknown types, providers
/// and attributes, what is missing, literals of the wrong type, references that lead nowhere.
pub fn check(config: &Configuration, schemas: &Schemas) -> Vec<Diagnostic> {
    let mut checker = Checker { config, schemas, complaints: Vec::new() };
    checker.version();
    checker.variables();
    checker.environments();
    checker.providers();
    for block in &config.resources {
        checker.resource(block);
    }
    for local in config.locals.values() {
        checker.references(Place::TOP).expression(&local.value);
    }
    for output in config.outputs.values() {
        checker.references(Place::TOP).expression(&output.value);
        checker.references(Place::TOP).resources("depends_on", &output.depends_on);
    }
    let mut complaints = checker.complaints;
    diagnostic::sort(&mut complaints);
    complaints
}

struct Checker<'c> {
    config: &'c Configuration,
    schemas: &'c Schemas,
    complaints: Vec<Diagnostic>,
}

impl<'c> Checker<'c> {
    fn references(&mut self, place: Place<'c>) -> References<'c, '_> {
        References { config: self.config, schemas: self.schemas, place, complaints: &mut self.complaints }
    }

    fn version(&mut self) {
        let Some((requirement, span)) = &self.config.settings.required_version else { return };
        let present = env!("CARGO_PKG_VERSION");
        if !semver::Version::parse(present).is_ok_and(|version| requirement.matches(&version)) {
            let message = format!("the configuration is for deployctl {requirement}, and this is {present}");
            self.complaints.push(
                Diagnostic::error(*span, message, "required here").with_help("use a version that fits, or change this"),
            );
        }
    }

    fn variables(&mut self) {
        for variable in self.config.variables.values() {
            for validation in &variable.validations {
                self.references(Place::VALIDATION).expression(&validation.condition);
                self.references(Place::VALIDATION).expression(&validation.error_message);
            }
        }
    }

    fn environments(&mut self) {
        for environment in self.config.environments.values() {
            for assignment in &environment.variables {
                if !self.config.variables.contains_key(&assignment.name) {
                    let complaint = unknown_variable(self.config, &assignment.name, assignment.name_span);
                    self.complaints.push(complaint);
                }
                self.references(Place::NOWHERE).expression(&assignment.value);
            }
        }
    }

    fn providers(&mut self) {
        for block in &self.config.providers {
            for expression in block.body.expressions() {
                self.references(Place::TOP).expression(expression);
            }
            let Some(schema) = self.schemas.provider(&block.name) else {
                let names = self.schemas.providers().iter().map(|provider| provider.name.as_str());
                let close = did_you_mean(&block.name, names);
                let label = close.map_or("unknown provider".to_owned(), |close| format!("did you mean `{close}`?"));
                let message = format!("there is no provider `{}`", block.name);
                self.complaints.push(
                    Diagnostic::error(block.span, message, label).with_help("`deployctl schema` lists the providers"),
                );
                continue;
            };
            let what = format!("provider.{}", block.name);
            let help = format!("`deployctl schema {}` lists its settings", block.name);
            self.body(&block.body, &schema.settings, &what, &help);
        }
    }

    /// Holds a body against a schema. Blocks nest no deeper than the parser lets them.
    fn body(&mut self, body: &Body, attributes: &[Attribute], what: &str, help: &str) {
        let strangers = body.strangers(attributes, what).into_iter();
        self.complaints.extend(strangers.map(|complaint| match complaint.help {
            Some(_) => complaint,
            None => complaint.with_help(help),
        }));
        for schema in attributes {
            match &schema.kind {
                AttributeKind::Value(ty) => match body.attribute(&schema.name) {
                    Some(given) if schema.read_only => self.complaints.push(read_only(given, what)),
                    Some(given) => self.complaints.extend(literal::mismatch(given, schema, ty, what)),
                    // What is misspelt, or written as a block, is not missing as well.
                    None if meant(body, attributes, &schema.name) => {}
                    None if schema.required && schema.default.is_none() => {
                        self.complaints.push(missing(body, schema, what));
                    }
                    None => {}
                },
                AttributeKind::Block { nesting, attributes } => {
                    let mut blocks = body.blocks.iter().filter(|block| *block.name == *schema.name).peekable();
                    if blocks.peek().is_none() && schema.required && body.attribute(&schema.name).is_none() {
                        self.complaints.push(missing(body, schema, what));
                    }
                    let mut first = None;
                    for block in blocks {
                        super::fields::no_labels(&block.name, &block.labels, &mut self.complaints);
                        match first {
                            Some(first) if *nesting == Nesting::Single => {
                                self.complaints.push(too_many(first, block, what));
                            }
                            _ => first = Some(block),
                        }
                        self.body(&block.body, attributes, &format!("{what}.{}", schema.name), help);
                    }
                }
            }
        }
    }
}

/// Whether something in a body was probably meant to be that attribute.
fn meant(body: &Body, attributes: &[Attribute], name: &str) -> bool {
    let blocks = body.blocks.iter().map(|block| &block.name);
    let mut given = body.attributes.iter().map(|attribute| &attribute.name).chain(blocks);
    given.any(|given| {
        **given == *name
            || (attributes.iter().all(|attribute| *attribute.name != **given)
                && did_you_mean(given, settable(attributes)) == Some(name))
    })
}
