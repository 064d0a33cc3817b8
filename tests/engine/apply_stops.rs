//! Interrupts, undoing, and resources that are planned late.

use std::time::Duration;

use deployctl::apply::Interrupt;
use deployctl::error::ErrorKind;
use deployctl::plan::PlanRequest;
use deployctl_sdk::ErrorKind as Why;

use crate::bent::Bend;
use crate::context::{Context, Ran, actions, address, destroy, object, outcomes};

async fn interrupted_after(context: &Context, first: u64, second: Option<u64>) -> Ran {
    let interrupt = Interrupt::new();
    let raise = {
        let interrupt = interrupt.clone();
        async move {
            tokio::time::sleep(Duration::from_secs(first)).await;
            interrupt.raise();
            if let Some(second) = second {
                tokio::time::sleep(Duration::from_secs(second)).await;
                interrupt.raise();
            }
        }
    };
    let request = PlanRequest::default();
    let (ran, ()) = tokio::join!(context.try_apply(&request, &interrupt), raise);
    ran.unwrap()
}

fn slow_pair() -> Context {
    let context =
        Context::new(&format!("{}{}{}", object("a", ""), object("b", "input = sim_object.a.id"), object("c", "")));
    context.script.always("create sim_object.a", Bend::Slow(Duration::from_secs(10)));
    context
}

#[tokio::test(start_paused = true)]
async fn the_first_interrupt_finishes_what_runs_and_starts_nothing() {
    let context = slow_pair();
    let ran = interrupted_after(&context, 3, None).await;
    assert_eq!(ran.applied.failure(), Some(ErrorKind::Interrupted));
    let expected = ["sim_object.a: done", "sim_object.b: not started: Interrupted", "sim_object.c: done"];
    assert_eq!(outcomes(&ran.applied), expected);
    assert_eq!(actions(&context.plan().await), ["+ sim_object.b new"]);
    context.apply().await;
    context.settled().await;
}

#[tokio::test(start_paused = true)]
async fn the_second_interrupt_cancels_what_runs() {
    let context = slow_pair();
    let started = tokio::time::Instant::now();
    let ran = interrupted_after(&context, 2, Some(2)).await;
    assert!(started.elapsed() < Duration::from_secs(5));
    let expected = ["sim_object.a: cancelled", "sim_object.b: not started: Interrupted", "sim_object.c: done"];
    assert_eq!(outcomes(&ran.applied), expected);
    assert_eq!(context.names(), ["c"]);
    context.script.mend();
    context.apply().await;
    context.settled().await;
}

#[tokio::test(start_paused = true)]
async fn what_was_announced_and_not_started_is_no_interrupted_action() {
    let mut context = Context::new("resource \"sim_object\" \"m\" {\n count = 9\n name = \"m${count.index}\"\n}\n");
    context.options.parallelism = 1;
    context.script.always("create sim_object.m[0]", Bend::Slow(Duration::from_secs(10)));
    let ran = interrupted_after(&context, 3, None).await;
    assert_eq!(ran.applied.ledger.counts(), (1, 0, 8));
    let project = context.project().await;
    let loaded = project.store().load().await.unwrap();
    assert!(loaded.run.is_none() && loaded.interrupted.is_empty());
    assert_eq!(loaded.state.records.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_interrupt_in_front_of_a_gate_leaves_it_unverified() {
    let context = Context::new(&object("a", "health {\n engine = true\n interval = \"1s\"\n retries = 100\n}"));
    context.script.inner().sick.insert("a".to_owned());
    let ran = interrupted_after(&context, 3, None).await;
    assert_eq!(ran.applied.failure(), Some(ErrorKind::Interrupted));
    assert_eq!(actions(&context.plan().await), ["~ sim_object.a unhealthy"]);
    context.script.mend();
    context.apply().await;
    context.settled().await;
}

fn undone(text: &str) -> String {
    format!("{text}deployment {{\n rollback_on_failure = true\n}}\n")
}

#[tokio::test(start_paused = true)]
async fn a_failed_first_run_is_undone_to_nothing() {
    let context = Context::new(&undone(&format!("{}{}", object("a", ""), object("b", "input = sim_object.a.id"))));
    context.script.always("create sim_object.b", Bend::Fails(Why::Refused));
    let ran = context.run().await;
    assert_eq!(ran.applied.failure(), Some(ErrorKind::Failed));
    assert!(ran.applied.undone.unwrap().is_success());
    assert!(context.names().is_empty() && context.state().await.records.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_failed_later_run_is_undone_to_the_one_before_and_no_further() {
    let text = |size: u32, more: &str| {
        undone(&format!("{}{}{more}", object("a", &format!("size = {size}")), object("z", "size = 5")))
    };
    let context = Context::new(&text(1, ""));
    context.apply().await;
    context.main(&text(2, &format!("{}{}", object("b", ""), object("c", "depends_on = [sim_object.a, sim_object.b]"))));
    context.script.always("create sim_object.c", Bend::Fails(Why::Refused));
    context.meddle("z", "size", 6);
    let exclude = PlanRequest { excludes: vec![address("sim_object.z")], ..PlanRequest::default() };
    let ran = context.apply_with(&exclude).await;
    assert!(ran.applied.undone.unwrap().is_success());
    assert_eq!(context.names(), ["a", "z"]);
    assert_eq!(context.world.things()[&context.number("a")].config["size"].as_i64(), Some(1));
    assert_eq!(context.world.things()[&context.number("z")].config["size"].as_i64(), Some(6), "not this run's");
    context.main(&text(1, ""));
    assert_eq!(actions(&context.plan().await), ["~ sim_object.z drifted"]);
}

#[tokio::test(start_paused = true)]
async fn undoing_spares_what_holds_data_and_follows_no_interrupt() {
    let mut context =
        Context::new(&undone(&format!("{}{}", object("a", ""), object("b", "depends_on = [sim_object.a]"))));
    context.schema = |schema| schema.resources[0].holds_data = true;
    context.script.always("create sim_object.b", Bend::Fails(Why::Refused));
    context.run().await;
    assert_eq!(context.names(), ["a"]);

    let context = Context::new(&undone(&format!("{}{}", object("a", ""), object("b", ""))));
    context.script.always("create sim_object.b", Bend::Slow(Duration::from_secs(10)));
    let ran = interrupted_after(&context, 2, Some(2)).await;
    assert!(ran.applied.undone.is_none());
    assert_eq!(context.names(), ["a"]);
}

#[tokio::test(start_paused = true)]
async fn a_destroy_that_failed_half_way_is_not_undone() {
    let context = Context::new(&undone(&format!("{}{}", object("a", ""), object("b", "depends_on = [sim_object.a]"))));
    context.apply().await;
    context.script.always("delete sim_object.a", Bend::Fails(Why::Refused));
    let ran = context.apply_with(&destroy()).await;
    assert_eq!(ran.applied.failure(), Some(ErrorKind::Failed));
    assert!(ran.applied.undone.is_none());
    assert_eq!(context.names(), ["a"]);
}

/// The provider's settings are known only once `value.region` is there.
fn deferred(color: &str, region: u32) -> String {
    format!(
        "resource \"value\" \"region\" {{\n input = \"r\"\n triggers = {{ n = {region} }}\n}}\nprovider \"sim\" {{\n region = value.region.id\n}}\n{}{}",
        object("a", &format!("color = \"{color}\"")),
        object("b", "input = sim_object.a.id"),
    )
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_decided_is_planned_in_the_middle() {
    let context = Context::new(&deferred("red", 1));
    let plan = context.plan().await;
    assert_eq!(actions(&plan), ["+ value.region new", "? sim_object.a depends_on", "? sim_object.b depends_on"]);
    context.apply().await;
    assert_eq!(context.names(), ["a", "b"]);
    let record = context.record("sim_object.a").await.unwrap();
    assert!(!record.provider.settings.contains_unknown());
    context.settled().await;
}

#[tokio::test(start_paused = true)]
async fn a_late_replacement_needs_an_approval() {
    let mut context = Context::new(&deferred("red", 1));
    context.apply().await;
    context.main(&deferred("blue", 2));
    let expected = ["-/+ value.region cannot_update", "? sim_object.a depends_on", "? sim_object.b depends_on"];
    assert_eq!(actions(&context.plan().await), expected);
    context.script.began();
    let ran = context.run().await;
    assert_eq!(ran.applied.failure(), Some(ErrorKind::Refused));
    assert!(context.script.began().is_empty());
    context.main(&deferred("blue", 3));
    context.options.approve_deferred = true;
    context.apply().await;
    assert_eq!(context.script.began(), ["delete sim_object.a", "create sim_object.a", "update sim_object.b"]);
    context.settled().await;
    assert_eq!(context.names(), ["a", "b"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_protected_is_not_replaced_late_either() {
    let protected = |color: &str, region| {
        deferred(color, region).replacen("color", "lifecycle {\n prevent_destroy = true\n}\ncolor", 1)
    };
    let mut context = Context::new(&protected("red", 1));
    context.options.approve_deferred = true;
    context.apply().await;
    context.main(&protected("blue", 2));
    let ran = context.run().await;
    assert!(!ran.applied.is_success());
    assert_eq!(context.world.things()[&1].config["color"].as_str(), Some("red"));
}
