//! What variables, locals and resources evaluated to, as far as a walk over the graph has come.
//!
//! A resource's value is its planned attributes while planning and its real ones while applying. What was not reached yet is
//! never asked for: the graph's order sees to it.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use deployctl_sdk::{Address, InstanceKey, Value};

use crate::config::{Configuration, DataBlock};
use crate::lang::{self, Outside, Scope, Step, Unresolved};

/// How many instances a resource has.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// One, without a key.
    Single,
    /// So many, from `count`.
    Count(u64),
    /// One for each key, from `for_each`, with the value that goes with it.
    Each(BTreeMap<Arc<str>, Value>),
}

impl Shape {
    /// The keys of the instances, in order.
    pub fn keys(&self) -> Vec<Option<InstanceKey>> {
        match self {
            Self::Single => vec![None],
            Self::Count(count) => (0..*count).map(|index| Some(InstanceKey::Index(index))).collect(),
            Self::Each(members) => members.keys().map(|key| Some(InstanceKey::Key(key.clone()))).collect(),
        }
    }

    /// Whether there is an instance of that key.
    pub fn contains(&self, key: Option<&InstanceKey>) -> bool {
        match (self, key) {
            (Self::Single, None) => true,
            (Self::Count(count), Some(InstanceKey::Index(index))) => index < count,
            (Self::Each(members), Some(InstanceKey::Key(key))) => members.contains_key(key),
            _ => false,
        }
    }
}

/// The values of one resource's instances.
struct BlockValues {
    shape: Shape,
    instances: HashMap<Option<InstanceKey>, Value>,
    /// All of them as one list or map, made when first asked for and dropped when one changes.
    whole: OnceCell<Value>,
}

/// What everything evaluated to up to now.
pub struct Values<'c> {
    config: &'c Configuration,
    outside: &'c dyn Outside,
    variables: &'c BTreeMap<Arc<str>, Value>,
    resources: Vec<Option<BlockValues>>,
    locals: RefCell<HashMap<Arc<str>, Value>>,
    depth: Cell<usize>,
}

/// How many locals may refer to one another in a row when they are evaluated out of order.
const MAX_LOCAL_DEPTH: usize = 10_000;

impl<'c> Values<'c> {
    /// Nothing evaluated yet but the variables.
    pub fn new(config: &'c Configuration, variables: &'c BTreeMap<Arc<str>, Value>, outside: &'c dyn Outside) -> Self {
        Self {
            config,
            outside,
            variables,
            resources: config.resources.iter().map(|_| None).collect(),
            locals: RefCell::default(),
            depth: Cell::new(0),
        }
    }

    /// The scope of what stands outside any resource.
    pub fn top(&self) -> InstanceScope<'_> {
        InstanceScope {
            values: self,
            key: None,
            each: None,
            own: None,
            site: String::new(),
            from_secret: Cell::new(false),
        }
    }

    /// The scope of one instance of a resource whose shape is set. `own` is what `self` means, where it means something.
    pub fn instance(&self, block: usize, address: &Address, own: Option<Value>) -> InstanceScope<'_> {
        let each = match (self.shape(block), &address.key) {
            (Some(Shape::Each(members)), Some(InstanceKey::Key(key))) => members.get(key).cloned(),
            _ => None,
        };
        InstanceScope {
            values: self,
            key: address.key.clone(),
            each,
            own,
            site: address.to_string(),
            from_secret: Cell::new(false),
        }
    }

    /// The number of the block that declares that resource.
    pub fn block_of(&self, address: &Address) -> Option<usize> {
        self.config.resource(&address.type_name, &address.name)
    }

    /// Sets a local.
    pub fn set_local(&self, name: Arc<str>, value: Value) {
        self.locals.borrow_mut().insert(name, value);
    }

    /// Forgets the locals, so that they are evaluated again from what is known by now.
    pub fn forget_locals(&self) {
        self.locals.borrow_mut().clear();
    }

    /// Sets how many instances a resource has; their values come later.
    pub fn set_shape(&mut self, block: usize, shape: Shape) {
        if let Some(slot) = self.resources.get_mut(block) {
            *slot = Some(BlockValues { shape, instances: HashMap::new(), whole: OnceCell::new() });
        }
    }

    /// How many instances a resource has, once that is known.
    pub fn shape(&self, block: usize) -> Option<&Shape> {
        Some(&self.resources.get(block)?.as_ref()?.shape)
    }

    /// Sets the attributes of one instance.
    pub fn set_instance(&mut self, block: usize, key: Option<InstanceKey>, attributes: Value) {
        if let Some(Some(values)) = self.resources.get_mut(block) {
            values.instances.insert(key, attributes);
            values.whole.take();
        }
    }

    /// The attributes of one instance, once they are set.
    pub fn instance_value(&self, block: usize, key: Option<&InstanceKey>) -> Option<&Value> {
        self.resources.get(block)?.as_ref()?.instances.get(&key.cloned())
    }

    fn local(&self, name: &str) -> Result<Value, Unresolved> {
        if let Some(value) = self.locals.borrow().get(name) {
            return Ok(value.clone());
        }
        let Some(local) = self.config.locals.get(name) else {
            return Err(unresolved(format!("there is no local `{name}`")));
        };
        if self.depth.get() >= MAX_LOCAL_DEPTH {
            return Err(unresolved(format!("too many locals refer to one another on the way to `local.{name}`")));
        }
        self.depth.set(self.depth.get() + 1);
        let value = lang::evaluate(&local.value, &self.top());
        self.depth.set(self.depth.get() - 1);
        let value = value.map_err(|mut diagnostics| match diagnostics.is_empty() {
            true => unresolved(format!("`local.{name}` has no value")),
            false => unresolved(format!("`local.{name}` has no value: {}", diagnostics.remove(0).message)),
        })?;
        // What is not known yet may be when it is asked for again.
        if !value.contains_unknown() {
            self.set_local(local.name.clone(), value.clone());
        }
        Ok(value)
    }

    fn resource(&self, type_name: &str, steps: &[Step]) -> Result<(Value, usize), Unresolved> {
        let Some(Step::Attr(name)) = steps.first() else {
            return Err(unresolved(format!("`{type_name}` alone is not a value; a resource is `{type_name}.NAME`")));
        };
        let block = self.config.resource(type_name, name);
        let Some(values) = block.and_then(|block| self.resources.get(block)) else {
            return Err(unresolved(format!("there is no resource `{type_name}.{name}`")));
        };
        // Not reached: it failed to evaluate, which was complained about where it happened.
        let Some(values) = values else { return Ok((Value::Unknown, steps.len())) };
        let whole = |values: &BlockValues| values.whole.get_or_init(|| values.collected()).clone();
        match (&values.shape, steps.get(1)) {
            (Shape::Single, _) => Ok((values.instances.get(&None).cloned().unwrap_or(Value::Unknown), 1)),
            (_, None) => Ok((whole(values), 1)),
            (_, Some(Step::Index(index))) if index.is_unknown() => Ok((Value::Unknown, 2)),
            (Shape::Count(count), Some(Step::Index(index))) => {
                let key = index.as_i64().and_then(|index| u64::try_from(index).ok()).filter(|index| index < count);
                match key {
                    Some(key) => Ok((values.get(InstanceKey::Index(key)), 2)),
                    None => Err(Unresolved {
                        message: format!("`{type_name}.{name}` has no such instance"),
                        help: Some(match count {
                            0 => "its `count` is 0".to_owned(),
                            count => format!("its instances are `[0]` to `[{}]`", count - 1),
                        }),
                    }),
                }
            }
            (Shape::Each(members), Some(step)) => {
                let key = match step {
                    Step::Attr(key) => Some(key.clone()),
                    Step::Index(index) => index.as_str().map(Arc::from),
                };
                match key.and_then(|key| members.get_key_value(&key)) {
                    Some((key, _)) => Ok((values.get(InstanceKey::Key(key.clone())), 2)),
                    None => {
                        let keys: Vec<_> = members.keys().take(10).map(|key| format!("{key:?}")).collect();
                        let help = format!("its `for_each` has the keys {}", keys.join(", "));
                        Err(Unresolved {
                            message: format!("`{type_name}.{name}` has no such instance"),
                            help: Some(help),
                        })
                    }
                }
            }
            (Shape::Count(_), Some(Step::Attr(attribute))) => Err(Unresolved {
                message: format!("`{type_name}.{name}` has `count`, so it is a list"),
                help: Some(format!(
                    "name one instance, `{type_name}.{name}[0].{attribute}`, or all of them, `{type_name}.{name}[*].{attribute}`"
                )),
            }),
        }
    }
}

impl BlockValues {
    fn get(&self, key: InstanceKey) -> Value {
        self.instances.get(&Some(key)).cloned().unwrap_or(Value::Unknown)
    }

    fn collected(&self) -> Value {
        match &self.shape {
            Shape::Single => self.instances.get(&None).cloned().unwrap_or(Value::Unknown),
            Shape::Count(count) => Value::list((0..*count).map(|index| self.get(InstanceKey::Index(index)))),
            Shape::Each(members) => {
                Value::map(members.keys().map(|key| (key.clone(), self.get(InstanceKey::Key(key.clone())))))
            }
        }
    }
}

/// The scope of one instance, or of the top.
pub struct InstanceScope<'v> {
    values: &'v Values<'v>,
    key: Option<InstanceKey>,
    each: Option<Value>,
    own: Option<Value>,
    site: String,
    /// Whether the expression being evaluated has used something that is a secret or was made from one.
    from_secret: Cell<bool>,
}

impl Scope for InstanceScope<'_> {
    fn resolve(&self, root: &str, steps: &[Step]) -> Result<(Value, usize), Unresolved> {
        let (value, used) = self.look_up(root, steps)?;
        let value = self.outside().with_secrets(value);
        if self.outside().is_from_secret(&value) {
            self.from_secret.set(true);
        }
        Ok((value, used))
    }

    fn outside(&self) -> &dyn Outside {
        self.values.outside
    }

    fn site(&self) -> &str {
        &self.site
    }

    fn made(&self, value: &Value) {
        if self.from_secret.take() {
            self.outside().keep_from_rest(value);
        }
    }
}

impl InstanceScope<'_> {
    fn look_up(&self, root: &str, steps: &[Step]) -> Result<(Value, usize), Unresolved> {
        let name = match steps.first() {
            Some(Step::Attr(name)) => Some(&**name),
            _ => None,
        };
        match (root, name) {
            ("var", Some(name)) => match self.values.variables.get(name) {
                Some(value) => Ok((value.clone(), 1)),
                None => Err(unresolved(format!("there is no variable `{name}`"))),
            },
            ("local", Some(name)) => Ok((self.values.local(name)?, 1)),
            ("secret", Some(name)) => Ok((self.outside().secret(name)?, 1)),
            ("each", Some("key")) => match &self.key {
                Some(InstanceKey::Key(key)) => Ok((Value::String(key.clone()), 1)),
                _ => Err(unresolved("`each` has a meaning only in a resource with `for_each`")),
            },
            ("each", Some("value")) => match &self.each {
                Some(value) => Ok((value.clone(), 1)),
                None => Err(unresolved("`each` has a meaning only in a resource with `for_each`")),
            },
            ("count", Some("index")) => match &self.key {
                Some(InstanceKey::Index(index)) => Ok((Value::Number((*index).into()), 1)),
                _ => Err(unresolved("`count` has a meaning only in a resource with `count`")),
            },
            ("path", Some("module" | "root")) => Ok((Value::from("."), 1)),
            ("path", Some("cwd")) => Ok((Value::from(self.outside().root().to_string_lossy().into_owned()), 1)),
            ("self", _) => match &self.own {
                Some(own) => Ok((own.clone(), 0)),
                None => Err(unresolved("`self` has no meaning here")),
            },
            ("data", Some(DataBlock::STATE)) => match steps.get(1) {
                Some(Step::Attr(name)) => match self.outside().stack(name) {
                    Some(value) => Ok((value, 2)),
                    None => Err(unresolved(format!("the state `data.{}.{name}` was not read", DataBlock::STATE))),
                },
                _ => Err(unresolved(format!("a data source is `data.{}.NAME`", DataBlock::STATE))),
            },
            ("var" | "local" | "secret" | "each" | "count" | "path", _) => {
                Err(unresolved(format!("`{root}` is followed by a name, as in `{root}.{}`", example(root))))
            }
            _ => self.values.resource(root, steps),
        }
    }
}

fn example(root: &str) -> &'static str {
    match root {
        "each" => "key",
        "count" => "index",
        "path" => "module",
        _ => "name",
    }
}

fn unresolved(message: impl Into<String>) -> Unresolved {
    Unresolved { message: message.into(), help: None }
}
