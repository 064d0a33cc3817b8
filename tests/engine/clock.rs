//! A clock that somebody sets, forwards and back, in the middle of everything: what is recorded keeps its order, nobody loses a
//! lock, and nothing takes longer or shorter than it was told to.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use deployctl::event::Event;
use deployctl::state::{LockInfo, Retention};
use deployctl_sdk::sim::SimSource;
use deployctl_sdk::source::{self, Source};
use jiff::{SignedDuration, Timestamp};

use crate::bent::Bend;
use crate::context::{Context, object};

/// A clock that stands where it was set.
struct Clock {
    now: Mutex<Timestamp>,
    rest: SimSource,
}

impl Clock {
    fn new() -> Arc<Self> {
        let now = "2026-06-01T12:00:00Z".parse().unwrap();
        Arc::new(Self { now: Mutex::new(now), rest: SimSource::new(1, 0) })
    }

    /// Sets the clock so many hours forwards, or back.
    fn jump(&self, hours: i64) {
        *self.now.lock().unwrap() += SignedDuration::from_hours(hours);
    }
}

impl Source for Clock {
    fn now(&self) -> Timestamp {
        *self.now.lock().unwrap()
    }

    fn fill(&self, bytes: &mut [u8]) {
        self.rest.fill(bytes);
    }
}

/// Runs on this thread alone, with this clock.
fn by(clock: &Arc<Clock>, work: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    source::with(clock.clone(), || runtime.block_on(work));
}

const YEAR: i64 = 24 * 365;

#[test]
fn history_and_rollback_go_by_serials_and_not_by_times() {
    let clock = Clock::new();
    by(&clock, async {
        let context = Context::new("");
        for (size, hours) in [(1, 5), (2, -3 * YEAR), (3, 20 * YEAR), (4, -10)] {
            context.main(&object("a", &format!("size = {size}")));
            clock.jump(hours);
            context.apply().await;
            context.settled().await;
        }
        let project = context.project().await;
        let serials: Vec<u64> =
            project.store().history().await.unwrap().into_iter().map(|entry| entry.serial).collect();
        assert_eq!(serials, [1, 2, 3, 4]);
        let times: Vec<Timestamp> =
            project.store().revisions().await.unwrap().into_iter().map(|revision| revision.at).collect();
        assert!(!times.is_sorted(), "the clock did not jump");
        assert_eq!(project.rollback_target(None).await.unwrap().serial, 3);
        let record = context.record("sim_object.a").await.unwrap();
        assert!(record.updated > record.created, "the last jump was backwards from far ahead");
    });
}

#[test]
fn a_revision_from_the_future_is_not_pruned_and_the_last_ones_never_are() {
    let clock = Clock::new();
    by(&clock, async {
        let context = Context::new("");
        for size in 1..=4 {
            context.main(&object("a", &format!("size = {size}")));
            context.apply().await;
        }
        let project = context.project().await;
        let session = project.lock("prune", Duration::ZERO, None).await.unwrap();
        let kept = Retention { revisions: 2, days: 30 };
        clock.jump(-YEAR);
        assert_eq!(project.store().prune(&session.lock, kept, true).await.unwrap().revisions, [0; 0]);
        clock.jump(50 * YEAR);
        assert_eq!(project.store().prune(&session.lock, kept, true).await.unwrap().revisions, [1, 2]);
    });
}

#[test]
fn a_lock_is_held_however_the_clock_jumps() {
    for hours in [YEAR, -YEAR] {
        let clock = Clock::new();
        by(&clock, async {
            let context = Context::new(&object("a", ""));
            let project = context.project().await;
            let session = project.lock("apply", Duration::ZERO, None).await.unwrap();
            let began = session.lock.info().at;
            clock.jump(hours);
            session.lock.check().await.unwrap();
            let info = LockInfo::of_this_process("another");
            let refused = project.store().lock(info, Duration::ZERO, project.events()).await;
            assert!(refused.is_err(), "a lock that is held was taken over after a jump of {hours} hours");
            let holder = project.store().locks().await.unwrap().remove(0);
            assert_eq!(holder.at, began);
            // Whoever has the file locked lives, whatever time was last written into it.
            assert_eq!(holder.heartbeat, clock.now());
            clock.jump(-hours);
            session.lock.check().await.unwrap();
            session.lock.release().await.unwrap();
            assert!(project.store().locks().await.unwrap().is_empty());
        });
    }
}

#[test]
fn gates_tries_and_time_limits_are_measured_on_a_clock_that_cannot_be_set() {
    for hours in [YEAR, -YEAR] {
        let clock = Clock::new();
        by(&clock, async {
            let text = format!(
                "{}{}{}",
                object("slow", "timeouts {\n create = \"60s\"\n}"),
                object("tried", "retry {\n attempts = 3\n delay = \"5s\"\n}"),
                object("gated", "health {\n engine = true\n interval = \"10s\"\n retries = 5\n}"),
            );
            let context = Context::new(&text);
            context.script.once("create sim_object.slow", Bend::Slow(Duration::from_secs(40)));
            for _ in 0..2 {
                context.script.once("create sim_object.tried", Bend::Fails(deployctl_sdk::ErrorKind::Transient));
            }
            context.script.inner().sick.insert("gated".to_owned());
            let project = context.open().await.unwrap();
            let session = project.lock("apply", Duration::ZERO, None).await.unwrap();
            let planned = deployctl::plan::plan(&project, &session.current, &Default::default()).await.unwrap();
            let began = tokio::time::Instant::now();
            let interrupt = deployctl::apply::Interrupt::new();
            let run = context.carry_out(&project, session, planned, &interrupt);
            let jumping = async {
                for _ in 0..30 {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    clock.jump(hours);
                }
                context.script.mend();
                std::future::pending::<()>().await;
            };
            let ran = tokio::select! {
                ran = run => ran.unwrap(),
                () = jumping => unreachable!(),
            };
            assert!(ran.applied.is_success(), "{:#?}", ran.applied.ledger);
            let took = began.elapsed();
            assert!(took >= Duration::from_secs(40) && took < Duration::from_secs(60), "it took {took:?}");
            let told = |event: &Event| matches!(event, Event::StepFinished { millis, .. } if *millis > 60_000);
            assert!(
                !context.events.lock().unwrap().iter().any(told),
                "a duration was taken from the clock on the wall"
            );
            context.settled().await;
        });
    }
}
