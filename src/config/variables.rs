//! What `var` stands for: every place a value can come from, in the order of their precedence.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use deployctl_sdk::{Files, Type, Value};

use super::blocks::Variable;
use super::body::Body;
use super::{Configuration, mask, syntax, validation};
use crate::diagnostic::{Diagnostic, SourceMap, Span, did_you_mean};
use crate::error::{Error, Result};
use crate::lang::{self, Expression, Outside};

/// What precedes a variable's name in the environment.
const ENV_PREFIX: &str = "DEPLOYCTL_VAR_";

/// Everything that can set variables, beside the configuration itself.
#[derive(Debug, Clone, Default)]
pub struct VariableInputs {
    /// `--var NAME=VALUE`, in the order given.
    pub flags: Vec<(String, String)>,
    /// `--var-file FILE`, in the order given.
    pub files: Vec<PathBuf>,
    /// Names and values of the environment variables `DEPLOYCTL_VAR_NAME`; those of other variables are passed over.
    pub env: Vec<(String, String)>,
    /// The files `*.auto.vars.hcl`: [`Configuration::auto_files`].
    pub auto: Vec<String>,
    /// The environment that was chosen.
    pub environment: Option<Arc<str>>,
}

/// A value on its way to a variable.
enum Given {
    /// Text, from a flag or the environment.
    Text(String, Origin),
    /// An expression, from a file.
    Written(Expression),
}

/// Where a text came from.
#[derive(Clone, Copy)]
enum Origin {
    Flag,
    Env,
}

impl Origin {
    fn name(self, variable: &str) -> String {
        match self {
            Self::Flag => format!("--var {variable}"),
            Self::Env => format!("{ENV_PREFIX}{variable}"),
        }
    }
}

/// The values of all variables, converted to their types, the sensitive ones marked. Precedence, highest first: `--var`,
/// `--var-file`, `DEPLOYCTL_VAR_*`, `*.auto.vars.hcl`, the environment's `variables`, the default.
///
/// # Errors
/// Everything that is wrong in one report: unknown names, values of the wrong type, variables without a value, validations
/// that do not hold.
pub fn resolve_variables(
    config: &Configuration,
    inputs: &VariableInputs,
    files: &dyn Files,
    outside: &dyn Outside,
) -> Result<BTreeMap<Arc<str>, Value>> {
    known_flags(config, inputs)?;
    let mut resolver = Resolver {
        config,
        outside,
        sources: (*config.sources).clone(),
        given: BTreeMap::new(),
        complaints: Vec::new(),
        unreadable: false,
    };
    resolver.collect(inputs, files)?;
    let values = resolver.settle();
    if resolver.complaints.is_empty() {
        resolver.complaints = validation::validate(config, &values, outside);
    }
    if resolver.complaints.is_empty() {
        return Ok(values);
    }
    Err(Error::invalid(Arc::new(resolver.sources), resolver.complaints))
}

fn known_flags(config: &Configuration, inputs: &VariableInputs) -> Result<()> {
    for (name, _) in &inputs.flags {
        if config.variables.contains_key(name.as_str()) {
            continue;
        }
        let error = Error::usage(format!("`--var {name}=…` sets a variable that the configuration does not have"));
        let names = config.variables.keys().map(|name| &**name);
        return Err(match did_you_mean(name, names.clone()) {
            Some(close) => error.with_hint(format!("did you mean `{close}`?")),
            None if config.variables.is_empty() => error.with_hint("it declares no variables"),
            None => error
                .with_hint(format!("it declares {}", names.map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", "))),
        });
    }
    Ok(())
}

struct Resolver<'c> {
    config: &'c Configuration,
    outside: &'c dyn Outside,
    sources: SourceMap,
    given: BTreeMap<Arc<str>, Given>,
    complaints: Vec<Diagnostic>,
    /// Whether a file could not be read, so that what it sets only seems to be missing.
    unreadable: bool,
}

impl Resolver<'_> {
    /// Gathers what is given, the weakest first, so that the strongest stays.
    fn collect(&mut self, inputs: &VariableInputs, files: &dyn Files) -> Result<()> {
        let environment = inputs.environment.as_ref().and_then(|name| self.config.environments.get(name));
        for assignment in environment.into_iter().flat_map(|environment| &environment.variables) {
            self.assign(&assignment.name, assignment.name_span, assignment.value.clone());
        }
        for path in &inputs.auto {
            self.collect_file(Path::new(path), files)?;
        }
        for (name, value) in &inputs.env {
            let name = name.strip_prefix(ENV_PREFIX).unwrap_or(name);
            if let Some((name, _)) = self.config.variables.get_key_value(name) {
                self.given.insert(name.clone(), Given::Text(value.clone(), Origin::Env));
            }
        }
        for path in &inputs.files {
            self.collect_file(path, files)?;
        }
        for (name, value) in &inputs.flags {
            if let Some((name, _)) = self.config.variables.get_key_value(name.as_str()) {
                self.given.insert(name.clone(), Given::Text(value.clone(), Origin::Flag));
            }
        }
        Ok(())
    }

    fn collect_file(&mut self, path: &Path, files: &dyn Files) -> Result<()> {
        let bytes = files.read(path).map_err(|error| {
            Error::usage(format!("cannot read the file of variables {error}"))
                .with_hint("relative paths begin at the configuration's folder")
        })?;
        let shown = path.display().to_string();
        let mut unmasked = self.sources.clone();
        let Some((file, text)) = syntax::add(&mut unmasked, &shown, bytes.to_vec(), &mut self.complaints) else {
            self.sources.add(shown, "");
            self.unreadable = true;
            return Ok(());
        };
        let body = match syntax::parse(file.into(), &text, &mut syntax::Names::default()) {
            Ok(body) => body,
            Err(complaint) => {
                let secrets = self.config.variables.values().any(|variable| variable.sensitive);
                self.sources.add(shown, if secrets { mask::structure(&text) } else { text.to_string() });
                self.complaints.push(complaint);
                self.unreadable = true;
                return Ok(());
            }
        };
        self.sources.add(shown, self.masked(&text, &body));
        for block in &body.blocks {
            let message = format!("a file of variables holds only `name = value`, not a block `{}`", block.name);
            self.complaints.push(Diagnostic::error(block.name_span, message, "a block"));
        }
        for attribute in body.attributes {
            self.assign(&attribute.name, attribute.name_span, attribute.value);
        }
        Ok(())
    }

    /// The text of a file of variables without the values of those that must not be shown.
    fn masked(&self, text: &str, body: &Body) -> String {
        let sensitive = |name: &str| self.config.variables.get(name).is_none_or(|variable| variable.sensitive);
        let secret = body.attributes.iter().filter(|attribute| sensitive(&attribute.name));
        mask::ranges(text, &secret.map(|attribute| attribute.value.span()).collect::<Vec<_>>())
    }

    fn assign(&mut self, name: &str, span: Span, value: Expression) {
        match self.config.variables.get_key_value(name) {
            Some((name, _)) => {
                self.given.insert(name.clone(), Given::Written(value));
            }
            None => self.complaints.push(unknown_variable(self.config, name, span)),
        }
    }

    /// The value of each variable that has one.
    fn settle(&mut self) -> BTreeMap<Arc<str>, Value> {
        let mut values = BTreeMap::new();
        let mut missing = Vec::new();
        for (name, variable) in &self.config.variables {
            let value = match self.given.remove(name) {
                Some(given) => match self.value(variable, given) {
                    Some(value) => Some(value),
                    None => continue,
                },
                None => None,
            };
            // Where null is not allowed it stands for the default.
            let value =
                value.filter(|value| variable.nullable || !value.is_null()).or_else(|| variable.default.clone());
            match value {
                Some(value) => {
                    values.insert(name.clone(), value.with_mark(variable.sensitive));
                }
                None => missing.push(variable),
            }
        }
        if !self.unreadable {
            self.complaints.extend(missing_variables(&missing));
        }
        values
    }

    /// The value given, converted; `None` after a complaint.
    fn value(&mut self, variable: &Variable, given: Given) -> Option<Value> {
        let read = match given {
            Given::Text(text, origin) => self.text_value(variable, text, origin),
            Given::Written(expression) => self.written_value(variable, &expression),
        };
        read.map_err(|found| self.complaints.extend(found)).ok()
    }

    fn written_value(&self, variable: &Variable, expression: &Expression) -> Result<Value, Vec<Diagnostic>> {
        let value = lang::evaluate(expression, &lang::Constants(self.outside))?;
        variable.ty.convert(&value).map_err(|mismatch| {
            let message = format!("wrong type for the variable `{}`: {mismatch}", variable.name);
            if variable.sensitive {
                return vec![Diagnostic::error(variable.span, message, format!("declared as `{}` here", variable.ty))];
            }
            let place = expression.span_inside(&mismatch.path);
            vec![
                Diagnostic::error(place, message, format!("this is {}", mismatch.found))
                    .with_label(variable.span, format!("declared as `{}` here", variable.ty)),
            ]
        })
    }

    fn text_value(&mut self, variable: &Variable, text: String, origin: Origin) -> Result<Value, Vec<Diagnostic>> {
        let wrong = |mismatch: &dyn std::fmt::Display| {
            let message = format!("wrong type for the variable `{}`: {mismatch}", variable.name);
            let help = format!("its value comes from `{}`", origin.name(&variable.name));
            vec![
                Diagnostic::error(variable.span, message, format!("declared as `{}` here", variable.ty))
                    .with_help(help),
            ]
        };
        let literal = match variable.ty {
            Type::String | Type::Number | Type::Bool => true,
            Type::Any => !variable.typed,
            _ => false,
        };
        if literal {
            return variable.ty.convert(&Value::from(text)).map_err(|mismatch| wrong(&mismatch));
        }
        let value = match self.parsed(variable, &text, origin) {
            // The text itself must not be shown, and a complaint that points into it would.
            Err(_) if variable.sensitive => return Err(wrong(&format!("it cannot be read as `{}`", variable.ty))),
            other => other?,
        };
        variable.ty.convert(&value).map_err(|mismatch| wrong(&mismatch))
    }

    fn parsed(&mut self, variable: &Variable, text: &str, origin: Origin) -> Result<Value, Vec<Diagnostic>> {
        let shown = if variable.sensitive { "" } else { text };
        let file = self.sources.add(origin.name(&variable.name), shown);
        lang::evaluate_constant(&lang::parse_expression(file, text)?)
    }
}

/// The complaint about a value for a variable that is not declared.
pub(super) fn unknown_variable(config: &Configuration, name: &str, span: Span) -> Diagnostic {
    let message = format!("there is no variable `{name}`");
    match did_you_mean(name, config.variables.keys().map(|name| &**name)) {
        Some(close) => Diagnostic::error(span, message, format!("did you mean `{close}`?")),
        None => Diagnostic::error(span, message, "not declared")
            .with_help(format!("declare it with `variable \"{name}\" {{ … }}`, or leave this out")),
    }
}

fn missing_variables(missing: &[&Variable]) -> Option<Diagnostic> {
    let (first, others) = missing.split_first()?;
    let names: Vec<String> = missing.iter().map(|variable| format!("`{}`", variable.name)).collect();
    let message = match others {
        [] => format!("the variable `{}` has no value", first.name),
        _ => format!("these variables have no value: {}", names.join(", ")),
    };
    let (it, name) = if others.is_empty() { ("it", &*first.name) } else { ("each", "NAME") };
    let help = format!(
        "set {it} with `--var {name}=VALUE`, with `{ENV_PREFIX}{name}`, in a file for `--var-file`, or by a `default`"
    );
    let mut complaint = Diagnostic::error(first.span, message, "needs a value").with_help(help);
    for other in others {
        complaint = complaint.with_label(other.span, "needs a value");
    }
    Some(complaint)
}

/// Which environment a run is for: the one named, or `default` where none is declared.
///
/// # Errors
/// Wrong usage, with the names there are, where one must be named and is not, or the name is unknown.
pub fn select_environment(config: &Configuration, named: Option<&str>) -> Result<Arc<str>> {
    let names = config.environments.keys().map(|name| &**name);
    let list = || names.clone().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    match named {
        None if config.environments.is_empty() => Ok("default".into()),
        None => Err(Error::usage("the configuration declares environments, and none is named")
            .with_hint(format!("name one with `--env`: {}", list()))),
        Some(named) => match config.environments.get_key_value(named) {
            Some((name, _)) => Ok(name.clone()),
            None if config.environments.is_empty() && named == "default" => Ok("default".into()),
            None => {
                let error = Error::usage(format!("there is no environment `{named}`"));
                Err(match did_you_mean(named, names.clone()) {
                    Some(close) => error.with_hint(format!("did you mean `{close}`?")),
                    None if config.environments.is_empty() => {
                        error.with_hint(format!("declare it with `environment \"{named}\" {{}}`, or leave `--env` out"))
                    }
                    None => error.with_hint(format!("there are {}", list())),
                })
            }
        },
    }
}
