//! Lists, objects and `for`.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::Range;
use std::sync::Arc;

use deployctl_sdk::{Map, Value};
use hcl_edit::Span as _;
use hcl_edit::expr::{Array, Expression as Tree, ForExpr, Object, ObjectKey};

use super::{Eval, Evaluator, Failed, plain_text};
use crate::lang::limits::{ITEM, sensitive_within};

/// An object's key, evaluated.
pub(super) enum Key {
    /// Known text, and whether it came from something sensitive.
    Known(Arc<str>, bool),
    /// Not known yet, and whether it is sensitive.
    Unknown(bool),
}

/// What the entries of a map under way make of the whole.
#[derive(Default)]
struct Whole {
    members: Map,
    unknown: bool,
    marked: bool,
}

impl Whole {
    /// A map with a key that is not known yet is not known; one with a sensitive key is sensitive, because keys bear no marks.
    fn finish(self) -> Value {
        let members = Value::from(self.members);
        match self.unknown {
            true => Value::Unknown.with_mark(self.marked || sensitive_within(&members)),
            false => members.with_mark(self.marked),
        }
    }
}

/// Inserts a member; answers the key if it was there already.
fn insert(members: &mut Map, key: Arc<str>, value: Value) -> Option<Arc<str>> {
    match members.entry(key) {
        Entry::Occupied(entry) => Some(entry.key().clone()),
        Entry::Vacant(entry) => {
            entry.insert(value);
            None
        }
    }
}

impl<'e> Evaluator<'e> {
    pub(super) fn array(&mut self, array: &'e Array) -> Eval {
        self.charge(array.len() * ITEM, array.span())?;
        let mut items = Vec::with_capacity(array.len());
        let mut failed = false;
        for item in array {
            match self.eval(item) {
                Ok(value) => items.push(value),
                Err(Failed) => failed = true,
            }
        }
        if failed { Err(Failed) } else { Ok(Value::from(items)) }
    }

    pub(super) fn object(&mut self, object: &'e Object) -> Eval {
        self.charge(object.len() * 2 * ITEM, object.span())?;
        let mut whole = Whole::default();
        let mut failed = false;
        for (key, value) in object {
            let key = self.object_key(key);
            let value = self.eval(value.expr());
            match (key, value) {
                (Ok(Key::Known(key, marked)), Ok(value)) => {
                    whole.marked |= marked;
                    whole.members.insert(key, value);
                }
                (Ok(Key::Unknown(marked)), Ok(value)) => {
                    whole.unknown = true;
                    whole.marked |= marked || sensitive_within(&value);
                }
                _ => failed = true,
            }
        }
        if failed { Err(Failed) } else { Ok(whole.finish()) }
    }

    fn object_key(&mut self, key: &'e ObjectKey) -> Eval<Key> {
        match key {
            ObjectKey::Ident(name) => Ok(Key::Known(name.as_str().into(), false)),
            ObjectKey::Expression(Tree::Traversal(traversal)) => self.fail_with_help(
                traversal.span(),
                "a key that is a reference must stand in parentheses",
                "put it in `(` and `)`",
                "a bare word is a key as it stands; `(var.name)` is the value of `var.name`",
            ),
            ObjectKey::Expression(Tree::Null(_)) => Ok(Key::Known("null".into(), false)),
            ObjectKey::Expression(expr) => {
                let value = self.eval(expr)?;
                self.key(&value, expr.span())
            }
        }
    }

    fn key(&mut self, value: &Value, range: Option<Range<usize>>) -> Eval<Key> {
        let (plain, marked) = self.look(value);
        match plain {
            Value::Unknown => Ok(Key::Unknown(marked)),
            other => match plain_text(other) {
                Some(text) => Ok(Key::Known(text, marked)),
                None => {
                    let kind = other.kind();
                    self.fail(range, "a key must be a string", format!("this is {kind}"))
                }
            },
        }
    }

    pub(super) fn for_expr(&mut self, expr: &'e ForExpr) -> Eval {
        let intro = &expr.intro;
        let collection = self.eval(&intro.collection_expr)?;
        let Some((entries, marked)) = self.entries(&collection, intro.collection_expr.span())? else {
            return Ok(collection);
        };
        let key_var = intro.key_var.as_ref().map(|name| name.as_str());
        let value_var = intro.value_var.as_str();
        let bound = self.locals.len();
        let result = match &expr.key_expr {
            None => self.for_list(expr, entries, key_var, value_var, marked),
            Some(key) => self.for_map(expr, key, entries, key_var, value_var, marked),
        };
        self.locals.truncate(bound);
        result
    }

    fn for_list(
        &mut self,
        expr: &'e ForExpr,
        entries: Vec<(Value, Value)>,
        key_var: Option<&'e str>,
        value_var: &'e str,
        mut marked: bool,
    ) -> Eval {
        let bound = self.locals.len();
        let mut unknown = false;
        let mut items = Vec::with_capacity(entries.len());
        for (key, value) in entries {
            self.bind(bound, key_var, value_var, key, value);
            let (keep, condition_marked) = self.keep(expr)?;
            marked |= condition_marked;
            unknown |= keep.is_none();
            if keep == Some(false) {
                continue;
            }
            self.charge(ITEM, expr.span())?;
            items.push(self.eval(&expr.value_expr)?);
        }
        let items = Value::from(items);
        Ok(match unknown {
            true => Value::Unknown.with_mark(marked || sensitive_within(&items)),
            false => items.with_mark(marked),
        })
    }

    fn for_map(
        &mut self,
        expr: &'e ForExpr,
        key_expr: &'e Tree,
        entries: Vec<(Value, Value)>,
        key_var: Option<&'e str>,
        value_var: &'e str,
        marked: bool,
    ) -> Eval {
        let bound = self.locals.len();
        let mut whole = Whole { marked, ..Whole::default() };
        let mut groups: BTreeMap<Arc<str>, Vec<Value>> = BTreeMap::new();
        for (key, value) in entries {
            self.bind(bound, key_var, value_var, key, value);
            let (keep, condition_marked) = self.keep(expr)?;
            whole.marked |= condition_marked;
            whole.unknown |= keep.is_none();
            if keep == Some(false) {
                continue;
            }
            self.charge(2 * ITEM, expr.span())?;
            let key = self.eval(key_expr).and_then(|key| self.key(&key, key_expr.span()));
            let value = self.eval(&expr.value_expr);
            let (key, value) = (key?, value?);
            match key {
                Key::Unknown(key_marked) => {
                    whole.unknown = true;
                    whole.marked |= key_marked || sensitive_within(&value);
                }
                Key::Known(key, key_marked) => {
                    whole.marked |= key_marked;
                    if expr.grouping {
                        groups.entry(key).or_default().push(value);
                    } else if let Some(twice) = insert(&mut whole.members, key, value) {
                        return self.twice(&twice, whole.marked, key_expr);
                    }
                }
            }
        }
        whole.members.extend(groups.into_iter().map(|(key, group)| (key, Value::from(group))));
        Ok(whole.finish())
    }

    fn twice(&mut self, key: &str, marked: bool, key_expr: &'e Tree) -> Eval {
        let label = if marked { "the same key again".to_owned() } else { format!("{key:?} again") };
        self.fail_with_help(
            key_expr.span(),
            "two items have the same key",
            label,
            "put `...` after the value to collect the values of one key in a list",
        )
    }

    fn bind(&mut self, bound: usize, key_var: Option<&'e str>, value_var: &'e str, key: Value, value: Value) {
        self.locals.truncate(bound);
        if let Some(name) = key_var {
            self.locals.push((name, key));
        }
        self.locals.push((value_var, value));
    }

    /// Whether the item now bound is to be kept, `None` if that is not known, and whether the answer is sensitive.
    fn keep(&mut self, expr: &'e ForExpr) -> Eval<(Option<bool>, bool)> {
        match &expr.cond {
            None => Ok((Some(true), false)),
            Some(condition) => {
                let value = self.eval(&condition.expr)?;
                self.truth(&value, condition.expr.span(), "the condition after `if`")
            }
        }
    }

    /// The keys and values of a collection and whether it is sensitive; `None` if it is unknown. What comes out of a
    /// sensitive collection is sensitive itself, so that no complaint about a part of it shows it.
    #[expect(clippy::type_complexity, reason = "used in two places, a name would not say more")]
    pub(super) fn entries(
        &mut self,
        collection: &Value,
        range: Option<Range<usize>>,
    ) -> Eval<Option<(Vec<(Value, Value)>, bool)>> {
        let (plain, marked) = self.look(collection);
        match plain {
            Value::Unknown => Ok(None),
            Value::List(items) => {
                self.charge(items.len() * 2 * ITEM, range)?;
                let entries =
                    items.iter().enumerate().map(|(at, item)| (Value::from(at as i64), item.clone().with_mark(marked)));
                Ok(Some((entries.collect(), marked)))
            }
            Value::Map(members) => {
                self.charge(members.len() * 2 * ITEM, range)?;
                let entries = members.iter().map(|(key, member)| {
                    (Value::String(key.clone()).with_mark(marked), member.clone().with_mark(marked))
                });
                Ok(Some((entries.collect(), marked)))
            }
            other => {
                let kind = other.kind();
                self.fail(range, "`for` takes a list or a map", format!("this is {kind}"))
            }
        }
    }
}
