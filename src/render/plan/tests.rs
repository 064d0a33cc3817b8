//! Plans as people see them, from plans built by hand.

use std::sync::Arc;
use std::time::{Duration, Instant};

use deployctl_sdk::{
    Action, Address, AttrPath, Child, Diff, Digest, Lineage, Note, Reason, ReplaceOrder, ResourceId, Risk, RiskKind,
    Value,
};

use super::*;
use crate::diagnostic::Position;
use crate::plan::{Mode, OutputChange, Plan, ReadCost, ResourceChange};
use crate::render::Look;
use crate::state::ProviderRef;

fn address(text: &str) -> Address {
    text.parse().unwrap()
}

fn change(text: &str, action: Action, reason: Reason) -> ResourceChange {
    let provider = ProviderRef { name: "sample".into(), alias: None, settings: Value::Null };
    ResourceChange::bare(address(text), ResourceId(uuid::Uuid::nil()), provider, action, reason)
}

fn differs(path: &str, before: Option<Value>, after: Option<Value>) -> Diff {
    let path = path.split('.').fold(AttrPath::root(), |path, key| path.key(key));
    Diff { path, before, after, forces_replacement: false }
}

fn text_value(text: &str) -> Option<Value> {
    Some(Value::from(text))
}

fn child(kind: &str, name: &str, action: Action, reason: &str, diffs: Vec<Diff>) -> Child {
    Child { kind: kind.into(), name: name.into(), action, reason: reason.into(), diffs }
}

fn empty() -> Plan {
    Plan {
        version: "0.1.0".into(),
        at: "2026-03-01T10:00:00Z".parse().unwrap(),
        mode: Mode::Normal,
        environment: "staging".into(),
        lineage: Lineage(uuid::Uuid::nil()),
        serial: 12,
        targets: Vec::new(),
        excludes: Vec::new(),
        unkept: Vec::new(),
        changes: Vec::new(),
        unchanged: 34,
        notes: Vec::new(),
        drift: Vec::new(),
        outputs: Vec::new(),
        waves: Vec::new(),
        read: ReadCost { resources: 41, millis: 312 },
        digest: Digest::of(b"sample"),
        engines: Default::default(),
        warnings: Vec::new(),
    }
}

fn container() -> ResourceChange {
    let reason = Reason::CannotUpdate { attributes: vec![AttrPath::of("image")] };
    let secret = |text: &str| Some(Value::from(text).into_sensitive());
    ResourceChange {
        diffs: vec![
            differs("image", text_value("sha256:1f3a92"), text_value("sha256:9c0d11")),
            differs("ip", text_value("10.5.0.4"), Some(Value::Unknown)),
            differs("env.DB_PASSWORD", secret("old-secret"), secret("new-secret")),
            differs(
                "command",
                Some(Value::list(["serve", "--port", "80"].map(Value::from))),
                Some(Value::list(["serve", "--port", "8080", "--verbose"].map(Value::from))),
            ),
        ],
        unchanged_attributes: 19,
        drift: vec![differs("memory", text_value("512 MiB"), text_value("1 GiB"))],
        risks: vec![Risk {
            kind: RiskKind::Interrupts,
            text: "host port 8080 is fixed, so the old one stops first".into(),
        }],
        position: Some(Position { path: "shop.hcl".into(), line: 31, column: 1 }),
        ..change("docker_container.api", Action::Replace(ReplaceOrder::DeleteFirst), reason)
    }
}

fn file() -> ResourceChange {
    let before = "# settings\nport = 80\nworkers = 2\nlog = true\n";
    ResourceChange {
        diffs: vec![differs("content", text_value(before), text_value(&before.replace("= 2", "= 4")))],
        unchanged_attributes: 2,
        ..change("local_file.settings", Action::Update, Reason::Changed)
    }
}

fn created() -> ResourceChange {
    ResourceChange {
        diffs: vec![
            differs("args", None, Some(Value::list(["-m", "http.server"].map(Value::from)))),
            differs("command", None, text_value("python3")),
            differs("pid", None, Some(Value::Unknown)),
            differs("script", None, text_value("#!/bin/sh\necho \u{1b}[31mred\n")),
            differs("token", None, Some(Value::from("hunter2").into_sensitive())),
        ],
        notes: vec![Note("it will listen on every address".into())],
        ..change("local_process.worker[\"a b\"]", Action::Create, Reason::New)
    }
}

fn everything() -> Plan {
    let image = "spec.template.spec.image";
    let volume = ResourceChange {
        risks: vec![Risk { kind: RiskKind::DataLoss, text: String::new() }],
        ..change("docker_volume.cache", Action::Delete, Reason::NotConfigured)
    };
    let compose = ResourceChange {
        children: vec![
            child("service", "db", Action::NoOp, "", vec![]),
            child(
                "service",
                "grafana",
                Action::Update,
                "recreated",
                vec![differs("environment.GF_LOG_LEVEL", text_value("info"), text_value("debug"))],
            ),
            child("service", "prometheus", Action::NoOp, "", vec![]),
        ],
        ..change("compose_project.monitoring", Action::Update, Reason::Changed)
    };
    let web = ResourceChange {
        children: vec![
            child(
                "Deployment",
                "shop/web",
                Action::Update,
                "",
                vec![differs(image, text_value("web:1.4"), text_value("web:1.5"))],
            ),
            child("ConfigMap", "shop/old", Action::Delete, "no longer in the manifests", vec![]),
        ],
        ..change("kubernetes_manifests.web", Action::Update, Reason::Changed)
    };
    let waits = Reason::DependsOn { what: "its inventory is terraform_module.network.outputs.hosts".into() };
    let changes = vec![
        file(),
        container(),
        compose,
        web,
        created(),
        change("ansible_playbook.hosts", Action::Deferred, waits),
        volume,
        change("value.gone", Action::Delete, Reason::KeyGone),
    ];
    Plan {
        changes,
        drift: vec![(address("docker_container.db"), vec![differs("labels.team", None, text_value("x"))])],
        notes: vec![(address("local_command.migrate"), Note("ran on another host".into()))],
        outputs: vec![
            OutputChange { name: "url".into(), before: text_value("http://a"), after: Some(Value::Unknown) },
            OutputChange { name: "key".into(), before: None, after: Some(Value::from("s").into_sensitive()) },
        ],
        waves: vec![vec![0, 2, 4], vec![1, 3], vec![5], vec![6, 7]],
        engines: Default::default(),
        warnings: vec!["terraform 1.9 made the state, and 1.11 is here".into()],
        ..empty()
    }
}

const FRAME: Frame<'static> = Frame { name: Some("shop"), backend: Some("local"), saved: None };

#[test]
fn a_plan_as_text() {
    insta::assert_snapshot!(text(&everything(), FRAME, Look::plain()));
}

#[test]
fn a_saved_plan_in_colour_on_a_narrow_terminal() {
    let plan = Plan { changes: vec![container()], waves: vec![vec![0]], ..empty() };
    let shown = text(&plan, Frame { saved: Some("plan.bin"), ..FRAME }, Look { color: true, width: 60, cuts: true });
    insta::assert_snapshot!(shown.replace('\u{1b}', "^"));
}

#[test]
fn a_plan_as_markdown() {
    insta::assert_snapshot!(markdown::markdown(&everything(), FRAME));
}

#[test]
fn a_plan_as_json() {
    let document: serde_json::Value = serde_json::from_str(&json::text(&everything()).unwrap()).unwrap();
    insta::assert_snapshot!(serde_json::to_string_pretty(&document).unwrap());
}

#[test]
fn nothing_to_change_is_one_line() {
    insta::assert_snapshot!(text(&empty(), FRAME, Look::plain()), @"No changes. 34 resources are as configured.");
    let destroyed = Plan { mode: Mode::Destroy, unchanged: 0, ..empty() };
    insta::assert_snapshot!(text(&destroyed, FRAME, Look::plain()), @"No changes. There is nothing to destroy.");
}

#[test]
fn a_destroy_lists_what_goes() {
    let changes = (0..4)
        .map(|index| {
            let mut gone = change(&format!("value.item[{index}]"), Action::Delete, Reason::Destroy);
            if index == 2 {
                gone.risks.push(Risk { kind: RiskKind::DataLoss, text: "its files are not kept anywhere".into() });
            }
            gone
        })
        .collect();
    let plan = Plan { mode: Mode::Destroy, changes, unchanged: 0, waves: vec![vec![0, 1, 2, 3]], ..empty() };
    insta::assert_snapshot!(text(&plan, FRAME, Look::plain()));
}

#[test]
fn no_form_shows_a_secret() {
    let plan = everything();
    for shown in [
        text(&plan, FRAME, Look::plain()),
        markdown::markdown(&plan, FRAME),
        json::text(&plan).unwrap(),
        format!("{plan:?}"),
    ] {
        for secret in ["old-secret", "new-secret", "hunter2"] {
            assert!(!shown.contains(secret));
        }
        assert!(!shown.contains('\u{1b}'));
    }
}

/// A plan of so many changes of all sorts.
fn large(count: usize) -> Plan {
    let kinds = [Action::Create, Action::Update, Action::Delete, Action::Replace(ReplaceOrder::CreateFirst)];
    let changes = (0..count)
        .map(|index| ResourceChange {
            diffs: vec![differs("input", text_value("before"), text_value("after"))],
            drift: vec![differs("input", text_value("before"), text_value("other"))],
            ..change(&format!("value.item[{index}]"), kinds[index % kinds.len()], Reason::Tainted)
        })
        .collect();
    Plan { changes, waves: vec![(0..count).collect()], ..empty() }
}

#[test]
fn large_plans_take_time_in_proportion() {
    let took = |count: usize| {
        let plan = large(count);
        let start = Instant::now();
        let shown = text(&plan, FRAME, Look::plain());
        assert!(shown.len() > count * 50);
        assert!(markdown::markdown(&plan, FRAME).len() < 65_536);
        assert!(json::text(&plan).unwrap().len() > count * 100);
        start.elapsed()
    };
    let (small, large) = (took(2_000), took(20_000));
    assert!(large < small * 40 + Duration::from_millis(200), "{small:?} for 2,000 and {large:?} for 20,000");
}

#[test]
fn one_enormous_attribute_is_bounded() {
    let long = |end: &str| text_value(&format!("{}{end}", "a".repeat(10_000_000)));
    let lines = |word: &str| text_value(&format!("{word}\n").repeat(500_000));
    let changed = ResourceChange {
        diffs: vec![
            differs("line", long("before"), long("after")),
            differs("text", lines("one"), lines("two")),
            differs("list", None, Some(Value::list((0..1_000_000).map(Value::from)))),
        ],
        ..change("value.large", Action::Update, Reason::Changed)
    };
    let plan = Plan { changes: vec![changed], ..empty() };
    let start = Instant::now();
    let shown = text(&plan, FRAME, Look::plain());
    assert!(shown.len() < 10_000, "{}", shown.len());
    assert!(start.elapsed() < Duration::from_secs(20));
    let _: Arc<str> = shown.into();
}
