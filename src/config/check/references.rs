//! Whether references lead somewhere.

use deployctl_sdk::ResourceSchema;
use hcl_edit::Span as _;
use hcl_edit::expr::{Expression as Tree, FuncCall};
use hcl_edit::visit::{Visit, visit_func_call};

use super::places::Place;
use crate::config::{Configuration, DataBlock, ResourceBlock, Schemas};
use crate::diagnostic::{Diagnostic, Origin, Span, did_you_mean};
use crate::lang::{self, Expression, Reference, StaticStep};

/// Names that stand for something other than a resource type.
const ROOTS: [&str; 8] = ["var", "local", "secret", "each", "count", "path", "self", "data"];

/// What `path` has.
const PATHS: [&str; 3] = ["module", "root", "cwd"];

/// Checks the references of expressions in one place.
pub(super) struct References<'c, 'd> {
    pub config: &'c Configuration,
    pub schemas: &'c Schemas,
    pub place: Place<'c>,
    pub complaints: &'d mut Vec<Diagnostic>,
}

impl References<'_, '_> {
    /// Checks all references of an expression.
    pub fn expression(&mut self, expression: &Expression) {
        for reference in lang::references(expression) {
            self.reference(&reference);
        }
        let mut calls = Calls { origin: expression.origin, complaints: self.complaints };
        calls.visit_expr(&expression.tree);
    }

    /// Checks a list that takes references to resources alone, as `depends_on` does.
    pub fn resources(&mut self, what: &str, expressions: &[Expression]) {
        for expression in expressions {
            let references = lang::references(expression);
            let plain = matches!(expression.tree, Tree::Traversal(_));
            match references.first() {
                Some(reference) if plain && !ROOTS.contains(&reference.root) => self.reference(reference),
                _ => {
                    let message = format!("`{what}` takes references to resources");
                    self.complain(
                        Diagnostic::error(expression.span(), message, "not a resource")
                            .with_help(format!("write for example `{what} = [local_file.page]`")),
                    );
                }
            }
        }
    }

    fn complain(&mut self, complaint: Diagnostic) {
        self.complaints.push(complaint);
    }

    fn reference(&mut self, reference: &Reference<'_>) {
        if self.place.nothing {
            let message = format!("a plain value must stand here: it cannot refer to `{}`", reference.root);
            self.complain(Diagnostic::error(reference.span, message, "a reference"));
            return;
        }
        if self.place.variables_only && reference.root != "var" {
            let message = format!("a validation can refer to variables alone, not to `{}`", reference.root);
            self.complain(Diagnostic::error(reference.span, message, "not a variable"));
            return;
        }
        match reference.root {
            "var" => {
                let names = self.config.variables.keys().map(|name| &**name);
                self.member(reference, "there is no variable", names, |name| {
                    format!("declare it with `variable \"{name}\" {{ … }}`")
                });
            }
            "local" => {
                let names = self.config.locals.keys().map(|name| &**name);
                let help = |name: &str| format!("define it with `locals {{ {name} = … }}`");
                self.member(reference, "there is no local", names, help);
            }
            "secret" => {
                let names = self.config.secrets.keys().map(|name| &**name);
                let help = |name: &str| format!("declare it with `secret \"{name}\" {{ … }}`");
                self.member(reference, "there is no secret", names, help);
            }
            "path" => {
                let help = |_: &str| "`path.module` is the configuration's folder".to_owned();
                self.member(reference, "`path` has no", PATHS.into_iter(), help);
            }
            "each" if !self.place.each => self.misplaced(reference, "`each` stands for an instance of `for_each`"),
            "each" => {
                let help = |_: &str| "there are `each.key` and `each.value`".to_owned();
                self.member(reference, "`each` has no", ["key", "value"].into_iter(), help);
            }
            "count" if !self.place.count => self.misplaced(reference, "`count` stands for an instance of `count`"),
            "count" => {
                let help = |_: &str| "there is `count.index`".to_owned();
                self.member(reference, "`count` has no", ["index"].into_iter(), help);
            }
            "self" => match self.place.own {
                Some(Some(schema)) => self.attribute(reference, 0, schema),
                Some(None) => {}
                None => self.misplaced(reference, "`self` works in `health` and `postcondition` alone"),
            },
            "data" => self.data(reference),
            "module" => {
                let message = format!("`{}` references are not supported yet", reference.root);
                self.complain(Diagnostic::error(reference.span, message, "not supported yet"));
            }
            "env" => {
                let complaint = Diagnostic::error(reference.span, "there is no `env` to refer to", "not a reference");
                self.complain(complaint.with_help("write `env(\"NAME\")` for an environment variable"));
            }
            _ => self.resource(reference),
        }
    }

    /// A reference to another state: `data.deployctl_state.NAME`.
    fn data(&mut self, reference: &Reference<'_>) {
        let name = match reference.steps.as_slice() {
            [StaticStep::Attr(kind, _), StaticStep::Attr(name, span), ..] if *kind == DataBlock::STATE => (name, span),
            _ => {
                let message = "a data source is `data.deployctl_state.NAME`";
                self.complain(Diagnostic::error(reference.span, message, "not a data source"));
                return;
            }
        };
        let (name, span) = name;
        if self.config.data.contains_key(*name) {
            return;
        }
        let message = format!("there is no data source `data.{}.{name}`", DataBlock::STATE);
        self.complain(match did_you_mean(name, self.config.data.keys().map(|name| &**name)) {
            Some(close) => Diagnostic::error(*span, message, format!("did you mean `{close}`?")),
            None => Diagnostic::error(*span, message, "not defined")
                .with_help(format!("define it with `data \"{}\" \"{name}\" {{ … }}`", DataBlock::STATE)),
        });
    }

    /// A reference of the form `root.name`, where the names there are are known.
    fn member<'n>(
        &mut self,
        reference: &Reference<'_>,
        wrong: &str,
        names: impl Iterator<Item = &'n str> + Clone,
        help: impl Fn(&str) -> String,
    ) {
        match reference.steps.first() {
            Some(StaticStep::Attr(name, span)) => {
                if !names.clone().any(|known| known == *name) {
                    let message = format!("{wrong} `{name}`");
                    self.complain(match did_you_mean(name, names) {
                        Some(close) => Diagnostic::error(*span, message, format!("did you mean `{close}`?")),
                        None => Diagnostic::error(*span, message, "not defined").with_help(help(name)),
                    });
                }
            }
            Some(StaticStep::Index(Tree::String(_)))
                if matches!(reference.root, "var" | "local" | "secret" | "each" | "count" | "path") =>
            {
                let message = format!("a name must follow `{}` after a dot", reference.root);
                self.complain(Diagnostic::error(reference.span, message, "no index here"));
            }
            _ => {
                let message = format!("`{}` cannot stand alone", reference.root);
                let help = format!("a name must follow: `{}.NAME`", reference.root);
                self.complain(Diagnostic::error(reference.span, message, "a name is missing").with_help(help));
            }
        }
    }

    fn misplaced(&mut self, reference: &Reference<'_>, why: &str) {
        let message = format!("`{}` means nothing here", reference.root);
        self.complain(Diagnostic::error(reference.span, message, "not here").with_help(why));
    }

    fn resource(&mut self, reference: &Reference<'_>) {
        let root = reference.root;
        let known_type = self.schemas.resource(root).map(|(_, schema)| schema);
        if known_type.is_none() && !self.config.has_type(root) {
            self.unknown_root(reference);
            return;
        }
        let Some(StaticStep::Attr(name, span)) = reference.steps.first() else {
            let help = format!("a resource's name must follow: `{root}.NAME`");
            let message = format!("`{root}` is a resource type and cannot stand alone");
            self.complain(Diagnostic::error(reference.span, message, "a name is missing").with_help(help));
            return;
        };
        let block = self.config.resource(root, name).and_then(|at| self.config.resources.get(at));
        let Some(block) = block else {
            let message = format!("there is no resource `{root}.{name}`");
            let complaint = match did_you_mean(name, self.config.names_of(root)) {
                Some(close) => Diagnostic::error(*span, message, format!("did you mean `{close}`?")),
                None => Diagnostic::error(*span, message, "not defined")
                    .with_help(format!("define it with `resource \"{root}\" \"{name}\" {{ … }}`")),
            };
            self.complain(complaint);
            return;
        };
        if let Some(schema) = known_type {
            self.instance(reference, block, schema);
        }
    }

    /// What follows a resource's name: an instance's key where it has instances, then an attribute.
    fn instance(&mut self, reference: &Reference<'_>, block: &ResourceBlock, schema: &ResourceSchema) {
        let many = match (&block.count, &block.for_each) {
            (Some(_), _) => Some(("count", "[0]")),
            (None, Some(_)) => Some(("for_each", "[\"KEY\"]")),
            (None, None) => None,
        };
        let name = format!("{}.{}", block.type_name, block.name);
        match (reference.steps.get(1), many) {
            (None, _) => {}
            (Some(StaticStep::Index(_) | StaticStep::Splat), Some(_)) => self.attribute(reference, 2, schema),
            (Some(StaticStep::Attr(attribute, span)), Some((how, key))) => {
                // A key of `for_each` may follow a dot, but hardly one that is also an attribute.
                if how == "count" || schema.attribute(attribute).is_some() {
                    let message = format!("`{name}` has `{how}`: say which instance is meant");
                    let help = format!("write `{name}{key}.{attribute}`, or `{name}[*].{attribute}` for all of them");
                    self.complain(Diagnostic::error(*span, message, "of which instance?").with_help(help));
                }
            }
            (Some(StaticStep::Attr(..)), None) => self.attribute(reference, 1, schema),
            (Some(StaticStep::Index(Tree::Number(_))), None) => {
                let message = format!("`{name}` has no instances to choose from");
                let help = format!("it has neither `count` nor `for_each`; write `{name}.ATTRIBUTE`");
                self.complain(Diagnostic::error(reference.span, message, "leave the index out").with_help(help));
            }
            (Some(StaticStep::Splat), None) => self.attribute(reference, 2, schema),
            (Some(StaticStep::Index(_)), None) => {}
        }
    }

    /// Whether the step at that place is an attribute of the type.
    fn attribute(&mut self, reference: &Reference<'_>, at: usize, schema: &ResourceSchema) {
        let Some(StaticStep::Attr(name, span)) = reference.steps.get(at) else { return };
        if schema.attribute(name).is_none() {
            let close = did_you_mean(name, schema.attributes.iter().map(|attribute| attribute.name.as_str()));
            self.complain(no_attribute(&schema.name, name, *span, close));
        }
    }

    fn unknown_root(&mut self, reference: &Reference<'_>) {
        let root = reference.root;
        let names = ROOTS.iter().copied().chain(self.schemas.type_names());
        let message = format!("`{root}` refers to nothing");
        let place =
            Span { end: reference.span.start.saturating_add(u32::try_from(root.len()).unwrap_or(0)), ..reference.span };
        let complaint = match did_you_mean(root, names) {
            Some(close) => Diagnostic::error(place, message, format!("did you mean `{close}`?")),
            None => Diagnostic::error(place, message, "unknown name"),
        };
        self.complain(if reference.steps.is_empty() {
            complaint.with_help(format!("text stands in quotes: `\"{root}\"`"))
        } else {
            complaint
                .with_help("a reference begins with `var`, `local`, `each`, `count`, `path`, `self` or a resource type")
        });
    }
}

/// Looks for calls of functions that do not exist.
struct Calls<'d> {
    origin: Origin,
    complaints: &'d mut Vec<Diagnostic>,
}

impl Visit for Calls<'_> {
    fn visit_func_call(&mut self, call: &FuncCall) {
        let name = call.name.name.as_str();
        if call.name.namespace.is_empty() && !lang::functions().iter().any(|function| function.name == name) {
            let place = self.origin.span(call.name.name.span());
            let message = format!("there is no function `{name}`");
            self.complaints.push(match did_you_mean(name, lang::functions().iter().map(|function| function.name)) {
                Some(close) => Diagnostic::error(place, message, format!("did you mean `{close}`?")),
                None => Diagnostic::error(place, message, "unknown function"),
            });
        }
        visit_func_call(self, call);
    }
}

fn no_attribute(type_name: &str, name: &str, span: Span, close: Option<&str>) -> Diagnostic {
    let label = close.map_or("unknown attribute".to_owned(), |close| format!("did you mean `{close}`?"));
    Diagnostic::error(span, format!("`{type_name}` has no attribute `{name}`"), label)
        .with_help(format!("`deployctl schema {type_name}` lists its attributes"))
}
