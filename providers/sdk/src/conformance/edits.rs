//! Random edits, made from the schema: every attribute is set, changed and unset at least once.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::bench::{Bench, Checked};
use super::dice::Dice;
use super::hand::Held;
use super::law::Law;
use super::subject::{Case, Expected};
use crate::change::Action;
use crate::default_plan::compare;
use crate::schema::{Attribute, AttributeKind, Nesting};
use crate::types::Type;
use crate::value::{Map, PathStep, Value};

const LAW: Law = Law::EditsAreAsPredicted;

/// After how many edits that did not do what they should no more are tried.
const MOST_FAILURES: usize = 5;

/// How deep a random value may nest.
const MAX_DEPTH: usize = 2;

/// One attribute to be edited, inside a block or at the top.
#[derive(Debug, Clone)]
struct Target<'s> {
    block: Option<&'s Attribute>,
    attribute: &'s Attribute,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Set,
    Unset,
}

impl Target<'_> {
    fn name(&self) -> String {
        match self.block {
            Some(block) => format!("{}.{}", block.name, self.attribute.name),
            None => self.attribute.name.clone(),
        }
    }

    /// Whether the schema says that such an edit takes a replacement.
    fn replaces(&self, way: Way) -> bool {
        let replaces =
            |attribute: &Attribute| attribute.forces_replacement || (way == Way::Unset && attribute.unset_replaces);
        replaces(self.attribute) || self.block.is_some_and(replaces)
    }
}

/// Takes the case's object through random edits.
pub(super) async fn check(bench: &mut Bench<'_>) -> Checked {
    let mut dice = Dice::about(bench.report.seed, &bench.case.name);
    let schema = bench.schema;
    let targets = targets(&schema.attributes, bench.case);
    // Set, set to another value, unset, set again: in any order, so that each is met from different sides.
    let mut steps: Vec<(usize, Way)> =
        (0..targets.len()).flat_map(|target| [Way::Set, Way::Unset, Way::Set].map(|way| (target, way))).collect();
    dice.shuffle(&mut steps);

    let (mut held, mut desired) = bench.made().await?;
    let mut config = bench.case.config.clone();
    let mut hit = BTreeSet::new();
    let (mut refusals, mut failures) = (Vec::new(), 0);
    let mut edits = grouped(&steps, &targets, bench.case.together);
    edits.reverse();
    while let Some(group) = edits.pop() {
        let edited = group.iter().fold(config.clone(), |config, (position, way)| match targets.get(*position) {
            Some(target) => edit(&config, target, *way, bench.case, &mut dice),
            None => config,
        });
        let names: Vec<String> =
            group.iter().filter_map(|(position, _)| targets.get(*position)).map(Target::name).collect();
        let next = match bench.prepare_or_complain(&held, &edited) {
            Ok(next) => next,
            Err(_) if group.len() > 1 => {
                edits.extend(group.into_iter().rev().map(|one| vec![one]));
                continue;
            }
            Err(complaint) => {
                refusals.extend(names.iter().map(|name| format!("{name}: {complaint}")));
                continue;
            }
        };
        let named: Vec<String> =
            group.iter().zip(&names).map(|((_, way), name)| format!("{way:?} of `{name}`")).collect();
        hit.extend(names);
        let expected = predict(&schema.attributes, &desired.config, &next.config);
        if step(bench, &mut held, &next, expected, &named.join(", ")).await.is_ok() {
            (config, desired) = (edited, next);
            continue;
        }
        // What came of it cannot be relied on: the rest begins anew.
        bench.unmade(held).await;
        failures += 1;
        if failures >= MOST_FAILURES {
            return Ok(());
        }
        (held, desired) = bench.made().await?;
        config = bench.case.config.clone();
    }
    for target in &targets {
        let name = target.name();
        bench.hold(LAW, hit.contains(&name), || {
            let why = refusals.iter().find(|refusal| refusal.starts_with(&format!("{name}: ")));
            format!("no edit of `{name}` was possible; give samples ({})", why.map_or("never tried", String::as_str))
        });
    }
    bench.unmade(held).await;
    Ok(())
}

/// The steps in groups of so many: each attribute once in a group, and what takes a replacement apart from the rest, so
/// that an update in place is not hidden by it.
fn grouped(steps: &[(usize, Way)], targets: &[Target<'_>], together: usize) -> Vec<Vec<(usize, Way)>> {
    let mut done: Vec<Vec<(usize, Way)>> = Vec::new();
    let mut open: [Vec<(usize, Way)>; 2] = Default::default();
    for (position, way) in steps {
        let Some(target) = targets.get(*position) else { continue };
        if *way == Way::Unset && target.attribute.required && target.block.is_none() {
            continue;
        }
        let [in_place, replacing] = &mut open;
        let group = if target.replaces(*way) { replacing } else { in_place };
        if group.len() >= together || group.iter().any(|(other, _)| other == position) {
            done.push(std::mem::take(group));
        }
        group.push((*position, *way));
    }
    done.extend(open.into_iter().filter(|group| !group.is_empty()));
    done
}

async fn step(
    bench: &mut Bench<'_>,
    held: &mut Held,
    next: &crate::provider::Prepared,
    expected: Expected,
    named: &str,
) -> Checked {
    let planned = bench.plan(LAW, held, next).await?;
    let as_expected = match expected {
        Expected::Nothing => planned.action == Action::NoOp,
        Expected::Update => planned.action == Action::Update,
        Expected::Replace => matches!(planned.action, Action::Replace(_)),
    };
    bench.hold(LAW, as_expected, || {
        format!("{named} is planned as {}, and the schema says {expected:?}", planned.action.word())
    });
    match bench.settle_down(LAW, held, next, &planned).await {
        Ok(()) => Ok(()),
        Err(stop) => {
            bench.broken(LAW, format!("it was {named}"));
            Err(stop)
        }
    }
}

fn targets<'s>(attributes: &'s [Attribute], case: &Case) -> Vec<Target<'s>> {
    let mut targets = Vec::new();
    for attribute in attributes.iter().filter(|attribute| !attribute.read_only) {
        targets.push(Target { block: None, attribute });
        if let AttributeKind::Block { attributes, .. } = &attribute.kind {
            let inner = attributes.iter().filter(|inner| !inner.read_only);
            targets.extend(inner.map(|inner| Target { block: Some(attribute), attribute: inner }));
        }
    }
    let left_alone = |target: &Target<'_>| {
        let name = target.name();
        case.left_alone.iter().any(|left| *left == name || name.starts_with(&format!("{left}.")))
    };
    targets.retain(|target| !left_alone(target));
    targets
}

/// What the schema promises for the way from one settled configuration to another.
fn predict(attributes: &[Attribute], before: &Value, after: &Value) -> Expected {
    let mut expected = Expected::Nothing;
    for diff in compare(before, after) {
        let Some(attribute) =
            attributes.iter().find(|attribute| Some(attribute.name.as_str()) == diff.path.attribute())
        else {
            continue;
        };
        // What is left out now stays as the engine has it.
        if attribute.computed && after.get(&attribute.name).is_none() {
            continue;
        }
        let unset = after.get(&attribute.name).is_none() && attribute.unset_replaces;
        if attribute.forces_replacement || unset || inner_forces(attribute, &diff.path.0) {
            return Expected::Replace;
        }
        expected = Expected::Update;
    }
    expected
}

fn inner_forces(block: &Attribute, path: &[PathStep]) -> bool {
    let AttributeKind::Block { attributes, .. } = &block.kind else { return false };
    let mut keys = path.iter().skip(1).filter_map(|step| match step {
        PathStep::Key(key) => Some(key),
        PathStep::Index(_) => None,
    });
    let Some(key) = keys.next() else { return false };
    attributes.iter().any(|attribute| *attribute.name == **key && attribute.forces_replacement)
}

fn edit(config: &Value, target: &Target<'_>, way: Way, case: &Case, dice: &mut Dice) -> Value {
    let mut members: Map = config.as_map().cloned().unwrap_or_default();
    match target.block {
        None => set(&mut members, target.attribute, way, "", case, dice),
        Some(block) => {
            let AttributeKind::Block { nesting, attributes } = &block.kind else { return config.clone() };
            let prefix = format!("{}.", block.name);
            let mut items: Vec<Map> = match members.get(block.name.as_str()) {
                Some(value) => match value.as_list() {
                    Some(items) => items.iter().filter_map(|item| item.as_map().cloned()).collect(),
                    None => value.as_map().cloned().into_iter().collect(),
                },
                None => Vec::new(),
            };
            if items.is_empty() {
                items.push(random_block(attributes, &prefix, case, dice));
            }
            let chosen = dice.below(items.len());
            if let Some(item) = items.get_mut(chosen)
                && !(way == Way::Unset && target.attribute.required)
            {
                set(item, target.attribute, way, &prefix, case, dice);
            }
            members.insert(Arc::from(block.name.as_str()), as_block(*nesting, items));
        }
    }
    Value::from(members)
}

fn as_block(nesting: Nesting, items: Vec<Map>) -> Value {
    match nesting {
        Nesting::Single => items.into_iter().next().map(Value::from).unwrap_or_default(),
        Nesting::List => Value::list(items.into_iter().map(Value::from)),
    }
}

fn set(members: &mut Map, attribute: &Attribute, way: Way, prefix: &str, case: &Case, dice: &mut Dice) {
    let name: Arc<str> = Arc::from(attribute.name.as_str());
    if way == Way::Unset {
        // Null and nothing at all are the same thing to a configuration.
        if dice.chance(500) {
            members.insert(name, Value::Null);
        } else {
            members.remove(&name);
        }
        return;
    }
    let now = members.get(&name).cloned().unwrap_or_default();
    // A few tries for a value that is not the one that stands there already.
    for _ in 0..8 {
        let value = random_attribute(attribute, prefix, case, dice);
        let other = !value.same(&now);
        members.insert(name.clone(), value);
        if other {
            break;
        }
    }
}

fn random_attribute(attribute: &Attribute, prefix: &str, case: &Case, dice: &mut Dice) -> Value {
    let samples = case.samples.get(&format!("{prefix}{}", attribute.name));
    if let Some(sample) = samples.and_then(|samples| dice.pick(samples)) {
        return sample.clone();
    }
    match &attribute.kind {
        AttributeKind::Value(ty) => random_value(ty, dice, 0),
        AttributeKind::Block { nesting, attributes } => {
            let prefix = format!("{}.", attribute.name);
            let count = if *nesting == Nesting::Single { 1 } else { 1 + dice.below(3) };
            let items = (0..count).map(|_| random_block(attributes, &prefix, case, dice)).collect();
            as_block(*nesting, items)
        }
    }
}

fn random_block(attributes: &[Attribute], prefix: &str, case: &Case, dice: &mut Dice) -> Map {
    let mut members = Map::new();
    for attribute in attributes.iter().filter(|attribute| !attribute.read_only) {
        if attribute.required || dice.chance(500) {
            set(&mut members, attribute, Way::Set, prefix, case, dice);
        }
    }
    members
}

fn random_value(ty: &Type, dice: &mut Dice, depth: usize) -> Value {
    let some = |dice: &mut Dice| if depth >= MAX_DEPTH { 0 } else { dice.below(4) };
    match ty {
        Type::Bool => Value::Bool(dice.chance(500)),
        Type::Number => Value::from(i64::try_from(dice.below(1000)).unwrap_or_default()),
        Type::String => random_text(dice),
        Type::List(item) | Type::Set(item) => {
            let items: Vec<Value> = (0..some(dice)).map(|_| random_value(item, dice, depth + 1)).collect();
            // A set's repetitions would be taken out; conversion does that here as it does in a real run.
            ty.convert(&Value::from(items)).unwrap_or_default()
        }
        Type::Map(member) => {
            Value::map((0..some(dice)).map(|index| (format!("k{index}"), random_value(member, dice, depth + 1))))
        }
        Type::Object(fields) => {
            Value::map(fields.iter().map(|(name, field)| (name.as_str(), random_value(&field.ty, dice, depth + 1))))
        }
        Type::Tuple(items) => Value::list(items.iter().map(|item| random_value(item, dice, depth + 1))),
        Type::Any => match dice.below(if depth >= MAX_DEPTH { 3 } else { 5 }) {
            0 => random_value(&Type::Bool, dice, depth),
            1 => random_value(&Type::Number, dice, depth),
            2 => random_value(&Type::String, dice, depth),
            3 => random_value(&Type::List(Box::new(Type::Any)), dice, depth),
            _ => random_value(&Type::Map(Box::new(Type::Any)), dice, depth),
        },
    }
}

fn random_text(dice: &mut Dice) -> Value {
    const AWKWARD: [&str; 6] = ["", " two  words ", "line\nline\n", "ünï→cödé", "\"quoted\\", "$HOME ${x} %{y}"];
    if dice.chance(250)
        && let Some(text) = dice.pick(&AWKWARD)
    {
        return Value::from(*text);
    }
    Value::from(format!("text-{:x}", dice.throw() & 0xffff_ffff))
}
