//! Runs that are killed at every point of the engine, and what the next one makes of it.

use deployctl::apply::Interrupt;
use deployctl::plan::PlanRequest;
use deployctl_sdk::sim::CrashPoints;

use crate::context::{Context, object};

fn text(color: &str, more: &str) -> String {
    format!(
        "{}{}{more}",
        object("a", &format!("color = \"{color}\"\nlifecycle {{\n create_before_destroy = true\n}}")),
        object("b", "input = sim_object.a.id"),
    )
}

/// Runs until the point of the world is reached, and answers whether it was.
async fn killed_at(context: &Context, point: usize) -> bool {
    let points = CrashPoints::at(point);
    context.world.begin_run(points.clone());
    let (request, interrupt) = (PlanRequest::default(), Interrupt::new());
    let killed = tokio::select! {
        ran = context.try_apply(&request, &interrupt) => {
            ran.unwrap();
            false
        }
        () = points.crashed() => true,
    };
    context.world.begin_run(CrashPoints::never());
    killed
}

async fn survives(before: Option<&str>, after: &str, expected: &[&str]) {
    for point in 0.. {
        assert!(point < 100);
        let context = Context::new(before.unwrap_or_default());
        if before.is_some() {
            context.apply().await;
        }
        context.main(after);
        let killed = killed_at(&context, point).await;
        // Looking folds the journal in memory and writes nothing.
        let bytes = context.bytes();
        context.plan().await;
        assert!(context.bytes() == bytes, "a plan wrote something after a kill at {point}");
        context.apply().await;
        assert_eq!(context.names(), expected, "killed at {point}");
        context.settled().await;
        if !killed {
            return;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_creation_killed_anywhere_is_found_again() {
    survives(None, &text("red", ""), &["a", "b"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_replacement_killed_anywhere_leaves_nothing_behind() {
    survives(Some(&text("red", "")), &text("blue", ""), &["a", "b"]).await;
    let first = |color| text(color, "").replace("create_before_destroy = true", "");
    survives(Some(&first("red")), &first("blue"), &["a", "b"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_deletion_killed_anywhere_is_completed() {
    survives(Some(&text("red", &object("c", ""))), &object("c", ""), &["c"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_plan_writes_nothing_at_all() {
    let context = Context::new(&text("red", ""));
    let before = context.bytes();
    context.plan().await;
    assert_eq!(context.bytes(), before);
    assert!(!context.file(".deployctl").exists());
    context.apply().await;
    let project = context.project().await;
    let session = project.lock("apply", std::time::Duration::ZERO, None).await.unwrap();
    let before = context.bytes();
    context.plan().await;
    assert_eq!(context.bytes(), before, "nor does it wait for a lock");
    drop(session);
}
