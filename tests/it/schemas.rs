//! Every document that leaves the process is as its schema in `state-schemas/` says, and the schemas are tight enough to tell.

use std::sync::Arc;
use std::time::Duration;

use deployctl::event::{Event, Events, Ledger, LedgerEntry, Outcome, Skip};
use deployctl::plan::Summary;
use deployctl::state::{
    Backend, DataKey, Deposed, Entry, Interrupted, KeptInputs, LockInfo, MemoryBackend, ProviderRef, Record, RunHeader,
    RunOutcome, Status, Store,
};
use deployctl_sdk::{Address, CapturedFile, ChildObject, Digest, Number, Object, Operation, ResourceId, Value};
use jiff::Timestamp;
use jsonschema::Validator;
use serde_json::Value as Json;

use super::context::Context;
use super::formats::closed;

fn schema(name: &str) -> Validator {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("state-schemas/{name}.v1.json"));
    let schema: Json = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    jsonschema::draft202012::meta::validate(&schema).unwrap_or_else(|error| panic!("{name}: {error}"));
    jsonschema::draft202012::new(&closed(&schema)).unwrap()
}

#[track_caller]
fn assert_valid(schema: &Validator, document: &Json) {
    let errors: Vec<String> =
        schema.iter_errors(document).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{document:#}\n{}", errors.join("\n"));
    if let Json::Object(members) = document {
        let mut more = members.clone();
        more.insert("unknown_member".to_owned(), Json::Null);
        assert!(!schema.is_valid(&Json::Object(more)), "anything passes");
    }
}

fn lines(bytes: &[u8]) -> Vec<Json> {
    let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_slice(line).unwrap()).collect()
}

/// A record that has everything a record can have.
fn full_record() -> Record {
    let object = Object {
        attributes: Value::map([
            ("text", Value::from("x")),
            ("fraction", Value::Number(Number::parse("0.25").unwrap())),
            ("secret", Value::from("hunter2").into_sensitive()),
            ("dollar", Value::map([("$key", Value::Null)])),
            ("later", Value::Unknown),
            ("deep", (0..60).fold(Value::from(1), |value, _| Value::list([value]))),
        ]),
        private: Value::map([("pid", Value::from(12))]),
        children: vec![ChildObject { kind: "service".into(), name: "web".into(), state: "running".into() }],
        captured: vec![CapturedFile {
            path: "page.html".into(),
            digest: Digest::of(b"page"),
            size: 4,
            executable: false,
        }],
    };
    Record {
        id: ResourceId::random(),
        type_name: "local_file".into(),
        schema_version: 1,
        provider: ProviderRef {
            name: "local".into(),
            alias: Some("other".into()),
            settings: Value::map([("a", Value::from(true))]),
        },
        object: Some(object.clone()),
        status: Status::Tainted,
        deposed: vec![Deposed { id: ResourceId::random(), object }],
        dependencies: vec![Address::new("value", "a")],
        create_first: true,
        prevent_destroy: true,
        host: Some("host".into()),
        created: Timestamp::now(),
        updated: Timestamp::UNIX_EPOCH,
    }
}

fn outcomes() -> Vec<Outcome> {
    let address = Address::new("value", "a");
    let skips = [
        Skip::Needs { address },
        Skip::Interrupted,
        Skip::FailFast,
        Skip::TimedOut,
        Skip::LockLost,
        Skip::NeedsApproval { action: "delete".into(), flag: None },
        Skip::NeedsApproval { action: "create".into(), flag: Some("--auto-approve".into()) },
        Skip::Stale { error: "its plan is stale".into() },
    ];
    let mut outcomes = vec![
        Outcome::Done,
        Outcome::Cancelled,
        Outcome::Failed { error: "no".into(), hint: Some("try".into()), detail: vec!["line".into()] },
        Outcome::Unhealthy { error: "503".into(), detail: Vec::new() },
    ];
    outcomes.extend(skips.map(|why| Outcome::NotStarted { why }));
    outcomes
}

fn ledger() -> Ledger {
    let entry = |outcome| LedgerEntry {
        address: Address::new("value", "a"),
        id: ResourceId::random(),
        operation: Operation::Replace,
        outcome,
        millis: 7,
    };
    Ledger { entries: Arc::new(outcomes().into_iter().map(entry).collect()), serial: 1 }
}

#[tokio::test]
async fn what_rests_is_as_its_schema_says() {
    let backend = Arc::new(MemoryBackend::new());
    let store = Store::open_on(backend.clone(), Some(DataKey::new([1; 32])));
    let lock = store.lock(LockInfo::of_this_process("apply"), Duration::ZERO, &Events::ignored()).await.unwrap();
    assert_valid(&schema("lock"), &serde_json::to_value(lock.info()).unwrap());

    let loaded = store.load().await.unwrap();
    let inputs = Some(store.blobs().put(b"inputs", true).await.unwrap());
    let kept = KeptInputs { inputs, files: [("main.hcl".to_owned(), Digest::of(b"main"))].into() };
    let header = RunHeader::new("apply", loaded.state.lineage, 0, Digest::of(b"plan"), kept.clone());
    let mut journal = store.begin(&lock, header, &loaded.state).await.unwrap();
    let (address, record) = (Address::new("local_file", "page"), full_record());
    let action = Interrupted {
        address: address.clone(),
        id: record.id,
        type_name: record.type_name.clone(),
        provider: record.provider.clone(),
        operation: Operation::Create,
        identity: Some(Value::from("out/page.html")),
        prior: Some(record.clone()),
        planned: Some(Record { object: None, ..record.clone() }),
    };
    journal.append(vec![Entry::Before(vec![action])]).await.unwrap();
    for outcome in outcomes() {
        let record = Some(Arc::new(record.clone()));
        let (address, id, operation) = (address.clone(), ResourceId::random(), Operation::Delete);
        journal.append(vec![Entry::After { address, id, operation, record, outcome, millis: 1 }]).await.unwrap();
    }
    let gone = Address::new("value", "gone");
    journal
        .append(vec![
            Entry::Refreshed(vec![(gone, None), (address.clone(), Some(Arc::new(record)))]),
            Entry::Outputs([("page".into(), Value::from("hunter2").into_sensitive())].into()),
            Entry::Inputs(kept),
            Entry::Rebased {
                lineage: loaded.state.lineage,
                serial: 0,
                engines: [("docker".to_owned(), "29".to_owned())].into(),
            },
        ])
        .await
        .unwrap();
    let outcome =
        RunOutcome { result: "ok".into(), ok: true, ledger: ledger(), summary: Summary::default(), changed: true };
    journal.append(vec![Entry::Finished { at: Timestamp::now(), outcome: outcome.clone() }]).await.unwrap();
    let written = backend.get("journal").await.unwrap().unwrap();
    let (schema_of_lines, written) = (schema("journal"), lines(&written));
    assert_eq!(written.len(), 4 + outcomes().len());
    written.iter().for_each(|line| assert_valid(&schema_of_lines, line));
    store.commit(&lock, journal, outcome).await.unwrap();

    for (name, path) in
        [("state", "state.json"), ("revision", "revisions/000000000001.json"), ("history-entry", "history.jsonl")]
    {
        let bytes = backend.get(path).await.unwrap().unwrap();
        let documents = lines(&bytes);
        assert_eq!(documents.len(), 1, "{path}");
        assert_valid(&schema(name), &documents[0]);
    }
}

#[test]
fn every_event_is_as_its_schema_says() {
    let schema = schema("event");
    let address = Address::new("value", "a");
    let mut events = vec![
        Event::ReadStarted { resources: 1 },
        Event::ReadFinished { resources: 1, millis: 2 },
        Event::Recovered { lines: vec!["line".into()] },
        Event::Notice { text: "text".into() },
        Event::ApplyStarted { digest: Digest::of(b"plan").to_string(), steps: 1, summary: Summary::default() },
        Event::StepStarted { address: address.clone(), operation: Operation::Update },
        Event::StepProgress { address: address.clone(), text: "half".into() },
        Event::StepRetried { address: address.clone(), attempt: 2, error: "no".into(), delay_millis: 10 },
        Event::HealthWaiting { address: address.clone(), probe: "http".into() },
        Event::PlannedLate { address: address.clone(), action: "create".into() },
        Event::Stopping { running: 1 },
        Event::ApplyFinished { ledger: ledger() },
        Event::RollbackStarted { actions: 1 },
    ];
    for outcome in outcomes() {
        let (address, operation) = (address.clone(), Operation::Delete);
        events.push(Event::StepFinished { address, operation, outcome, millis: 1 });
    }
    for event in &events {
        let document = deployctl::render::event::document(event, Timestamp::now());
        assert_valid(&schema, &serde_json::to_value(&document).unwrap());
    }
}

#[test]
fn plans_and_runs_are_as_their_schemas_say() {
    let context = Context::with(
        r#"
        variable "text" {
          type      = string
          default   = "hunter2"
          sensitive = true
        }
        resource "local_file" "a" {
          path    = "out/a"
          content = var.text
        }
        resource "value" "b" {
          input = local_file.a.path
        }
        output "b" { value = value.b.output }
        "#,
    );
    let (plan, event) = (schema("plan"), schema("event"));
    let run = |line: &str| {
        let output = context.command().args(line.split_whitespace()).output().unwrap();
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
        lines(&output.stdout)
    };
    let planned = run("plan --json -o plan.bin");
    assert!(!planned.is_empty());
    planned.iter().for_each(|document| assert_valid(&plan, document));
    run("show --json plan.bin").iter().for_each(|document| assert_valid(&plan, document));
    let applied = run("apply --json --auto-approve");
    assert!(applied.len() > 5);
    applied.iter().for_each(|document| assert_valid(&event, document));
    context.write("out/a", "drifted");
    run("plan --json").iter().for_each(|document| assert_valid(&plan, document));
    run("plan --json -refresh-only").iter().for_each(|document| assert_valid(&plan, document));
    run("destroy --json --auto-approve").iter().for_each(|document| assert_valid(&event, document));
    run("rollback --json --auto-approve --to 1").iter().for_each(|document| assert_valid(&event, document));
    for (name, file) in [("state", "state.json"), ("history-entry", "history.jsonl")] {
        let bytes = std::fs::read(context.file(&format!(".deployctl/default/{file}"))).unwrap();
        lines(&bytes).iter().for_each(|document| assert_valid(&schema(name), document));
    }
}
