//! The order of steps, one change at a time.

use deployctl_sdk::{Reason, ResourceId, Value};

use super::*;
use crate::state::ProviderRef;

fn change(name: &str, action: Action, dependencies: &[&str]) -> ResourceChange {
    let provider = ProviderRef { name: "value".into(), alias: None, settings: Value::Null };
    ResourceChange {
        dependencies: dependencies.iter().map(|name| address(name)).collect(),
        ..ResourceChange::bare(address(name), ResourceId::random(), provider, action, Reason::New)
    }
}

fn address(name: &str) -> Address {
    format!("value.{name}").parse().unwrap()
}

/// The steps in the order in which one at a time would run, as `symbol name`.
fn order(changes: &[ResourceChange], recorded: &[(&str, &[&str])]) -> Vec<String> {
    order_with(changes, recorded, &[])
}

/// The same where old ones of these are left behind.
fn order_with(changes: &[ResourceChange], recorded: &[(&str, &[&str])], deposed: &[&str]) -> Vec<String> {
    let recorded: HashMap<Address, Vec<Address>> = recorded
        .iter()
        .map(|(name, needs)| (address(name), needs.iter().map(|name| address(name)).collect()))
        .collect();
    let steps = Steps::new(changes, &|address| Recorded {
        dependencies: recorded.get(address).map(Vec::as_slice).unwrap_or_default(),
        deposed: deposed.contains(&&*address.name),
    });
    let mut waits: Vec<usize> = steps.nodes.iter().map(|node| node.waits_for).collect();
    let mut done = Vec::new();
    while let Some(step) = (0..waits.len()).find(|step| waits[*step] == 0) {
        waits[step] = usize::MAX;
        let node = &steps.nodes[step];
        for next in &node.next {
            waits[*next] -= 1;
        }
        let symbol = match node.kind {
            StepKind::Do(Operation::Create) => "+",
            StepKind::Do(Operation::Update) => "~",
            StepKind::Do(Operation::Replace) => "±",
            StepKind::Do(Operation::Delete) => "-",
            StepKind::RemoveDeposed => "x",
            StepKind::PlanLate | StepKind::Forget | StepKind::Join => continue,
        };
        done.push(format!("{symbol}{}", changes[node.change].address.name));
    }
    assert!(waits.iter().all(|waits| *waits == usize::MAX), "a cycle");
    done
}

#[test]
fn what_depends_is_made_after_and_deleted_before() {
    let made = [change("b", Action::Create, &["a"]), change("a", Action::Create, &[])];
    assert_eq!(order(&made, &[]), ["+a", "+b"]);
    let gone = [change("a", Action::Delete, &[]), change("b", Action::Delete, &[])];
    assert_eq!(order(&gone, &[("b", &["a"])]), ["-b", "-a"]);
}

#[test]
fn a_replacement_takes_its_dependents_along_in_either_order() {
    let first = Action::Replace(ReplaceOrder::DeleteFirst);
    let changes = [change("a", first, &[]), change("b", first, &["a"])];
    assert_eq!(order(&changes, &[("b", &["a"])]), ["-b", "-a", "+a", "+b"]);
    let beside = Action::Replace(ReplaceOrder::CreateFirst);
    let changes = [change("a", beside, &[]), change("b", Action::Update, &["a"])];
    assert_eq!(order(&changes, &[("b", &["a"])]), ["±a", "~b", "xa"]);
}

#[test]
fn what_lets_go_does_so_before_the_thing_is_deleted() {
    let changes = [change("a", Action::Delete, &[]), change("b", Action::Update, &[])];
    assert_eq!(order(&changes, &[("b", &["a"])]), ["~b", "-a"]);
}

#[test]
fn letting_go_first_is_given_up_where_it_would_close_a_circle() {
    let first = Action::Replace(ReplaceOrder::DeleteFirst);
    // `user` lets go of `old`, which was made after `base`, and waits for the new `base`.
    let changes =
        [change("base", first, &[]), change("old", Action::Delete, &[]), change("user", Action::Update, &["base"])];
    let recorded: [(&str, &[&str]); 2] = [("old", &["base"]), ("user", &["old"])];
    assert_eq!(order(&changes, &recorded), ["-old", "-base", "+base", "~user"]);
}

#[test]
fn the_old_one_of_a_create_first_replacement_goes_before_what_it_used() {
    let beside = Action::Replace(ReplaceOrder::CreateFirst);
    let changes = [change("a", Action::Delete, &[]), change("b", beside, &[])];
    assert_eq!(order(&changes, &[("b", &["a"])]), ["±b", "xb", "-a"]);
    let changes = [change("a", beside, &[]), change("b", beside, &["a"])];
    assert_eq!(order(&changes, &[("b", &["a"])]), ["±a", "±b", "xb", "xa"]);
}

#[test]
fn what_an_earlier_replacement_left_goes_after_what_uses_it_has_moved() {
    for action in [Action::Update, Action::Create] {
        let changes = [change("a", action, &[]), change("b", Action::Update, &["a"])];
        let order = order_with(&changes, &[("b", &["a"])], &["a"]);
        assert_eq!(order[1..], ["~b", "xa"], "{action:?}");
    }
}

#[test]
fn where_the_old_order_contradicts_the_new_one_the_new_one_holds() {
    // b needed a, which needed c; now b needs c itself, c is replaced, and a goes.
    let changes = [
        change("c", Action::Replace(ReplaceOrder::DeleteFirst), &[]),
        change("b", Action::Update, &["c"]),
        change("a", Action::Delete, &[]),
    ];
    let order = order(&changes, &[("b", &["a"]), ("a", &["c"])]);
    let at = |what: &str| order.iter().position(|step| step == what).unwrap();
    assert!(at("-c") < at("+c") && at("+c") < at("~b"), "{order:?}");
    assert_eq!(order.len(), 4);
}

#[test]
fn many_on_many_stay_linear() {
    let mut changes = Vec::new();
    for index in 0..500_u64 {
        let mut one = change("many", Action::Create, &[]);
        one.address.key = Some(deployctl_sdk::InstanceKey::Index(index));
        changes.push(one);
        let mut other = change("others", Action::Create, &["many"]);
        other.address.key = Some(deployctl_sdk::InstanceKey::Index(index));
        changes.push(other);
    }
    let steps = Steps::new(&changes, &|_| Recorded::default());
    let edges: usize = steps.nodes.iter().map(|node| node.next.len()).sum();
    assert_eq!(edges, 1_000);
    assert_eq!(steps.waves(changes.len()).iter().map(Vec::len).collect::<Vec<_>>(), [500, 500]);
}
