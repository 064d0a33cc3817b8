//! The store's behaviour from outside: on a real folder, and on a disk that fails on request.

mod retention;

use std::sync::Arc;
use std::time::Duration;

use deployctl_sdk::{Address, Object, Operation, ResourceId, Value};
use jiff::Timestamp;
use proptest::prelude::*;

use super::local::Local;
use super::*;
use crate::error::{ErrorKind, Result};
use crate::event::{Event, Events, Ledger, LedgerEntry, Outcome};
use crate::plan::Summary;

fn record(input: Value) -> Record {
    Record {
        id: ResourceId::random(),
        type_name: "value".into(),
        schema_version: 1,
        provider: ProviderRef { name: "value".into(), alias: None, settings: Value::Null },
        object: Some(Object::new(Value::map([("input", input)]))),
        status: Status::Ready,
        deposed: Vec::new(),
        dependencies: vec![Address::new("value", "other")],
        create_first: false,
        prevent_destroy: false,
        host: None,
        created: Timestamp::UNIX_EPOCH,
        updated: Timestamp::UNIX_EPOCH,
    }
}

fn before(address: &Address, record: &Record) -> Entry {
    Entry::Before(vec![Interrupted {
        address: address.clone(),
        id: record.id,
        type_name: record.type_name.clone(),
        provider: record.provider.clone(),
        operation: Operation::Create,
        identity: Some(Value::from("name")),
        prior: None,
        planned: Some(Record { object: None, ..record.clone() }),
    }])
}

fn after(address: &Address, record: &Record) -> Entry {
    Entry::After {
        address: address.clone(),
        id: record.id,
        operation: Operation::Create,
        record: Some(Arc::new(record.clone())),
        outcome: Outcome::Done,
        millis: 3,
    }
}

fn outcome(address: &Address, record: &Record) -> RunOutcome {
    let entry = LedgerEntry {
        address: address.clone(),
        id: record.id,
        operation: Operation::Create,
        outcome: Outcome::Done,
        millis: 3,
    };
    RunOutcome {
        result: "ok".to_owned(),
        ok: true,
        ledger: Ledger { entries: Arc::new(vec![entry]), serial: 0 },
        summary: Summary { create: 1, ..Summary::default() },
        changed: true,
    }
}

/// A resource named after a number, with a secret.
fn resource(number: u64) -> (Address, Record) {
    let secret = Value::from(format!("hunter{number}")).into_sensitive();
    (Address::new("value", format!("r{number}")), record(Value::list([Value::from("text"), secret])))
}

async fn locked(store: &Store) -> Result<Lock> {
    store.lock(LockInfo::of_this_process("apply"), Duration::ZERO, &Events::ignored()).await
}

/// A whole run that makes one resource.
async fn run(store: &Store, (address, made): &(Address, Record)) -> Result<State> {
    let lock = locked(store).await?;
    let loaded = store.load().await?;
    let loaded = match loaded.run.is_some() {
        true => {
            store.recover_journal(&lock, loaded, Vec::new()).await?;
            store.load().await?
        }
        false => loaded,
    };
    let inputs = Some(store.blobs().put(b"inputs", true).await?);
    let kept = KeptInputs { inputs, ..KeptInputs::default() };
    let digest = deployctl_sdk::Digest::of(b"plan");
    let header = RunHeader::new("apply", loaded.state.lineage, loaded.state.serial, digest, kept);
    let mut journal = store.begin(&lock, header, &loaded.state).await?;
    journal.append(vec![before(address, made)]).await?;
    journal.append(vec![after(address, made)]).await?;
    let state = store.commit(&lock, journal, outcome(address, made)).await?;
    lock.release().await?;
    Ok(state)
}

fn written(state: &State, key: &DataKey) -> Vec<u8> {
    let mut body = Vec::new();
    codec::write_state(state, None, key, &mut body).unwrap();
    body
}

fn memory() -> (Arc<MemoryBackend>, Store) {
    let backend = Arc::new(MemoryBackend::new());
    (backend.clone(), Store::open_on(backend, Some(DataKey::new([7; 32]))))
}

struct Folder {
    folder: tempfile::TempDir,
    store: Store,
}

fn folder() -> Folder {
    let folder = tempfile::tempdir().unwrap();
    let store = on(folder.path(), None);
    Folder { folder, store }
}

fn on(folder: &std::path::Path, key: Option<DataKey>) -> Store {
    Store::open_on(Arc::new(Local::new(&folder.join(".deployctl"), "default")), key)
}

#[tokio::test]
async fn a_run_leaves_state_revision_and_history_and_no_secret() {
    let Folder { store, folder } = &folder();
    assert!(!store.load().await.unwrap().exists);
    assert!(!folder.path().join(".deployctl").exists(), "looking writes nothing");
    let state = run(store, &resource(1)).await.unwrap();

    let again = on(folder.path(), None);
    let loaded = again.load().await.unwrap();
    assert_eq!((&loaded.state, loaded.exists, loaded.run), (&state, true, None));
    let revision = again.revision(1).await.unwrap().unwrap();
    assert_eq!(again.state_of(&revision).await.unwrap(), state);
    assert_eq!(again.history().await.unwrap()[0].actions.len(), 1);
    assert!(again.locks().await.unwrap().is_empty());
    let environment = folder.path().join(".deployctl/default");
    assert!(!environment.join("journal").exists());
    for file in ["state.json", "history.jsonl", "revisions/000000000001.json"] {
        let text = deployctl_sdk::fs::read_to_string(&environment.join(file)).unwrap();
        assert!(!text.contains("hunter"), "{file}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn nobody_else_can_read_what_is_written() {
    use std::os::unix::fs::PermissionsExt as _;
    let Folder { store, folder } = &folder();
    run(store, &resource(1)).await.unwrap();
    let mut paths = vec![folder.path().join(".deployctl")];
    while let Some(path) = paths.pop() {
        let mode = path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode & 0o077, 0, "{} has mode {mode:o}", path.display());
        if path.is_dir() {
            paths.extend(deployctl_sdk::fs::read_dir(&path).unwrap());
        }
    }
}

/// Every write of two runs, each way it can go wrong: afterwards the next run goes on from the truth, and nothing that was
/// acknowledged is lost or done twice.
#[tokio::test]
async fn a_crash_at_any_write_loses_nothing_and_repeats_nothing() {
    let (backend, store) = memory();
    run(&store, &resource(1)).await.unwrap();
    let first = backend.writes();
    run(&store, &resource(2)).await.unwrap();
    let total = backend.writes();
    assert!(total - first >= 7, "{first} {total}");
    let ways = [Kept::Nothing, Kept::Part(1), Kept::Part(100), Kept::Whole].map(Fault::Crash);
    for write in 0..total {
        for way in ways {
            crash_and_go_on(write, way).await;
        }
    }
}

async fn crash_and_go_on(write: u64, way: Fault) {
    let case = format!("write {write}, {way:?}");
    let (backend, store) = memory();
    backend.fail(write, way);
    let (one, two, three) = (resource(1), resource(2), resource(3));
    let mut known = None;
    for made in [&one, &two] {
        match run(&store, made).await {
            Ok(state) => known = Some(state),
            Err(_) => break,
        }
    }
    backend.restart();
    let store = Store::open_on(backend.clone(), Some(DataKey::new([7; 32])));
    let seen = store.load().await.unwrap();
    if let Some(known) = &known {
        assert!(
            known.records.iter().all(|(address, record)| seen.state.records.get(address) == Some(record)),
            "{case}"
        );
        assert_eq!(known.lineage, seen.state.lineage, "{case}");
    }
    for interrupted in &seen.interrupted {
        assert!(!seen.state.records.contains_key(&interrupted.address), "{case}");
        assert_eq!(interrupted.identity, Some(Value::from("name")), "{case}");
    }
    let state = run(&store, &three).await.unwrap();
    assert!(seen.state.records.keys().all(|address| state.records.contains_key(address)), "{case}");
    assert!(state.records.contains_key(&three.0), "{case}");
    let loaded = store.load().await.unwrap();
    assert_eq!((loaded.state, loaded.run), (state.clone(), None), "{case}");
    let history = store.history().await.unwrap();
    let mut serials: Vec<u64> = history.iter().map(|entry| entry.serial).collect();
    assert_eq!(serials, (1..=state.serial).collect::<Vec<_>>(), "{case}: one line for each serial");
    serials.clear();
    let revisions = store.revisions().await.unwrap();
    serials.extend(revisions.iter().map(|revision| revision.serial));
    // What was killed before it had done anything has its line, and nothing to go back to.
    let did = history.iter().filter(|entry| !entry.actions.is_empty()).map(|entry| entry.serial);
    assert_eq!(serials, did.collect::<Vec<_>>(), "{case}: one revision for each run that did something");
    assert_eq!(store.state_of(revisions.last().unwrap()).await.unwrap(), state, "{case}");
}

#[tokio::test]
async fn a_full_or_read_only_disk_loses_nothing() {
    let (backend, store) = memory();
    run(&store, &resource(1)).await.unwrap();
    let first = backend.writes();
    run(&store, &resource(2)).await.unwrap();
    for write in first..backend.writes() {
        for fault in [Fault::Full(0), Fault::Full(30), Fault::ReadOnly] {
            let (backend, store) = memory();
            let (one, two) = (resource(1), resource(2));
            let known = run(&store, &one).await.unwrap();
            backend.fail(write, fault);
            let error = run(&store, &two).await.unwrap_err();
            assert!(error.message.contains("memory:"), "{error}");
            let seen = store.load().await.unwrap().state;
            assert_eq!(seen.records.get(&one.0), known.records.get(&one.0));
            let state = run(&store, &two).await.unwrap();
            assert_eq!(state.records.len(), 2, "write {write} {fault:?}");
        }
    }
}

#[tokio::test]
async fn a_failed_append_leaves_room_for_the_next() {
    let (backend, store) = memory();
    let lock = locked(&store).await.unwrap();
    let loaded = store.load().await.unwrap();
    let digest = deployctl_sdk::Digest::of(b"plan");
    let header = RunHeader::new("apply", loaded.state.lineage, 0, digest, KeptInputs::default());
    let mut journal = store.begin(&lock, header, &loaded.state).await.unwrap();
    let (address, made) = resource(1);
    backend.fail(backend.writes(), Fault::Full(50));
    assert!(journal.append(vec![before(&address, &made)]).await.is_err());
    journal.append(vec![before(&address, &made)]).await.unwrap();
    assert_eq!(store.load().await.unwrap().interrupted.len(), 1);
}

/// Flips every bit of a file; `accepted` says what else than a refusal may come of it.
async fn flip_every_bit(path: &str, backend: &MemoryBackend, mut accepted: impl AsyncFnMut(usize) -> bool) {
    let mut bit = 0;
    while backend.flip(path, bit) {
        assert!(accepted(bit).await, "bit {bit} of {path} was believed");
        backend.flip(path, bit);
        bit += 1;
    }
    assert!(bit > 500, "{path} is there");
}

#[tokio::test]
async fn a_flipped_bit_is_never_believed() {
    let (backend, store) = memory();
    run(&store, &resource(1)).await.unwrap();
    run(&store, &resource(2)).await.unwrap();
    flip_every_bit("state.json", &backend, async |_| store.load().await.is_err()).await;
    flip_every_bit("history.jsonl", &backend, async |_| store.history().await.is_err()).await;
    flip_every_bit("revisions/000000000002.json", &backend, async |_| store.revision(2).await.is_err()).await;
    assert!(store.load().await.is_ok());
}

#[tokio::test]
async fn a_flipped_bit_of_a_captured_content_never_changes_it() {
    let (backend, store) = memory();
    run(&store, &resource(1)).await.unwrap();
    let plain = store.blobs().put(b"a text of some length, a text of some length", false).await.unwrap();
    let sealed = store.blobs().put(b"a secret of some length", true).await.unwrap();
    for digest in [plain, sealed] {
        let whole = store.blobs().get(&digest).await.unwrap();
        // A bit that unpacking does not look at changes nothing.
        let safe = async || store.blobs().get(&digest).await.map_or(true, |read| read == whole);
        let path = blobs::path_of(&digest);
        let mut bit = 0;
        while backend.flip(&path, bit) {
            assert!(safe().await, "bit {bit} of {path} was believed");
            backend.flip(&path, bit);
            bit += 1;
        }
        assert!(bit > 200);
    }
}

#[tokio::test]
async fn a_shared_place_keeps_no_key_and_takes_no_secret_without_one() {
    let backend = Arc::new(MemoryBackend::shared());
    let store = Store::open_on(backend.clone(), None);
    let error = run(&store, &resource(1)).await.unwrap_err();
    assert!(error.message.contains("no data key"), "{error}");
    assert!(error.hint.as_deref().unwrap().contains(STATE_KEY_VARIABLE), "{error:?}");
    assert_eq!(Backend::list(&*backend, "").await.unwrap(), [""; 0], "something was written all the same");
    let store = Store::open_on(backend, Some(DataKey::new([7; 32])));
    run(&store, &resource(1)).await.unwrap();
}

#[tokio::test]
async fn a_flipped_bit_of_the_journal_costs_at_most_its_last_line() {
    let (backend, store) = memory();
    let lock = locked(&store).await.unwrap();
    let loaded = store.load().await.unwrap();
    let digest = deployctl_sdk::Digest::of(b"plan");
    let header = RunHeader::new("apply", loaded.state.lineage, 0, digest, KeptInputs::default());
    let mut journal = store.begin(&lock, header, &loaded.state).await.unwrap();
    let (one, two) = (resource(1), resource(2));
    journal.append(vec![after(&one.0, &one.1)]).await.unwrap();
    let whole = store.load().await.unwrap().state;
    journal.append(vec![after(&two.0, &two.1)]).await.unwrap();
    let bytes = Backend::get(&*backend, "journal").await.unwrap().unwrap();
    let last = bytes[..bytes.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
    flip_every_bit("journal", &backend, async |bit| match store.load().await {
        Err(_) => true,
        Ok(loaded) => bit >= last * 8 && loaded.state == whole,
    })
    .await;
}

#[tokio::test]
async fn without_the_right_key_it_is_named_what_cannot_be_opened() {
    let (backend, store) = memory();
    run(&store, &resource(1)).await.unwrap();
    run(&store, &resource(2)).await.unwrap();
    let other = Store::open_on(backend.clone(), Some(DataKey::new([8; 32])));
    let error = other.load().await.unwrap_err();
    assert_eq!(error.detail.len(), 2);
    assert!(error.detail[0].starts_with("value.r1: ") && error.detail[0].contains("data key"), "{error:?}");
    assert!(error.hint.as_deref().unwrap().contains(STATE_KEY_VARIABLE));
    let none = Store::open_on(backend, None);
    let error = none.load().await.unwrap_err();
    assert!(error.detail[0].contains("there is no data key"), "{error:?}");
    assert!(!format!("{error:?}").contains("hunter"));
}

#[tokio::test]
async fn edits_are_recorded_and_refused_in_the_middle_of_an_unsettled_run() {
    let (_, store) = memory();
    let state = run(&store, &resource(1)).await.unwrap();
    let lock = locked(&store).await.unwrap();
    let mut edited = state.clone();
    let record = edited.records.pop_first().unwrap().1;
    edited.records.insert(Address::new("value", "moved"), record);
    let saved = store.save(&lock, edited.clone(), "state mv").await.unwrap();
    assert_eq!((saved.serial, &saved.records), (2, &edited.records));
    assert_eq!(store.load().await.unwrap().state, saved);
    assert_eq!(store.history().await.unwrap().last().unwrap().command, "state mv");

    let digest = deployctl_sdk::Digest::of(b"plan");
    let stale = RunHeader::new("apply", saved.lineage, 1, digest, KeptInputs::default());
    assert_eq!(store.begin(&lock, stale, &state).await.err().unwrap().kind, ErrorKind::Stale);
    let header = RunHeader::new("apply", saved.lineage, 2, digest, KeptInputs::default());
    drop(store.begin(&lock, header.clone(), &saved).await.unwrap());
    assert!(store.save(&lock, edited, "state mv").await.unwrap_err().message.contains("not settled"));
    assert!(store.begin(&lock, header, &saved).await.is_err());
}

#[tokio::test]
async fn a_run_whose_lock_was_broken_writes_nothing_into_the_next_ones_journal() {
    let Folder { store, .. } = &folder();
    let lock = locked(store).await.unwrap();
    let loaded = store.load().await.unwrap();
    let digest = deployctl_sdk::Digest::of(b"plan");
    let header = RunHeader::new("apply", loaded.state.lineage, 0, digest, KeptInputs::default());
    let mut journal = store.begin(&lock, header, &loaded.state).await.unwrap();
    store.unlock(lock.info().id).await.unwrap();
    assert_eq!(lock.check().await.unwrap_err().kind, ErrorKind::Locked);
    let made = resource(1);
    run(store, &made).await.unwrap();
    let error = journal.append(vec![after(&made.0, &made.1)]).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Locked);
    assert!(store.commit(&lock, journal, outcome(&made.0, &made.1)).await.is_err());
    assert_eq!(store.load().await.unwrap().state.serial, 2, "the interrupted run and the next one");
}

#[tokio::test]
async fn a_held_lock_names_its_holder() {
    for store in [folder().store, memory().1] {
        let lock = locked(&store).await.unwrap();
        let error = locked(&store).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Locked);
        assert!(error.message.contains(&lock.info().host), "{error}");
        assert!(error.hint.unwrap().contains(&format!("state unlock {}", lock.info().id)));
        assert_eq!(store.locks().await.unwrap().len(), 1);
        assert!(store.unlock(deployctl_sdk::source::uuid()).await.is_err());
        drop(lock);
        assert!(store.locks().await.unwrap().is_empty());
        locked(&store).await.unwrap().release().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_that_race_for_a_dead_ones_lock_one_wins() {
    let Folder { folder, .. } = &folder();
    let environment = folder.path().join(".deployctl/default");
    for _ in 0..20 {
        deployctl_sdk::fs::create_dir_all(&environment).unwrap();
        let dead = serde_json::to_vec(&LockInfo::of_this_process("apply")).unwrap();
        deployctl_sdk::fs::write_atomic(&environment.join("lock"), &dead, 0o600).unwrap();
        let notices = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let racers = (0..8).map(|_| {
            let (store, notices) = (on(folder.path(), None), notices.clone());
            tokio::spawn(async move {
                let events = Events::to(move |event| {
                    assert!(matches!(event, Event::Notice { text } if text.contains("is gone")));
                    notices.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                });
                store.lock(LockInfo::of_this_process("apply"), Duration::ZERO, &events).await
            })
        });
        let outcomes = futures_util::future::join_all(racers).await;
        let held: Vec<_> = outcomes.into_iter().filter_map(|outcome| outcome.unwrap().ok()).collect();
        assert_eq!((held.len(), notices.load(std::sync::atomic::Ordering::Relaxed)), (1, 1));
    }
}

#[tokio::test]
async fn a_copy_has_everything() {
    let (from, to) = (folder(), folder());
    let state = run(&from.store, &resource(1)).await.unwrap();
    from.store.copy_to(&to.store).await.unwrap();
    assert_eq!(to.store.load().await.unwrap().state, state);
    assert_eq!(to.store.history().await.unwrap(), from.store.history().await.unwrap());
    assert!(from.store.copy_to(&to.store).await.is_err());
}

#[test]
fn a_large_state_is_read_in_one_stream() {
    let mut state = State::new(deployctl_sdk::Lineage::random());
    state.records = (0..5_000).map(resource).map(|(address, record)| (address, Arc::new(record))).collect();
    let key = DataKey::new([1; 32]);
    let body = written(&state, &key);
    assert_eq!(codec::read_state(&body, &key).unwrap().state, state);
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[$a-z]{0,3}", inner.clone(), 0..4).prop_map(Value::map),
            inner.prop_map(Value::into_sensitive),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_state_is_read_as_it_was_written(
        records in prop::collection::btree_map("[a-z]{1,6}", values(), 0..6),
        outputs in prop::collection::btree_map("[a-z]{1,6}", values(), 0..3),
    ) {
        let mut state = State::new(deployctl_sdk::Lineage::random());
        state.records = records
            .into_iter()
            .map(|(name, value)| (Address::new("value", name), Arc::new(record(value))))
            .collect();
        state.outputs = outputs.into_iter().map(|(name, value)| (name.into(), value)).collect();
        let key = DataKey::new([1; 32]);
        let body = written(&state, &key);
        prop_assert_eq!(codec::read_state(&body, &key).unwrap().state, state);
    }
}
