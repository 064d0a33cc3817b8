//! Health gates: what is not healthy holds back what needs it, until it is.

use std::time::Duration;

use deployctl::error::ErrorKind;
use deployctl::state::Status;

use crate::bent::Bend;
use crate::context::{Context, actions, address, object, outcomes};

const GATE: &str = "health {\n engine = true\n interval = \"1s\"\n retries = 5\n}\n";

fn text(size: u32) -> String {
    format!(
        "{}{}{}",
        object("a", &format!("size = {size}\n{GATE}")),
        object("b", "input = sim_object.a.size"),
        object("c", "")
    )
}

#[tokio::test(start_paused = true)]
async fn a_gate_that_opens_lets_dependents_through_after_it() {
    let context = Context::new(&text(1));
    context.script.inner().sick.insert("a".to_owned());
    let heal = {
        let script = context.script.clone();
        async move {
            tokio::time::sleep(Duration::from_millis(2500)).await;
            script.mend();
        }
    };
    let started = tokio::time::Instant::now();
    let (ran, ()) = tokio::join!(context.run(), heal);
    assert!(ran.applied.is_success(), "{:?}", ran.applied.ledger);
    assert!(started.elapsed() >= Duration::from_secs(3));
    assert_eq!(ran.state.records[&address("sim_object.a")].status, Status::Ready);
    context.settled().await;
}

#[tokio::test(start_paused = true)]
async fn a_gate_that_stays_shut_is_recorded_and_looked_at_again() {
    let context = Context::new(&text(1));
    context.script.inner().sick.insert("a".to_owned());
    let ran = context.run().await;
    assert_eq!(ran.applied.failure(), Some(ErrorKind::Failed));
    let expected = ["sim_object.a: unhealthy", "sim_object.b: needs sim_object.a", "sim_object.c: done"];
    assert_eq!(outcomes(&ran.applied), expected);
    assert_eq!(ran.state.records[&address("sim_object.a")].status, Status::Unhealthy);
    assert_eq!(actions(&context.plan().await), ["~ sim_object.a unhealthy", "+ sim_object.b new"]);
    let again = context.run().await;
    assert_eq!(outcomes(&again.applied), ["sim_object.a: unhealthy", "sim_object.b: needs sim_object.a"]);
    context.script.mend();
    assert_eq!(actions(&context.plan().await), ["+ sim_object.b new"]);
    context.apply().await;
    assert_eq!(context.record("sim_object.a").await.unwrap().status, Status::Ready);
    context.settled().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_unhealthy_and_then_healed_by_the_update_is_ready() {
    let context = Context::new(&text(1));
    context.script.inner().sick.insert("a".to_owned());
    context.run().await;
    let plan = context.plan_with(&Default::default()).await;
    assert_eq!(actions(&plan.plan)[0], "~ sim_object.a unhealthy");
    context.script.mend();
    context.script.inner().sick.insert("c".to_owned());
    context.apply().await;
    context.settled().await;
}

#[tokio::test(start_paused = true)]
async fn an_unchanged_dependency_that_is_sick_holds_its_dependents_back() {
    let context = Context::new(&text(1));
    context.apply().await;
    let more =
        format!("{}{}{}", text(1), object("d", "depends_on = [sim_object.a]"), object("e", "input = sim_object.d.id"));
    context.main(&more);
    context.script.inner().sick.insert("a".to_owned());
    context.script.began();
    let ran = context.run().await;
    assert_eq!(outcomes(&ran.applied), ["sim_object.d: needs sim_object.a", "sim_object.e: needs sim_object.d"]);
    assert!(!ran.applied.is_success(), "not everything was done");
    assert!(context.script.began().is_empty());
    context.script.mend();
    context.apply().await;
    context.settled().await;
}

#[tokio::test(start_paused = true)]
async fn one_at_a_time_waits_for_the_gate_too() {
    let context = Context::new(&format!("{}deployment {{\n strategy = \"sequential\"\n}}\n", text(1)));
    context.script.inner().sick.insert("a".to_owned());
    context.script.once("create sim_object.a", Bend::Slow(Duration::from_secs(1)));
    context.run().await;
    let order = context.script.began();
    assert_eq!(order.len(), 2);
    let events = context.events.lock().unwrap();
    let at = |wanted: &dyn Fn(&deployctl::event::Event) -> bool| events.iter().position(wanted).unwrap();
    use deployctl::event::Event::{StepFinished, StepStarted};
    let (a, c) = (address("sim_object.a"), address("sim_object.c"));
    let finished = |name: &deployctl_sdk::Address| {
        let name = name.clone();
        at(&move |event| matches!(event, StepFinished { address, .. } if *address == name))
    };
    let started = |name: &deployctl_sdk::Address| {
        let name = name.clone();
        at(&move |event| matches!(event, StepStarted { address, .. } if *address == name))
    };
    assert!(finished(&a) < started(&c) || finished(&c) < started(&a));
}
