//! How large the values of one evaluation may grow. A few lines of configuration must not be able to fill the memory.

use deployctl_sdk::Value;

/// How deep evaluation may go. The parser's own limits keep a single expression below it.
pub(super) const MAX_DEPTH: usize = 420;

/// The longest string a function or template may make, in bytes.
pub(super) const MAX_STRING: usize = 64 << 20;

/// What one evaluation may make altogether, in bytes.
pub(super) const MAX_MADE: usize = 256 << 20;

/// What an item of a list or a member of a map counts for.
pub(super) const ITEM: usize = 32;

/// The most numbers `range` makes.
pub(super) const MAX_RANGE: usize = 100_000;

/// How deep a value may be nested: many places walk values recursively.
pub(super) const MAX_VALUE_DEPTH: usize = 200;

/// The most items and members a value may have, at all depths and counted as often as they are reached.
pub(super) const MAX_NODES: usize = 4_000_000;

/// Why a value is too much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Excess {
    /// Nested deeper than [`MAX_VALUE_DEPTH`].
    Depth,
    /// More parts than [`MAX_NODES`].
    Nodes,
}

impl Excess {
    /// The excess in words.
    pub(super) fn message(self) -> String {
        match self {
            Self::Depth => format!("the value is nested more than {MAX_VALUE_DEPTH} levels deep"),
            Self::Nodes => format!("the value has more than {MAX_NODES} parts"),
        }
    }
}

/// Checks that a value may be walked recursively by anybody. Parts that are shared count each time they are reached, because
/// whoever walks the value meets them each time.
pub(super) fn measure(value: &Value) -> Result<usize, Excess> {
    let mut nodes = 0;
    walk(value, 0, &mut nodes)?;
    Ok(nodes)
}

fn walk(value: &Value, depth: usize, nodes: &mut usize) -> Result<(), Excess> {
    if depth > MAX_VALUE_DEPTH {
        return Err(Excess::Depth);
    }
    *nodes += 1;
    if *nodes > MAX_NODES {
        return Err(Excess::Nodes);
    }
    match value {
        Value::List(items) => items.iter().try_for_each(|item| walk(item, depth + 1, nodes)),
        Value::Map(members) => members.values().try_for_each(|member| walk(member, depth + 1, nodes)),
        Value::Sensitive(inner) => walk(inner, depth, nodes),
        _ => Ok(()),
    }
}

/// Whether anything in the value is sensitive. A value too large to be walked counts as such.
pub(super) fn sensitive_within(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Unknown => false,
        Value::Sensitive(_) => true,
        other => measure(other).is_err() || other.contains_sensitive(),
    }
}
