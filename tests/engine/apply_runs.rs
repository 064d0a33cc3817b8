//! How a run goes: order, failures, tries, time and limits.

use std::sync::Arc;
use std::time::Duration;

use deployctl::apply::{Interrupt, apply};
use deployctl::error::ErrorKind;
use deployctl::event::{Event, Outcome};
use deployctl::plan::{PlanRequest, plan};
use deployctl::project::Project;
use deployctl::state::{DataKey, MemoryBackend, Store};
use deployctl_sdk::ErrorKind as Why;

use crate::bent::Bend;
use crate::context::{Context, actions, address, object, outcomes};

/// a ← b ← c, and d alone.
fn chain(lines: &str) -> String {
    format!(
        "{}{}{}{}",
        object("a", lines),
        object("b", "input = sim_object.a.id"),
        object("c", "depends_on = [sim_object.b]"),
        object("d", ""),
    )
}

#[tokio::test(start_paused = true)]
async fn what_is_needed_comes_first() {
    let context = Context::new(&chain(""));
    context.apply().await;
    let ended = context.script.inner().ended.clone();
    let at = |name: &str| ended.iter().position(|what| what == &format!("create sim_object.{name}")).unwrap();
    assert!(at("a") < at("b") && at("b") < at("c"));
}

/// What an apply of a chain of values writes to the disk, in writes.
async fn writes_for_a_chain(links: usize) -> u64 {
    let link = |at: usize| {
        let before = at.checked_sub(1).map_or("\"first\"".to_owned(), |before| format!("value.v{before}.id"));
        format!("resource \"value\" \"v{at}\" {{\n  input = {before}\n}}\n")
    };
    let context = Context::new(&(0..links).map(link).collect::<String>());
    let read = context.project().await;
    let disk = Arc::new(MemoryBackend::new());
    let store = Arc::new(Store::open_on(disk.clone(), Some(DataKey::new([7; 32]))));
    let (root, events) = (context.path().to_owned(), context.sink());
    let project =
        Project::from_inputs(root, read.inputs(), read.contents(), store, context.providers(), events).unwrap();
    let session = project.lock("apply", Duration::ZERO, None).await.unwrap();
    let planned = plan(&project, &session.current, &PlanRequest::default()).await.unwrap();
    let before = disk.writes();
    let applied = apply(&project, session, &planned, &context.options, &Interrupt::new()).await.unwrap();
    assert!(applied.0.is_success());
    disk.writes() - before
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_link_and_the_start_of_the_next_share_a_write() {
    assert_eq!(writes_for_a_chain(30).await - writes_for_a_chain(10).await, 20);
}

#[tokio::test(start_paused = true)]
async fn a_failure_skips_its_dependents_and_nothing_else() {
    let context = Context::new(&format!("{}output \"c\" {{\n value = sim_object.c.id\n}}\n", chain("")));
    context.script.always("create sim_object.b", Bend::Fails(Why::Refused));
    let ran = context.run().await;
    assert_eq!(ran.applied.failure(), Some(ErrorKind::Failed));
    let expected =
        ["sim_object.a: done", "sim_object.b: failed", "sim_object.c: needs sim_object.b", "sim_object.d: done"];
    assert_eq!(outcomes(&ran.applied), expected);
    assert!(ran.state.outputs.is_empty());
    assert_eq!(ran.state.serial, 1);
    let project = context.project().await;
    let history = project.store().history().await.unwrap();
    assert_eq!(history.last().unwrap().result, "failed: sim_object.b");
    assert!(!project.store().revision(1).await.unwrap().unwrap().ok);
    assert_eq!(actions(&context.plan().await), ["+ sim_object.b new", "+ sim_object.c new"]);
    context.script.mend();
    context.apply().await;
    context.settled().await;
}

#[tokio::test(start_paused = true)]
async fn fail_fast_starts_nothing_more() {
    let mut context = Context::new("resource \"sim_object\" \"m\" {\n count = 20\n name = \"m${count.index}\"\n}\n");
    context.options.fail_fast = true;
    context.options.parallelism = 2;
    context.script.always("create sim_object.m[3]", Bend::Fails(Why::Refused));
    let ran = context.run().await;
    let (done, failed, skipped) = ran.applied.ledger.counts();
    assert_eq!(failed, 1);
    assert!(done <= 6 && skipped >= 13, "{done} {skipped}");
    assert_eq!(done + failed + skipped, 20);
    context.script.mend();
    context.apply().await;
    context.settled().await;
    assert_eq!(context.names().len(), 20);
}

#[tokio::test(start_paused = true)]
async fn what_is_transient_is_tried_again_with_growing_pauses() {
    let context = Context::new(&object("a", "retry {\n attempts = 4\n delay = \"1s\"\n max_delay = \"3s\"\n}"));
    for _ in 0..3 {
        context.script.once("create sim_object.a", Bend::Fails(Why::Transient));
    }
    let started = tokio::time::Instant::now();
    context.apply().await;
    let took = started.elapsed();
    assert!(took >= Duration::from_secs(6) && took < Duration::from_secs(8), "{took:?}");
    let delays: Vec<u64> = context
        .events
        .lock()
        .unwrap()
        .iter()
        .filter_map(|event| match event {
            Event::StepRetried { delay_millis, .. } => Some(*delay_millis),
            _ => None,
        })
        .collect();
    assert_eq!(delays, [1000, 2000, 3000]);
}

#[tokio::test(start_paused = true)]
async fn tries_end_and_what_is_refused_is_tried_once() {
    let context = Context::new(&chain(""));
    context.script.always("create sim_object.a", Bend::Fails(Why::Transient));
    context.script.always("create sim_object.d", Bend::Fails(Why::Refused));
    let ran = context.run().await;
    let began = context.script.began();
    let times = |what: &str| began.iter().filter(|began| *began == what).count();
    assert_eq!((times("create sim_object.a"), times("create sim_object.d")), (3, 1));
    assert_eq!(ran.applied.ledger.counts(), (0, 2, 2));
    assert!(ran.state.records.is_empty() && context.names().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_step_that_takes_too_long_is_cancelled() {
    let context = Context::new(&chain("timeouts {\n create = \"5s\"\n}"));
    context.script.always("create sim_object.a", Bend::Slow(Duration::from_secs(60)));
    let started = tokio::time::Instant::now();
    let ran = context.run().await;
    assert!(started.elapsed() < Duration::from_secs(7));
    let entry = ran.applied.ledger.entries.iter().find(|entry| entry.address == address("sim_object.a")).unwrap();
    let Outcome::Failed { error, .. } = &entry.outcome else { panic!("{entry:?}") };
    assert_eq!(error, "it took longer than 5s");
    context.script.mend();
    context.apply().await;
    context.settled().await;
}

#[tokio::test(start_paused = true)]
async fn a_delete_takes_its_own_time_limit_in_a_destroy_too() {
    let context = Context::new(&object("a", "timeouts {\n delete = \"5s\"\n}"));
    context.apply().await;
    context.script.once("delete sim_object.a", Bend::Slow(Duration::from_secs(60)));
    let started = tokio::time::Instant::now();
    let ran = context.apply_with(&crate::context::destroy()).await;
    assert!(started.elapsed() < Duration::from_secs(7));
    assert_eq!(outcomes(&ran.applied), ["sim_object.a: failed"]);
    assert_eq!(ran.state.records.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_does_not_come_back_is_looked_after() {
    let context = Context::new(&chain("timeouts {\n create = \"5s\"\n}"));
    context.script.once("create sim_object.a", Bend::Silent);
    let ran = context.run().await;
    assert_eq!(outcomes(&ran.applied)[0], "sim_object.a: failed");
    assert_eq!(context.names(), ["a", "d"]);
    assert!(ran.state.records.contains_key(&address("sim_object.a")), "what was made is recorded");
    context.apply().await;
    context.settled().await;
    assert_eq!(context.names(), ["a", "b", "c", "d"]);
}

#[tokio::test(start_paused = true)]
async fn the_run_as_a_whole_takes_so_long_at_most() {
    let context = Context::new(&format!("{}deployment {{\n timeout = \"10s\"\n}}\n", chain("")));
    context.script.always("create sim_object.b", Bend::Slow(Duration::from_secs(3600)));
    let started = tokio::time::Instant::now();
    let ran = context.run().await;
    assert!(started.elapsed() < Duration::from_secs(12));
    assert!(ran.applied.timed_out);
    assert_eq!(ran.applied.failure(), Some(ErrorKind::Failed));
    let expected =
        ["sim_object.a: done", "sim_object.b: cancelled", "sim_object.c: needs sim_object.b", "sim_object.d: done"];
    let mut found = outcomes(&ran.applied);
    found[2] = found[2].replace("not started: TimedOut", "needs sim_object.b");
    assert_eq!(found, expected);
    context.script.mend();
    context.apply().await;
    context.settled().await;
}

#[tokio::test(start_paused = true)]
async fn no_more_run_at_one_time_than_may() {
    let many = "resource \"sim_object\" \"m\" {\n count = 30\n name = \"m${count.index}\"\n}\n";
    let slow = |context: &Context| {
        for index in 0..30 {
            context.script.always(&format!("create sim_object.m[{index}]"), Bend::Slow(Duration::from_secs(1)));
        }
    };
    let mut context = Context::new(many);
    slow(&context);
    context.options.parallelism = 7;
    let started = tokio::time::Instant::now();
    context.apply().await;
    assert_eq!(context.script.inner().most, 7);
    assert_eq!(started.elapsed().as_secs(), 5, "30 by 7");

    let mut context = Context::new(many);
    context.schema = |schema| schema.max_parallel = Some(3);
    slow(&context);
    context.apply().await;
    assert_eq!(context.script.inner().most, 3);

    let context = Context::new(&format!("{many}deployment {{\n max_parallel = 4\n}}\n"));
    slow(&context);
    context.apply().await;
    assert_eq!(context.script.inner().most, 4);

    let context = Context::new(&format!("{many}deployment {{\n strategy = \"sequential\"\n}}\n"));
    slow(&context);
    context.apply().await;
    assert_eq!(context.script.inner().most, 1);
}

#[tokio::test(start_paused = true)]
async fn waves_wait_for_one_another_and_parallel_does_not() {
    let text = |strategy: &str| format!("{}deployment {{\n strategy = \"{strategy}\"\n}}\n", chain(""));
    for (strategy, waits) in [("hybrid", true), ("parallel", false)] {
        let context = Context::new(&text(strategy));
        context.script.always("create sim_object.d", Bend::Slow(Duration::from_secs(10)));
        context.apply().await;
        let ended = context.script.inner().ended.clone();
        let at = |name: &str| ended.iter().position(|what| what == &format!("create sim_object.{name}")).unwrap();
        assert_eq!(at("d") < at("b"), waits, "{strategy}: {ended:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_promise_broken_is_caught_and_not_forgotten() {
    let context = Context::new(&chain("size = 2"));
    context.script.once("create sim_object.a", Bend::Lies);
    let ran = context.run().await;
    let entry = &ran.applied.ledger.entries[1];
    let lied = ran.applied.ledger.entries.iter().find(|entry| entry.address == address("sim_object.a"));
    let Outcome::Failed { error, .. } = &lied.unwrap_or(entry).outcome else { panic!("{:?}", ran.applied.ledger) };
    assert_eq!(error, "the provider `sim` broke its word: `size` is not what the plan showed");
    assert_eq!(outcomes(&ran.applied)[1], "sim_object.b: needs sim_object.a");
    context.apply().await;
    context.settled().await;
}

#[tokio::test(start_paused = true)]
async fn a_condition_that_fails_when_it_is_known_stops_its_branch() {
    let context = Context::new(
        &(format!(
            "{}{}",
            object(
                "a",
                "lifecycle {\n postcondition {\n condition = self.id == \"thing-9\"\n error_message = \"not nine\"\n }\n}"
            ),
            object(
                "b",
                "lifecycle {\n precondition {\n condition = sim_object.c.id == \"x\"\n error_message = \"not x\"\n }\n}"
            ),
        ) + &object("c", "")
            + &object("d", "input = sim_object.a.id")),
    );
    let ran = context.run().await;
    let expected =
        ["sim_object.a: failed", "sim_object.b: failed", "sim_object.c: done", "sim_object.d: needs sim_object.a"];
    assert_eq!(outcomes(&ran.applied), expected);
    assert!(!context.script.began().contains(&"create sim_object.b".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_local_known_late_is_known_to_everything_after() {
    // `early` asks for the local through its health while half of it is unknown; `late` needs it whole.
    let text = |size: u32| {
        format!(
            "locals {{\n both = \"${{sim_object.x.id}}-${{sim_object.y.id}}\"\n}}\n{}{}{}{}",
            object("x", ""),
            object("y", &format!("color = \"c{size}\"")),
            object("late", "input = local.both"),
            object(
                "user",
                "depends_on = [sim_object.x]\nlifecycle {\n postcondition {\n condition = length(local.both) > 0\n error_message = \"-\"\n }\n}"
            ),
        )
    };
    let context = Context::new(&text(1));
    context.apply().await;
    context.main(&text(2));
    context.apply().await;
    context.settled().await;
}
