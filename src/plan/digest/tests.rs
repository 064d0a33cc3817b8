//! What moves the digest and what does not, for generated plans and every part of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use deployctl_sdk::change::{Child, Note};
use deployctl_sdk::conformance::Dice;
use deployctl_sdk::{
    Action, Address, AttrPath, CapturedFile, Diff, Digest, Lineage, Reason, ReplaceOrder, ResourceId, Risk, RiskKind,
    Value, source,
};
use proptest::prelude::*;

use super::super::{Mode, OutputChange, Plan, ReadCost, ResourceChange};
use crate::inputs::Inputs;
use crate::state::{DataKey, ProviderRef};

fn of(plan: &Plan, inputs: &Inputs) -> Digest {
    super::digest(plan, inputs, &DataKey::new([3; 32]))
}

fn file(name: &str, content: &str) -> CapturedFile {
    let (digest, size) = (Digest::of(content.as_bytes()), content.len() as u64);
    CapturedFile { path: name.to_owned(), digest, size, executable: false }
}

fn diff(before: impl Into<Value>, after: impl Into<Value>) -> Diff {
    Diff {
        path: AttrPath::of("size"),
        before: Some(before.into()),
        after: Some(after.into()),
        forces_replacement: false,
    }
}

/// A change in which nothing is empty.
fn change(name: &str, size: i64, action: Action) -> ResourceChange {
    ResourceChange {
        address: Address::new("sim_object", name),
        id: ResourceId::random(),
        type_name: "sim_object".into(),
        provider: ProviderRef { name: "sim".into(), alias: Some("west".into()), settings: Value::from("north") },
        action,
        reason: Reason::New,
        dependencies: vec![Address::new("sim_object", "other")],
        planned: Value::map([("size", Value::from(size)), ("secret", Value::from("hush").into_sensitive())]),
        diffs: vec![diff(0, size)],
        unchanged_attributes: 2,
        at_default: Vec::new(),
        drift: vec![diff(3, 4)],
        children: vec![Child {
            kind: "part".to_owned(),
            name: "p".to_owned(),
            action: Action::Create,
            reason: "new".to_owned(),
            diffs: vec![diff(5, 6)],
        }],
        risks: Vec::new(),
        notes: Vec::new(),
        captured: vec![file("a.txt", "a")],
        artefact: Some(Arc::from(b"the engine's own".as_slice())),
        position: None,
    }
}

fn plan_of(changes: Vec<ResourceChange>) -> Plan {
    Plan {
        version: "0.1.0".to_owned(),
        at: source::now(),
        mode: Mode::Normal,
        environment: "default".into(),
        lineage: Lineage(uuid::Uuid::nil()),
        serial: 3,
        targets: Vec::new(),
        excludes: Vec::new(),
        unkept: Vec::new(),
        changes,
        unchanged: 1,
        notes: Vec::new(),
        drift: Vec::new(),
        outputs: vec![OutputChange { name: "o".into(), before: Some(1.into()), after: Some(2.into()) }],
        waves: vec![vec![0]],
        read: ReadCost::default(),
        digest: Digest::of(b""),
        engines: BTreeMap::new(),
        warnings: Vec::new(),
    }
}

fn inputs() -> Inputs {
    Inputs {
        environment: "default".to_owned(),
        files: BTreeMap::from([("main.hcl".to_owned(), file("main.hcl", "text"))]),
        listings: BTreeMap::from([("./*.hcl".to_owned(), vec!["main.hcl".to_owned()])]),
        variables: BTreeMap::from([(Arc::from("v"), Value::from(1))]),
        env: BTreeMap::from([("HOME".to_owned(), Some("/home/ana".to_owned())), ("UNSET".to_owned(), None)]),
        timestamp: "2026-01-01T00:00:00Z".to_owned(),
        uuids: BTreeMap::from([("main.hcl:1".to_owned(), "one".to_owned())]),
        stacks: BTreeMap::new(),
        secrets: BTreeMap::new(),
        removed: false,
    }
}

const ACTIONS: [Action; 7] = [
    Action::Create,
    Action::Update,
    Action::Replace(ReplaceOrder::DeleteFirst),
    Action::Replace(ReplaceOrder::CreateFirst),
    Action::Delete,
    Action::Forget,
    Action::Deferred,
];

fn changes() -> impl Strategy<Value = Vec<ResourceChange>> {
    let one = ("[a-z]{1,3}", 0..4_i64, prop::sample::select(ACTIONS.to_vec()));
    prop::collection::vec(one.prop_map(|(name, size, action)| change(&name, size, action)), 1..8)
}

proptest! {
    #[test]
    fn the_order_of_actions_does_not_move_it(changes in changes(), seed in any::<u64>()) {
        let mut shuffled = changes.clone();
        Dice::new(seed).shuffle(&mut shuffled);
        prop_assert_eq!(of(&plan_of(changes), &inputs()), of(&plan_of(shuffled), &inputs()));
    }

    #[test]
    fn any_action_more_fewer_or_other_moves_it(changes in changes(), at in any::<prop::sample::Index>()) {
        let first = of(&plan_of(changes.clone()), &inputs());
        let at = at.index(changes.len());
        let mut fewer = changes.clone();
        fewer.remove(at);
        let mut more = changes.clone();
        more.push(changes[at].clone());
        prop_assert_ne!(of(&plan_of(fewer), &inputs()), first);
        prop_assert_ne!(of(&plan_of(more), &inputs()), first);
        for action in ACTIONS {
            let mut other = changes.clone();
            other[at].action = action;
            prop_assert_eq!(of(&plan_of(other), &inputs()) == first, action == changes[at].action);
        }
    }
}

/// A change to a plan, with what it changes.
type Edit<F> = (&'static str, F);

/// A change to what a plan was made from.
type OfInputs = fn(&mut Plan, &mut Inputs);

#[test]
fn every_part_of_an_action_that_is_carried_out_moves_it() {
    let edits: [Edit<fn(&mut ResourceChange)>; 16] = [
        ("address", |change| change.address = Address::new("sim_object", "b")),
        ("reason", |change| change.reason = Reason::Drifted),
        ("planned", |change| change.planned = Value::map([("size", Value::from(9))])),
        ("a secret", |change| {
            change.planned = Value::map([("size", 1.into()), ("secret", Value::from("tell").into_sensitive())]);
        }),
        ("a mark", |change| change.planned = Value::map([("size", 1.into()), ("secret", Value::from("hush"))])),
        ("before", |change| change.diffs[0].before = Some(8.into())),
        ("after", |change| change.diffs[0].after = None),
        ("a path", |change| change.diffs[0].path = AttrPath::of("color")),
        ("a child's action", |change| change.children[0].action = Action::Delete),
        ("a child's name", |change| change.children[0].name = "q".to_owned()),
        ("a child's difference", |change| change.children[0].diffs[0].after = Some(7.into())),
        ("a captured file", |change| change.captured[0] = file("a.txt", "b")),
        ("a file's mode", |change| change.captured[0].executable = true),
        ("provider", |change| change.provider.name = "other".into()),
        ("alias", |change| change.provider.alias = None),
        ("settings", |change| change.provider.settings = Value::from("south")),
    ];
    let first = of(&plan_of(vec![change("a", 1, Action::Update)]), &inputs());
    for (what, edit) in edits {
        let mut edited = change("a", 1, Action::Update);
        edit(&mut edited);
        assert_ne!(of(&plan_of(vec![edited]), &inputs()), first, "{what}");
    }
}

#[test]
fn every_input_moves_it() {
    let edits: [Edit<OfInputs>; 13] = [
        ("lineage", |plan, _| plan.lineage = Lineage(uuid::Uuid::max())),
        ("environment", |plan, _| plan.environment = "other".into()),
        ("mode", |plan, _| plan.mode = Mode::Destroy),
        ("revision", |plan, _| plan.mode = Mode::Rollback { to: 2 }),
        ("an output", |plan, _| plan.outputs[0].after = Some(3.into())),
        ("an output's name", |plan, _| plan.outputs[0].name = "p".into()),
        ("a file", |_, inputs| drop(inputs.files.insert("main.hcl".to_owned(), file("main.hcl", "other")))),
        ("a listing", |_, inputs| drop(inputs.listings.insert("x/*".to_owned(), Vec::new()))),
        ("a variable", |_, inputs| drop(inputs.variables.insert("v".into(), 2.into()))),
        ("env", |_, inputs| drop(inputs.env.insert("HOME".to_owned(), Some("/root".to_owned())))),
        ("env unset", |_, inputs| drop(inputs.env.insert("HOME".to_owned(), None))),
        ("env empty", |_, inputs| drop(inputs.env.insert("UNSET".to_owned(), Some(String::new())))),
        ("mode of a file", |_, inputs| {
            let main = inputs.files.get_mut("main.hcl");
            main.into_iter().for_each(|file| file.executable = true);
        }),
    ];
    let changes = || vec![change("a", 1, Action::Update)];
    let first = of(&plan_of(changes()), &inputs());
    for (what, edit) in edits {
        let (mut plan, mut inputs) = (plan_of(changes()), inputs());
        edit(&mut plan, &mut inputs);
        assert_ne!(of(&plan, &inputs), first, "{what}");
    }
}

#[test]
fn serial_times_identities_remarks_and_artefacts_do_not_move_it() {
    let edits: [Edit<OfInputs>; 14] = [
        ("serial", |plan, _| plan.serial = 99),
        ("version", |plan, _| plan.version = "0.1.9".to_owned()),
        ("time", |plan, _| plan.at = jiff::Timestamp::UNIX_EPOCH),
        ("read", |plan, _| plan.read = ReadCost { resources: 5, millis: 7 }),
        ("unchanged", |plan, _| plan.unchanged = 77),
        ("engines", |plan, _| drop(plan.engines.insert("docker".to_owned(), "29".to_owned()))),
        ("waves", |plan, _| plan.waves.clear()),
        ("warnings", |plan, _| plan.warnings.push("careful".to_owned())),
        ("identity", |plan, _| plan.changes[0].id = ResourceId::random()),
        ("artefact", |plan, _| plan.changes[0].artefact = None),
        ("note", |plan, _| plan.changes[0].notes.push(Note("a remark".to_owned()))),
        ("risk", |plan, _| plan.changes[0].risks.push(Risk { kind: RiskKind::DataLoss, text: "a remark".to_owned() })),
        ("timestamp", |_, inputs| inputs.timestamp = "2027-01-01T00:00:00Z".to_owned()),
        ("uuid", |_, inputs| drop(inputs.uuids.insert("main.hcl:1".to_owned(), "two".to_owned()))),
    ];
    let one = change("a", 1, Action::Update);
    let first = of(&plan_of(vec![one.clone()]), &inputs());
    for (what, edit) in edits {
        let (mut plan, mut inputs) = (plan_of(vec![one.clone()]), inputs());
        edit(&mut plan, &mut inputs);
        assert_eq!(of(&plan, &inputs), first, "{what}");
    }
}

#[test]
fn it_gives_no_secret_away() {
    let (one, other) = (DataKey::new([1; 32]), DataKey::new([2; 32]));
    let plan = plan_of(vec![change("a", 1, Action::Update)]);
    assert_ne!(super::digest(&plan, &inputs(), &one), super::digest(&plan, &inputs(), &other), "it hangs on the key");
}
