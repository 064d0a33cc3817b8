//! What is recorded of what went wrong half-way, and what the next run makes of it.

use deployctl::state::Status;
use deployctl_sdk::ErrorKind as Why;

use crate::bent::Bend;
use crate::context::{Context, actions, address, destroy, object, outcomes};

fn coloured(color: &str, order: &str) -> String {
    object("a", &format!("color = \"{color}\"\nlifecycle {{\n create_before_destroy = {order}\n}}"))
}

#[tokio::test(start_paused = true)]
async fn what_is_half_made_is_tainted_and_replaced() {
    let context = Context::new(&object("a", ""));
    context.script.once("create sim_object.a", Bend::Half);
    let ran = context.run().await;
    assert_eq!(ran.state.records[&address("sim_object.a")].status, Status::Tainted);
    assert_eq!(actions(&context.plan().await), ["-/+ sim_object.a tainted"]);
    context.apply().await;
    context.settled().await;
    assert_eq!(context.names(), ["a"]);
    assert_eq!(context.record("sim_object.a").await.unwrap().status, Status::Ready);
}

#[tokio::test(start_paused = true)]
async fn a_failed_update_leaves_the_truth() {
    let context = Context::new(&object("a", "size = 1"));
    context.apply().await;
    context.main(&object("a", "size = 2"));
    context.script.once("update sim_object.a", Bend::Fails(Why::Refused));
    context.run().await;
    let record = context.record("sim_object.a").await.unwrap();
    assert_eq!(record.object.as_ref().unwrap().attributes.get("size").unwrap().as_i64(), Some(1));
    assert_eq!(actions(&context.plan().await), ["~ sim_object.a changed"]);
    context.apply().await;
    context.settled().await;
}

#[tokio::test(start_paused = true)]
async fn a_delete_first_replacement_that_fails_after_the_delete_is_created_next_time() {
    let context = Context::new(&coloured("red", "false"));
    context.apply().await;
    context.main(&coloured("blue", "false"));
    context.script.once("create sim_object.a", Bend::Fails(Why::Refused));
    let ran = context.run().await;
    assert!(ran.state.records.is_empty() && context.names().is_empty());
    assert_eq!(actions(&context.plan().await), ["+ sim_object.a new"]);
    context.apply().await;
    context.settled().await;
}

#[tokio::test(start_paused = true)]
async fn a_create_first_replacement_that_fails_keeps_the_old_one() {
    for bend in [Bend::Fails(Why::Refused), Bend::Half] {
        let context = Context::new(&coloured("red", "true"));
        context.apply().await;
        let before = context.record("sim_object.a").await.unwrap();
        context.main(&coloured("blue", "true"));
        context.script.once("create sim_object.a", bend);
        let ran = context.run().await;
        assert_eq!(outcomes(&ran.applied), ["sim_object.a: failed", "sim_object.a: needs sim_object.a"]);
        let record = &ran.state.records[&address("sim_object.a")];
        assert_eq!((record.id, &record.object), (before.id, &before.object), "{bend:?}");
        assert!(context.world.things().contains_key(&1));
        context.apply().await;
        context.settled().await;
        assert_eq!(context.names(), ["a"], "nothing is left over: {bend:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_replaced_and_not_removed_is_removed_by_the_next_run() {
    let context = Context::new(&coloured("red", "true"));
    context.apply().await;
    context.main(&coloured("blue", "true"));
    context.script.once("delete sim_object.a", Bend::Fails(Why::Refused));
    let ran = context.run().await;
    assert!(!ran.applied.is_success());
    let record = &ran.state.records[&address("sim_object.a")];
    assert_eq!((record.deposed.len(), record.status), (1, Status::Ready));
    assert_eq!(context.names(), ["a", "a"]);
    let plan = context.plan().await;
    assert_eq!(actions(&plan), ["~ sim_object.a deposed"]);
    context.script.began();
    context.apply().await;
    assert_eq!(context.script.began(), ["delete sim_object.a"]);
    assert_eq!(context.names(), ["a"]);
    context.settled().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_left_of_several_replacements_is_never_lost() {
    let context = Context::new(&coloured("c0", "true"));
    context.apply().await;
    context.script.always("delete sim_object.a", Bend::Fails(Why::Refused));
    for round in 1..4 {
        context.main(&coloured(&format!("c{round}"), "true"));
        context.run().await;
        assert_eq!(context.record("sim_object.a").await.unwrap().deposed.len(), round);
    }
    context.script.mend();
    context.apply().await;
    assert_eq!(context.names(), ["a"]);
    context.settled().await;
}

#[tokio::test(start_paused = true)]
async fn a_destroy_takes_what_was_left_over_along() {
    let context = Context::new(&coloured("red", "true"));
    context.apply().await;
    context.main(&coloured("blue", "true"));
    context.script.once("delete sim_object.a", Bend::Fails(Why::Refused));
    context.run().await;
    let ran = context.apply_with(&destroy()).await;
    assert!(ran.applied.is_success() && ran.state.records.is_empty());
    assert!(context.names().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_delete_that_fails_half_way_is_done_again() {
    let context = Context::new(&object("a", ""));
    context.apply().await;
    context.script.once("delete sim_object.a", Bend::Fails(Why::Refused));
    let ran = context.apply_with(&destroy()).await;
    assert_eq!(ran.state.records.len(), 1);
    context.apply_with(&destroy()).await;
    assert!(context.names().is_empty() && context.state().await.records.is_empty());
}

#[tokio::test(start_paused = true)]
async fn dependents_move_over_before_the_old_one_goes_even_a_run_later() {
    let text = |color: &str| format!("{}{}", coloured(color, "true"), object("b", "input = sim_object.a.id"));
    let context = Context::new(&text("red"));
    context.apply().await;
    context.main(&text("blue"));
    context.script.once("update sim_object.b", Bend::Fails(Why::Refused));
    let ran = context.run().await;
    assert_eq!(
        outcomes(&ran.applied),
        ["sim_object.a: done", "sim_object.a: needs sim_object.b", "sim_object.b: failed"]
    );
    assert_eq!(context.names(), ["a", "a", "b"], "b still uses the old one");
    let mut planned = actions(&context.plan().await);
    planned.sort();
    assert_eq!(planned, ["~ sim_object.a deposed", "~ sim_object.b changed"]);
    context.script.began();
    context.apply().await;
    assert_eq!(context.script.began(), ["update sim_object.b", "delete sim_object.a"]);
    context.settled().await;
    assert_eq!(context.names(), ["a", "b"]);
}

#[tokio::test(start_paused = true)]
async fn an_update_removes_what_was_left_behind_only_after_its_dependents_have_moved() {
    let text = |color: &str, size: u32| {
        let order = "lifecycle {\n create_before_destroy = true\n}";
        let a = object("a", &format!("color = \"{color}\"\nsize = {size}\n{order}"));
        format!("{a}{}", object("b", "input = sim_object.a.id"))
    };
    let context = Context::new(&text("red", 1));
    context.apply().await;
    context.main(&text("blue", 1));
    context.script.once("update sim_object.b", Bend::Fails(Why::Refused));
    context.run().await;
    assert_eq!(context.names(), ["a", "a", "b"], "b still uses the old one");
    context.main(&text("blue", 2));
    context.script.began();
    context.apply().await;
    let expected = ["update sim_object.a", "update sim_object.b", "delete sim_object.a"];
    assert_eq!(context.script.began(), expected);
    context.settled().await;
    assert_eq!(context.names(), ["a", "b"]);
}

#[tokio::test(start_paused = true)]
async fn a_run_in_which_nothing_worked_is_recorded_and_leaves_nothing_to_go_back_to() {
    let context = Context::new(&object("a", "size = 1"));
    context.apply().await;
    let before = context.record("sim_object.a").await;
    context.main(&object("a", "size = 2"));
    context.script.once("update sim_object.a", Bend::Fails(Why::Refused));
    context.run().await;
    assert_eq!(context.record("sim_object.a").await, before, "nothing was done to it");
    let project = context.project().await;
    let revisions: Vec<u64> = project.store().revisions().await.unwrap().iter().map(|one| one.serial).collect();
    assert_eq!(revisions, [1]);
    let results: Vec<String> = project.store().history().await.unwrap().into_iter().map(|entry| entry.result).collect();
    assert_eq!(results, ["ok", "failed: sim_object.a"]);
    context.apply().await;
    context.settled().await;
}
