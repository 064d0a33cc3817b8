//! Runs that are killed at counted points, one after the other in one world, each done again and looked at.
//!
//! A world is created, changed and destroyed; each of these is killed once on the way. So one round takes a point of each of
//! them, and no run is made that does not prove something. A short run takes some rounds, chosen evenly from the first point to
//! the last; with `DEPLOYCTL_TEST_LONG=1` all points are taken.

use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::context::Context;

/// How many rounds are made at one time.
const BESIDE: usize = 2;

/// How many rounds a short run makes.
const SHORT: usize = 4;

/// The law: a proof of this kind has at least so many points.
const LEAST: usize = 50;

/// Where a run is killed.
#[derive(Debug, Clone, Copy)]
pub enum Point {
    /// Where the program says something, begins something or ends it: the nth such place, in the engine's own counting.
    Engine(usize),
    /// The nth call of the engine: twice its number, and one more for after it.
    Call(usize),
    /// The nth crash point of deployctl itself: writes of journal and state, and questions to the provider.
    Own(usize),
}

/// One thing that is done to the world.
pub struct Stage<'s> {
    /// What is changed beforehand.
    pub turn: &'s (dyn Fn(&Context) + Sync),
    /// The command that is killed and done again.
    pub command: &'s str,
    /// Where it is killed, round by round.
    pub points: Vec<Point>,
    /// What must be so afterwards.
    pub holds: &'s (dyn Fn(&Context, Point) + Sync),
}

/// Takes a world through the points of its stages.
pub fn all(
    world: &(dyn Fn() -> Context + Sync),
    stages: &[Stage<'_>],
    kill: &(dyn Fn(&Context, &str, Point) -> bool + Sync),
) {
    let points: usize = stages.iter().map(|stage| stage.points.len()).sum();
    assert!(points >= LEAST, "there are only {points} points");
    let long = std::env::var_os("DEPLOYCTL_TEST_LONG").is_some();
    let most = stages.iter().map(|stage| stage.points.len()).max().unwrap_or(0);
    let rounds = if long { most } else { SHORT };
    let (next, killed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let work = || {
        while let Some(round) = Some(next.fetch_add(1, Ordering::Relaxed)).filter(|round| *round < rounds) {
            let context = world();
            for stage in stages {
                (stage.turn)(&context);
                let at = if long { round } else { round * (stage.points.len() - 1) / (SHORT - 1) };
                let Some(&point) = stage.points.get(at) else {
                    done(&context, stage.command);
                    continue;
                };
                assert!(kill(&context, stage.command, point), "`{}` was not killed at {point:?}", stage.command);
                killed.fetch_add(1, Ordering::Relaxed);
                done(&context, stage.command);
                (stage.holds)(&context, point);
            }
        }
    };
    std::thread::scope(|scope| (0..BESIDE).for_each(|_| _ = scope.spawn(work)));
    println!("killed at {} of {points} points", killed.into_inner());
}

/// Runs a command and kills it at one of its own points. Whether it was killed.
pub fn at_its_own(context: &Context, command: &str, point: usize) -> bool {
    with(context, command, &[("DEPLOYCTL_TEST_CRASH_AT", point.to_string())])
}

/// Runs a command with more in its environment. Whether it was killed.
pub fn with(context: &Context, command: &str, more: &[(&str, String)]) -> bool {
    let mut command = prepared(context, command);
    command.envs(more.iter().map(|(name, value)| (name, value))).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().unwrap().code().is_none()
}

/// A command that is not started yet.
pub fn prepared(context: &Context, line: &str) -> std::process::Command {
    let template = context.command();
    let mut command = std::process::Command::new(template.get_program());
    command.args(line.split_whitespace()).current_dir(context.path()).env_clear().stdin(Stdio::null());
    command.envs(template.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command
}

#[track_caller]
fn done(context: &Context, command: &str) {
    let answer = context.run(command);
    assert_eq!(answer.code, 0, "{command}: {answer}");
}
