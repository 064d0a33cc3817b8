//! Reads every kind of block but `resource`: `deployctl`, `variable`, `locals`, `output`, `provider`, `data`, `deployment`,
//! `environment`.

use deployctl_sdk::Type;
use hcl_edit::Span as _;
use hcl_edit::expr::Expression as Tree;

use super::blocks::{
    Assignment, DataBlock, Deployment, EnvironmentBlock, Local, OutputBlock, ProviderBlock, Retention, Settings,
    Strategy, Variable,
};
use super::body::{BodyBlock, key_text};
use super::fields::{Fields, no_labels};
use super::read_resource::condition;
use super::{encryption, labels, state_block, version};
use crate::diagnostic::{Diagnostic, Span, did_you_mean};
use crate::lang::{self, Expression};

/// The longest name of an environment, which is also a folder's name.
const MAX_ENVIRONMENT_NAME: usize = 64;

/// Reads a `deployctl` block.
pub(super) fn settings(block: BodyBlock, complaints: &mut Vec<Diagnostic>) -> Settings {
    no_labels("deployctl", &block.labels, complaints);
    let mut fields = Fields::of("deployctl", block.body, complaints);
    let span = fields.span();
    let mut required_version = None;
    if let Some((text, place)) = fields.text("required_version") {
        match version::requirement(&text) {
            Some(requirement) => required_version = Some((requirement, place)),
            None => fields.complain(
                Diagnostic::error(place, "`required_version` is not a version requirement", "cannot be read")
                    .with_help("write for example `\">= 0.1\"` or `\">= 0.1, < 2.0\"`"),
            ),
        }
    }
    let states = fields.labelled_blocks("state");
    let encryptions = fields.labelled_blocks("encryption");
    let retention_block = fields.block("retention");
    fields.finish();
    Settings {
        required_version,
        state: state_block::state(states, complaints),
        encryption: encryption::encryption(encryptions, complaints),
        retention: retention_block.map(|block| retention(block, complaints)).unwrap_or_default(),
        span: Some(span),
    }
}

fn retention(block: BodyBlock, complaints: &mut Vec<Diagnostic>) -> Retention {
    let mut fields = Fields::of("retention", block.body, complaints);
    let default = Retention::default();
    let read = Retention {
        revisions: fields.whole("revisions", 1).unwrap_or(default.revisions),
        days: fields.whole("days", 0).unwrap_or(default.days),
    };
    fields.finish();
    read
}

/// Reads a `variable` block.
pub(super) fn variable(block: BodyBlock, complaints: &mut Vec<Diagnostic>) -> Option<Variable> {
    let [name] = labels::names(&block, ["a name"], "variable \"region\"", complaints)?;
    let mut fields = Fields::of("variable", block.body, complaints);
    let span = fields.span();
    let type_expression = fields.expression("type");
    let default_expression = fields.expression("default");
    let description = fields.text("description").map(|(text, _)| text);
    let sensitive = fields.flag("sensitive").unwrap_or(false);
    let nullable = fields.flag("nullable").unwrap_or(true);
    let validations = fields.blocks("validation");
    fields.finish();
    let mut ty = Type::Any;
    let typed = type_expression.is_some();
    if let Some(expression) = type_expression {
        match lang::parse_type(&expression) {
            Ok(parsed) => ty = parsed,
            Err(found) => complaints.extend(found),
        }
    }
    let default = default_expression.and_then(|expression| {
        default_of(&expression, &ty, &name.text, if sensitive { Some(span) } else { None }, complaints)
    });
    if !nullable && default.as_ref().is_some_and(deployctl_sdk::Value::is_null) {
        let message = format!("the default of `{}` is null, but it is not nullable", name.text);
        complaints.push(Diagnostic::error(span, message, "`nullable = false` here").with_help("leave the default out"));
    }
    let validations = validations.into_iter().filter_map(|block| condition("validation", block, complaints)).collect();
    Some(Variable { name: name.text, span, ty, typed, default, description, sensitive, nullable, validations })
}

fn default_of(
    expression: &Expression,
    ty: &Type,
    name: &str,
    instead: Option<Span>,
    complaints: &mut Vec<Diagnostic>,
) -> Option<deployctl_sdk::Value> {
    match lang::evaluate_constant(expression) {
        Ok(value) => match ty.convert(&value) {
            Ok(value) => Some(value),
            Err(mismatch) => {
                let message = format!("the default of `{name}` does not fit its type: {mismatch}");
                // A complaint shows the text it points at, which is not to be seen of what is sensitive.
                let place = instead.unwrap_or_else(|| expression.span_inside(&mismatch.path));
                complaints.push(Diagnostic::error(place, message, format!("the type is `{ty}`")));
                None
            }
        },
        Err(found) => {
            complaints.extend(found);
            None
        }
    }
}

/// Reads a `locals` block.
pub(super) fn locals(block: BodyBlock, complaints: &mut Vec<Diagnostic>) -> Vec<Local> {
    no_labels("locals", &block.labels, complaints);
    for nested in &block.body.blocks {
        let message = format!("`locals` takes names and values, not a block `{}`", nested.name);
        let help = format!("write `{} = {{ … }}`", nested.name);
        complaints.push(Diagnostic::error(nested.name_span, message, "a block").with_help(help));
    }
    let attributes = block.body.attributes.into_iter();
    attributes.map(|local| Local { name: local.name, span: local.name_span, value: local.value }).collect()
}

/// Reads an `output` block.
pub(super) fn output(block: BodyBlock, complaints: &mut Vec<Diagnostic>) -> Option<OutputBlock> {
    let [name] = labels::names(&block, ["a name"], "output \"url\"", complaints)?;
    let mut fields = Fields::of("output", block.body, complaints);
    let span = fields.span();
    let value = fields.required("value");
    let description = fields.text("description").map(|(text, _)| text);
    let sensitive = fields.flag("sensitive").unwrap_or(false);
    let depends_on = fields.references("depends_on");
    fields.finish();
    Some(OutputBlock { name: name.text, span, value: value?, description, sensitive, depends_on })
}

/// Reads a `provider` block.
pub(super) fn provider(block: BodyBlock, complaints: &mut Vec<Diagnostic>) -> Option<ProviderBlock> {
    let [name] = labels::names(&block, ["a name"], "provider \"docker\"", complaints)?;
    let mut fields = Fields::of("provider", block.body, complaints);
    let span = fields.span();
    let mut alias = None;
    if let Some((text, place)) = fields.text("alias") {
        if labels::is_name(&text) {
            alias = Some(text);
        } else {
            fields.complain(Diagnostic::error(place, format!("`{text}` cannot be used as an alias"), "not a name"));
        }
    }
    Some(ProviderBlock { name: name.text, alias, span, body: fields.rest() })
}

/// Reads a `data` block.
pub(super) fn data(block: BodyBlock, complaints: &mut Vec<Diagnostic>) -> Option<DataBlock> {
    let [kind, name] = labels::names(&block, ["a kind", "a name"], "data \"deployctl_state\" \"network\"", complaints)?;
    if &*kind.text != DataBlock::STATE {
        let message = format!("there is no data source `{}`", kind.text);
        complaints.push(
            Diagnostic::error(kind.span, message, "unknown data source")
                .with_help(format!("`{}` is the one there is: the outputs of another state", DataBlock::STATE)),
        );
        return None;
    }
    let mut fields = Fields::of("data", block.body, complaints);
    let span = fields.span();
    let environment = fields.text("environment").map(|(text, _)| text);
    let states = fields.labelled_blocks("state");
    if states.is_empty() {
        let message = format!("`data \"{}\"` needs a `state` block", kind.text);
        fields
            .complain(Diagnostic::error(span, message, "which state?").with_help(
                "write the `state` block of the other configuration: `state \"s3\" { bucket = … key = … }`",
            ));
    }
    fields.finish();
    let state = state_block::state(states, complaints)?;
    Some(DataBlock { name: name.text, span, environment, state })
}

/// Reads a `deployment` block.
pub(super) fn deployment(block: BodyBlock, complaints: &mut Vec<Diagnostic>) -> Deployment {
    no_labels("deployment", &block.labels, complaints);
    let mut fields = Fields::of("deployment", block.body, complaints);
    let mut read = Deployment::default();
    if let Some((text, place)) = fields.text("strategy") {
        match &*text {
            "sequential" => read.strategy = Strategy::Sequential,
            "parallel" => read.strategy = Strategy::Parallel,
            "hybrid" => read.strategy = Strategy::Hybrid,
            other => {
                let close = did_you_mean(other, ["sequential", "parallel", "hybrid"]);
                let label = close.map_or("unknown".to_owned(), |close| format!("did you mean `{close}`?"));
                fields.complain(
                    Diagnostic::error(place, format!("there is no strategy `{other}`"), label)
                        .with_help("it is `sequential`, `parallel` or `hybrid`"),
                );
            }
        }
    }
    read.max_parallel = fields.whole("max_parallel", 1).map(|most| usize::try_from(most).unwrap_or(usize::MAX));
    read.timeout = fields.duration("timeout");
    read.rollback_on_failure = fields.flag("rollback_on_failure").unwrap_or(false);
    fields.finish();
    read
}

/// Reads an `environment` block.
pub(super) fn environment(block: BodyBlock, complaints: &mut Vec<Diagnostic>) -> Option<EnvironmentBlock> {
    let [name] = labels::names(&block, ["a name"], "environment \"staging\"", complaints)?;
    if name.text.len() > MAX_ENVIRONMENT_NAME {
        let message = format!("an environment's name has at most {MAX_ENVIRONMENT_NAME} characters");
        complaints.push(Diagnostic::error(name.span, message, "too long"));
    }
    let mut fields = Fields::of("environment", block.body, complaints);
    let span = fields.span();
    let description = fields.text("description").map(|(text, _)| text);
    let variables = fields.expression("variables");
    fields.finish();
    let variables = variables.map(|value| assignments(value, complaints)).unwrap_or_default();
    Some(EnvironmentBlock { name: name.text, span, description, variables })
}

fn assignments(value: Expression, complaints: &mut Vec<Diagnostic>) -> Vec<Assignment> {
    let (place, origin) = (value.span(), value.origin);
    let Tree::Object(object) = value.tree else {
        let message = "`variables` must be a map, like `{ tag = \"1.1\" }`";
        complaints.push(Diagnostic::error(place, message, "expected a map, written out"));
        return Vec::new();
    };
    let mut found = Vec::with_capacity(object.len());
    for (key, value) in object {
        let name_span = origin.span(key.span());
        match key_text(&key) {
            Some(name) => {
                let value = Expression::new(origin, value.into_expr());
                found.push(Assignment { name: name.into(), name_span, value });
            }
            None => {
                complaints.push(Diagnostic::error(name_span, "a variable's name must be written out", "not a name"));
            }
        }
    }
    found
}
