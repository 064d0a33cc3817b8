//! What a record stands for through moves, upgrades, other hosts and destroys.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use deployctl::event::Event;
use deployctl::state::{Record, State};
use deployctl_sdk::sim::CrashPoints;
use deployctl_sdk::{ErrorKind as Why, ProviderSchema, Value};

use crate::bent::Bend;
use crate::context::{Context, actions, address, destroy, object, told};

/// Edits the state by hand, as `deployctl state` does.
async fn edit(context: &Context, change: impl FnOnce(&mut State)) {
    let project = context.project().await;
    let session = project.lock("state edit", Duration::ZERO, None).await.unwrap();
    let mut state = session.current.state.clone();
    change(&mut state);
    project.store().save(&session.lock, state, "state edit").await.unwrap();
    session.lock.release().await.unwrap();
}

fn record<'s>(state: &'s mut State, name: &str) -> &'s mut Record {
    Arc::make_mut(state.records.get_mut(&address(name)).unwrap())
}

/// Renames an attribute of the record, and of it alone.
fn respell(record: &mut Record, from: &str, to: &str) {
    let object = record.object.as_mut().unwrap();
    let mut attributes = object.attributes.as_map().cloned().unwrap();
    let value = attributes.remove(from).unwrap();
    attributes.insert(to.into(), value);
    object.attributes = Value::from(attributes);
}

const SECOND: fn(&mut ProviderSchema) = |schema| schema.resources.iter_mut().for_each(|one| one.version = 2);

#[tokio::test(start_paused = true)]
async fn a_record_of_an_older_schema_is_brought_up_and_stays_so() {
    let mut context = Context::new(&object("a", "color = \"red\""));
    context.apply().await;
    edit(&context, |state| respell(record(state, "sim_object.a"), "color", "colour")).await;
    context.schema = SECOND;
    context.settled().await;
    assert_eq!(context.record("sim_object.a").await.unwrap().schema_version, 1, "a plan writes nothing");
    context.main(&format!("{}{}", object("a", "color = \"red\""), object("b", "")));
    context.apply().await;
    let record = context.record("sim_object.a").await.unwrap();
    assert_eq!(record.schema_version, 2);
    let attributes = &record.object.as_ref().unwrap().attributes;
    assert_eq!(attributes.get("color").and_then(Value::as_str), Some("red"));
    assert_eq!(attributes.get("colour"), None);
    context.settled().await;
}

#[tokio::test(start_paused = true)]
async fn what_an_older_version_was_interrupted_at_is_brought_up_too() {
    let mut context = Context::new(&object("a", "color = \"red\""));
    context.apply().await;
    edit(&context, |state| respell(record(state, "sim_object.a"), "color", "colour")).await;
    context.script.always("delete sim_object.a", Bend::Slow(Duration::from_secs(600)));
    {
        let request = destroy();
        let interrupt = deployctl::apply::Interrupt::new();
        // Killed in the middle: dropped without a word.
        let run = context.try_apply(&request, &interrupt);
        assert!(tokio::time::timeout(Duration::from_secs(5), run).await.is_err());
    }
    context.script.mend();
    context.schema = SECOND;
    context.apply().await;
    context.settled().await;
    assert_eq!(context.record("sim_object.a").await.unwrap().schema_version, 2);
    assert_eq!(context.names(), ["a"]);
}

#[tokio::test(start_paused = true)]
async fn a_record_of_a_newer_schema_or_without_a_way_up_is_refused() {
    let mut context = Context::new(&object("a", ""));
    context.apply().await;
    edit(&context, |state| record(state, "sim_object.a").schema_version = 7).await;
    let error = context.try_plan(&Default::default()).await.err().unwrap();
    assert!(told(&error).contains("newer deployctl"), "{}", told(&error));
    edit_raw_version(&mut context).await;
}

/// Version 1 without a `colour`: the provider knows no way from there.
async fn edit_raw_version(context: &mut Context) {
    let other = Context::new(&object("a", ""));
    other.apply().await;
    let mut other = other;
    other.schema = SECOND;
    let error = other.try_plan(&Default::default()).await.err().unwrap();
    let text = told(&error);
    assert!(text.contains("sim_object.a") && text.contains("has no colour") && text.contains("state rm"), "{text}");
    context.schema = |_| {};
}

#[tokio::test(start_paused = true)]
async fn moving_a_record_changes_nothing_real() {
    let context = Context::new(&object("a", "size = 3"));
    context.apply().await;
    let before = context.world.things();
    edit(&context, |state| {
        let moved = state.records.remove(&address("sim_object.a")).unwrap();
        state.records.insert(address("sim_object.b"), moved);
    })
    .await;
    context.main(&object("a", "size = 3").replace("\"sim_object\" \"a\"", "\"sim_object\" \"b\""));
    context.settled().await;
    assert_eq!(context.world.things(), before);
    context.apply_with(&destroy()).await;
    assert!(context.names().is_empty(), "it is still ours, wherever the record is");
}

#[tokio::test(start_paused = true)]
async fn what_lives_on_another_host_is_not_checkable_here() {
    let mut context = Context::new(&object("a", "size = 1"));
    context.schema = |schema| schema.resources.iter_mut().for_each(|one| one.host_bound = true);
    context.apply().await;
    assert!(context.record("sim_object.a").await.unwrap().host.is_some());
    edit(&context, |state| record(state, "sim_object.a").host = Some("far-away".to_owned())).await;
    // Gone for all that can be seen from here, and yet not made anew.
    context.world.remove(1);
    let plan = context.plan().await;
    assert!(actions(&plan).is_empty(), "{:?}", actions(&plan));
    let said = format!("{:?}", plan.notes);
    assert!(said.contains("far-away") && said.contains("cannot be checked"), "{said}");
    for (text, request) in [(object("a", "size = 2"), Default::default()), (String::new(), destroy())] {
        context.main(&text);
        let error = context.try_plan(&request).await.err().unwrap();
        assert!(told(&error).contains("far-away"), "{}", told(&error));
    }
}

#[tokio::test(start_paused = true)]
async fn the_lineage_is_fixed_by_the_first_run_and_survives_a_destroy() {
    let context = Context::new(&object("a", ""));
    context.script.once("create sim_object.a", Bend::Fails(Why::Refused));
    let first = context.run().await.state.lineage;
    assert_eq!(context.apply().await.state.lineage, first, "even if all of it failed");
    let mark = context.world.things().into_values().next().unwrap().mark.unwrap();
    assert_eq!(mark.lineage, first);
    assert_eq!(context.apply_with(&destroy()).await.state.lineage, first);
    assert_eq!(context.apply().await.state.lineage, first);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_found_again_runs_again_and_that_is_said() {
    let context = Context::new(&object("a", ""));
    let points = CrashPoints::at(2);
    context.world.begin_run(points.clone());
    let (request, interrupt) = (Default::default(), deployctl::apply::Interrupt::new());
    tokio::select! {
        _ = context.try_apply(&request, &interrupt) => panic!("it was not killed"),
        () = points.crashed() => {}
    }
    context.world.begin_run(CrashPoints::never());
    context.script.inner().cannot_tell = true;
    context.events.lock().unwrap().clear();
    assert_eq!(actions(&context.plan().await), ["+ sim_object.a new"]);
    let events = context.events.lock().unwrap().clone();
    let lines: Vec<&String> = events
        .iter()
        .filter_map(|event| match event {
            Event::Recovered { lines } => Some(lines),
            _ => None,
        })
        .flatten()
        .collect();
    assert_eq!(lines.len(), 1);
    assert!(lines[0].contains("sim_object.a") && lines[0].contains("done again"), "{lines:?}");
}

#[tokio::test(start_paused = true)]
async fn times_and_random_identities_of_a_revision_come_back_with_it() {
    let text = |size: u32| {
        format!(
            "{}resource \"value\" \"v\" {{\n input = [timestamp(), uuid(), env(\"HOME\"), {size}]\n}}\n",
            object("a", &format!("size = {size}"))
        )
    };
    let input = async |context: &Context| {
        let record = context.record("value.v").await.unwrap();
        record.object.as_ref().unwrap().attributes.get("input").unwrap().as_list().unwrap().to_vec()
    };
    let context = Context::new(&text(1));
    context.apply().await;
    let first = input(&context).await;
    context.main(&text(2));
    context.apply().await;
    let second = input(&context).await;
    assert!(first[0] != second[0] && first[1] != second[1], "two runs have two times and two identities");
    let project = context.project().await;
    let session = project.lock("rollback", Duration::ZERO, None).await.unwrap();
    let earlier = project.at_revision(&project.rollback_target(None).await.unwrap()).await.unwrap();
    let request =
        deployctl::plan::PlanRequest { mode: deployctl::plan::Mode::Rollback { to: 1 }, ..Default::default() };
    let planned = deployctl::plan::plan(&earlier, &session.current, &request).await.unwrap();
    context.carry_out(&earlier, session, planned, &deployctl::apply::Interrupt::new()).await.unwrap();
    assert_eq!(input(&context).await, first);
}

#[tokio::test(start_paused = true)]
async fn no_record_knows_where_the_checkout_is() {
    let context = Context::new(&format!(
        "{}resource \"local_file\" \"f\" {{\n path = \"f.txt\"\n content = \"x\"\n}}\n\
         resource \"local_command\" \"c\" {{\n create = [\"true\"]\n}}\n",
        object("a", "")
    ));
    context.apply().await;
    let state = context.state().await;
    let shown = format!("{state:?}");
    let folder = context.path().canonicalize().unwrap();
    assert!(!shown.contains(&*folder.to_string_lossy()), "{shown}");
    let kept: BTreeMap<_, _> = context.bytes();
    for (path, bytes) in kept.iter().filter(|(path, _)| path.starts_with(context.file(".deployctl"))) {
        let text = String::from_utf8_lossy(bytes);
        let is_record = path.ends_with("state.json") || path.to_string_lossy().contains("revisions");
        assert!(!is_record || !text.contains(&*folder.to_string_lossy()), "{}", path.display());
    }
}

#[tokio::test(start_paused = true)]
async fn two_checkouts_of_one_state_see_the_same_thing() {
    let shared = tempfile::tempdir().unwrap();
    let text = format!(
        "deployctl {{\n state \"local\" {{\n path = \"{}\"\n }}\n}}\n{}",
        shared.path().display(),
        object("a", "size = 1")
    );
    let one = Context::new(&text);
    one.apply().await;
    let mut other = Context::new(&text);
    other.world = one.world.clone();
    other.settled().await;
    other.main(&text.replace("size = 1", "size = 2"));
    other.apply().await;
    assert_eq!(actions(&one.plan().await), ["~ sim_object.a changed"]);
}

#[tokio::test(start_paused = true)]
async fn another_version_of_an_engine_is_a_warning_that_names_both() {
    let context = Context::new(&object("a", "size = 1"));
    context.script.inner().version = "28.0".to_owned();
    assert!(context.plan().await.warnings.is_empty());
    context.apply().await;
    assert_eq!(context.state().await.engines["bent"], "28.0");
    context.main(&object("a", "size = 2"));
    let project = context.project().await;
    let current = project.current().await.unwrap();
    let planned = deployctl::plan::plan(&project, &current, &Default::default()).await.unwrap();
    assert_eq!(planned.plan.engines["bent"], "28.0");
    context.script.inner().version = "29.1".to_owned();
    let warnings = context.plan().await.warnings;
    assert!(warnings.iter().any(|text| text.contains("28.0") && text.contains("29.1")), "{warnings:?}");
    let reopened = deployctl::plan::reopen(&project, &current, planned.plan).await.unwrap().plan.warnings;
    assert!(reopened.iter().any(|text| text.contains("28.0") && text.contains("29.1")), "{reopened:?}");
    context.apply().await;
    assert_eq!(context.state().await.engines["bent"], "29.1");
    assert!(context.plan().await.warnings.is_empty(), "it is the one that is recorded now");
}
