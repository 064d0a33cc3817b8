//! Reads `resource` blocks: takes the meta-arguments out of the body and leaves what belongs to the type.

use std::sync::Arc;
use std::time::Duration;

use deployctl_sdk::{AttrPath, PathStep};
use hcl_edit::expr::{Expression as Tree, TraversalOperator};

use super::blocks::{Condition, Health, IgnoreChanges, Lifecycle, ResourceBlock, Retry, Timeouts};
use super::body::{BodyAttribute, BodyBlock};
use super::fields::Fields;
use super::labels;
use crate::diagnostic::{Diagnostic, Span};
use crate::lang::Expression;

/// Names that stand for something else in expressions, so that no resource type can have them.
const RESERVED: [&str; 12] =
    ["var", "local", "each", "count", "path", "self", "module", "data", "secret", "env", "provider", "resource"];

/// How often and how patiently, where `retry` does not say.
const DEFAULT_RETRY: Retry = Retry { attempts: 3, delay: Duration::from_secs(1), max_delay: Duration::from_secs(30) };

/// Reads one block.
pub(super) fn resource(block: BodyBlock, complaints: &mut Vec<Diagnostic>) -> Option<ResourceBlock> {
    let [type_name, name] =
        labels::names(&block, ["a type", "a name"], "resource \"local_file\" \"page\"", complaints)?;
    if RESERVED.contains(&&*type_name.text) {
        let message = format!("`{}` cannot be a resource type: expressions use it for something else", type_name.text);
        complaints.push(Diagnostic::error(type_name.span, message, "a reserved name"));
        return None;
    }
    let mut fields = Fields::of("resource", block.body, complaints);
    let span = fields.span();
    let count = fields.expression("count");
    let for_each = fields.expression("for_each");
    if let (Some(count), Some(for_each)) = (&count, &for_each) {
        let message = format!("`{}.{}` has both `count` and `for_each`", type_name.text, name.text);
        fields.complain(
            Diagnostic::error(for_each.span(), message, "`for_each` here")
                .with_label(count.span(), "`count` here")
                .with_help("keep one of them; `for_each` keeps each instance's name when others come and go"),
        );
    }
    let (provider, provider_span) = match fields.attribute("provider") {
        Some(attribute) => provider_reference(&attribute, &mut fields),
        None => (None, None),
    };
    let depends_on = fields.references("depends_on");
    let parts = (fields.block("lifecycle"), fields.block("health"), fields.block("timeouts"), fields.block("retry"));
    let body = fields.rest();
    let (lifecycle_block, health, timeouts_block, retry_block) = parts;
    Some(ResourceBlock {
        type_name: type_name.text,
        name: name.text,
        span,
        type_span: type_name.span,
        body,
        count,
        for_each,
        provider,
        provider_span,
        depends_on,
        lifecycle: lifecycle_block.map(|block| lifecycle(block, complaints)).unwrap_or_default(),
        health: health.map(|block| Health { span: block.body.span, body: block.body }),
        timeouts: timeouts_block.map(|block| timeouts(block, complaints)).unwrap_or_default(),
        retry: retry_block.map(|block| retry(block, complaints)),
    })
}

type ProviderReference = (Option<(Arc<str>, Option<Arc<str>>)>, Option<Span>);

/// `provider = docker` or `provider = docker.alias`.
fn provider_reference(attribute: &BodyAttribute, fields: &mut Fields<'_>) -> ProviderReference {
    let span = attribute.value.span();
    let reference = match path_of(&attribute.value.tree).map(|path| path.0).as_deref() {
        Some([PathStep::Key(name)]) => Some((name.clone(), None)),
        Some([PathStep::Key(name), PathStep::Key(alias)]) => Some((name.clone(), Some(alias.clone()))),
        _ => None,
    };
    if reference.is_none() {
        let message = "`provider` must name a provider block, like `docker` or `docker.remote`";
        fields.complain(Diagnostic::error(span, message, "not the name of a provider block"));
    }
    (reference, Some(span))
}

fn lifecycle(block: BodyBlock, complaints: &mut Vec<Diagnostic>) -> Lifecycle {
    let mut fields = Fields::of("lifecycle", block.body, complaints);
    let mut read = Lifecycle {
        create_before_destroy: fields.flag("create_before_destroy"),
        prevent_destroy: fields.flag("prevent_destroy").unwrap_or(false),
        replace_triggered_by: fields.references("replace_triggered_by"),
        ..Lifecycle::default()
    };
    if let Some(value) = fields.expression("ignore_changes") {
        (read.ignore_changes, read.ignore_spans) = ignore_changes(value, &mut fields);
    }
    let before = fields.blocks("precondition");
    let after = fields.blocks("postcondition");
    fields.finish();
    read.preconditions = before.into_iter().filter_map(|block| condition("precondition", block, complaints)).collect();
    read.postconditions = after.into_iter().filter_map(|block| condition("postcondition", block, complaints)).collect();
    read
}

fn ignore_changes(value: Expression, fields: &mut Fields<'_>) -> (IgnoreChanges, Vec<Span>) {
    let (span, origin) = (value.span(), value.origin);
    if value.tree.as_variable().is_some_and(|name| name.as_str() == "all") {
        return (IgnoreChanges::All, Vec::new());
    }
    let help = "write `ignore_changes = all`, or a list like `[content, env[\"HOME\"]]`";
    let Tree::Array(items) = value.tree else {
        let message = "`ignore_changes` must be `all` or a list of attributes";
        fields.complain(Diagnostic::error(span, message, "neither of them").with_help(help));
        return (IgnoreChanges::None, Vec::new());
    };
    let mut paths = Vec::new();
    let mut spans = Vec::new();
    for item in items {
        let item = Expression::new(origin, item);
        match path_of(&item.tree) {
            Some(path) => {
                paths.push(path);
                spans.push(item.span());
            }
            None => {
                let message = "`ignore_changes` takes the names of attributes";
                fields.complain(Diagnostic::error(item.span(), message, "not an attribute's name").with_help(help));
            }
        }
    }
    (IgnoreChanges::Paths(paths), spans)
}

/// The path that an expression spells, where it is nothing but names and literal indices: `env["HOME"]`.
fn path_of(tree: &Tree) -> Option<AttrPath> {
    if let Tree::String(text) = tree {
        return Some(AttrPath::of(text.as_str()));
    }
    if let Tree::Variable(name) = tree {
        return Some(AttrPath::of(name.as_str()));
    }
    let traversal = tree.as_traversal()?;
    let mut path = AttrPath::of(traversal.expr.as_variable()?.as_str());
    for operator in &traversal.operators {
        let step = match operator.value() {
            TraversalOperator::GetAttr(name) => PathStep::Key(name.as_str().into()),
            TraversalOperator::Index(Tree::String(key)) => PathStep::Key(key.as_str().into()),
            TraversalOperator::Index(Tree::Number(index)) => {
                PathStep::Index(usize::try_from(index.value().as_u64()?).ok()?)
            }
            _ => return None,
        };
        path.0.push(step);
    }
    Some(path)
}

/// Reads a block with a condition and its message.
pub(super) fn condition(what: &'static str, block: BodyBlock, complaints: &mut Vec<Diagnostic>) -> Option<Condition> {
    let mut fields = Fields::of(what, block.body, complaints);
    let span = fields.span();
    let condition = fields.required("condition");
    let error_message = fields.required("error_message");
    fields.finish();
    Some(Condition { condition: condition?, error_message: error_message?, span })
}

fn timeouts(block: BodyBlock, complaints: &mut Vec<Diagnostic>) -> Timeouts {
    let mut fields = Fields::of("timeouts", block.body, complaints);
    let read = Timeouts {
        create: fields.duration("create"),
        update: fields.duration("update"),
        delete: fields.duration("delete"),
    };
    fields.finish();
    read
}

fn retry(block: BodyBlock, complaints: &mut Vec<Diagnostic>) -> Retry {
    let mut fields = Fields::of("retry", block.body, complaints);
    let read = Retry {
        attempts: fields.whole("attempts", 1).map_or(DEFAULT_RETRY.attempts, |n| u32::try_from(n).unwrap_or(u32::MAX)),
        delay: fields.duration("delay").unwrap_or(DEFAULT_RETRY.delay),
        max_delay: fields.duration("max_delay").unwrap_or(DEFAULT_RETRY.max_delay),
    };
    fields.finish();
    read
}
