//! `cargo xtask engines`: the real servers and programs that the tests run against, brought up from nothing.
//!
//! Each engine is one file that says what it is and how it is made to answer. What had to be built is kept outside the
//! checkout and by version, so that the next checkout has it at once. Nothing here knows what a test does with an engine.

mod ansible;
mod compose;
mod docker;
mod go;
mod helm;
mod kubernetes;
mod moto;
mod packages;
mod place;
mod podman;
mod postgres;
mod programs;
mod python;
mod registry;
mod s3;
mod server;
mod ssh;
mod surroundings;
mod terraform;
mod terraform_docker;
mod tofu;
mod vault;

use clap::Args;

use crate::{Failure, output};
use place::Place;
pub use surroundings::Surroundings;
pub use tofu::kept_tofu;

/// Something that tests run against.
struct Engine {
    /// What it is called on the command line.
    name: &'static str,
    /// What has to be up before it.
    needs: &'static [&'static str],
    /// Sees to it that it answers, and says how it is reached. Does nothing but that if it answers already.
    up: fn(&Place, &mut Surroundings) -> Result<(), Failure>,
    /// Ends it, if an earlier run started it.
    stop: fn(&Place) -> Result<(), Failure>,
}

/// What there is to end of an engine that is a program and no server.
fn nothing_to_stop(_: &Place) -> Result<(), Failure> {
    Ok(())
}

/// In the order in which they come up.
const ENGINES: &[&Engine] = &[
    &docker::ENGINE,
    &compose::ENGINE,
    &registry::ENGINE,
    &podman::ENGINE,
    &terraform::ENGINE,
    &terraform_docker::ENGINE,
    &tofu::ENGINE,
    &ansible::ENGINE,
    &ssh::ENGINE,
    &postgres::ENGINE,
    &moto::ENGINE,
    &s3::ENGINE,
    &kubernetes::ENGINE,
    &helm::ENGINE,
    &vault::ENGINE,
];

/// Those that `cargo xtask test` needs.
pub const TESTED: &[&str] = &[
    "docker",
    "compose",
    "registry",
    "podman",
    "terraform",
    "tofu",
    "ansible",
    "ssh",
    "moto",
    "kubernetes",
    "helm",
    "postgres",
    "s3",
    "vault",
];

/// What `cargo xtask engines` takes.
#[derive(Args)]
#[command(after_help = "\
For a shell: eval \"$(cargo xtask engines)\". What has to be said along the way goes to standard error.

What was built or downloaded is kept in ~/.cache/deployctl/engines.")]
pub struct Arguments {
    /// Which ones; all of them if none is named. With `stop` among the names, they are ended instead
    #[arg(value_name = "NAME", value_parser = names())]
    names: Vec<String>,
}

fn names() -> clap::builder::PossibleValuesParser {
    let names = ENGINES.iter().map(|engine| engine.name).chain(["stop"]);
    clap::builder::PossibleValuesParser::new(names.collect::<Vec<_>>())
}

/// Brings engines up and prints how they are reached, or ends them.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let named: Vec<&str> = arguments.names.iter().map(String::as_str).filter(|name| *name != "stop").collect();
    if arguments.names.len() != named.len() {
        return stop(&named);
    }
    let (surroundings, ended) = up(&named);
    for line in surroundings.exports() {
        output::result(&line);
    }
    ended
}

/// Brings those engines up, or all, with what they need. What could not be brought up is told on the way and in the
/// failure; how the others are reached is answered all the same.
pub fn up(names: &[&str]) -> (Surroundings, Result<(), Failure>) {
    let mut surroundings = Surroundings::default();
    let place = match Place::new() {
        Ok(place) => place,
        Err(failure) => return (surroundings, Err(failure)),
    };
    let mut failed: Vec<&str> = Vec::new();
    for engine in wanted(names) {
        if let Some(missing) = engine.needs.iter().find(|needed| failed.contains(needed)) {
            output::note(&format!("engines: {} is left out, because it needs {missing}", engine.name));
            failed.push(engine.name);
            continue;
        }
        if let Err(failure) = place.alone(engine.name, || (engine.up)(&place, &mut surroundings)) {
            output::note(&format!("engines: {} could not be brought up: {failure}", engine.name));
            failed.push(engine.name);
        }
    }
    let ended = match failed.is_empty() {
        true => Ok(()),
        false => Err(format!("not all engines are up; missing: {}", failed.join(", "))),
    };
    (surroundings, ended)
}

/// Ends those engines, or all, as far as they were started by an earlier run; what was up before is left alone.
pub fn stop(names: &[&str]) -> Result<(), Failure> {
    let place = Place::new()?;
    let mut failed = Vec::new();
    for engine in ENGINES.iter().rev().filter(|engine| names.is_empty() || names.contains(&engine.name)) {
        if let Err(failure) = place.alone(engine.name, || (engine.stop)(&place)) {
            failed.push(format!("{} could not be stopped: {failure}", engine.name));
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(failed.join("\n")) }
}

/// The engines of those names and what they need, in order.
fn wanted(names: &[&str]) -> Vec<&'static Engine> {
    // An engine needs only such as come before it, so that one look backwards finds them all.
    let mut wanted: Vec<&'static Engine> = Vec::new();
    for engine in ENGINES.iter().rev() {
        let needed = wanted.iter().any(|other| other.needs.contains(&engine.name));
        if names.is_empty() || names.contains(&engine.name) || needed {
            wanted.push(engine);
        }
    }
    wanted.reverse();
    wanted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_brings_what_it_needs_and_comes_after_it() {
        let names: Vec<&str> = wanted(&["registry"]).iter().map(|engine| engine.name).collect();
        assert_eq!(names, ["docker", "registry"]);
    }

    #[test]
    fn every_need_stands_before_the_engine_that_has_it() {
        for (index, engine) in ENGINES.iter().enumerate() {
            for needed in engine.needs {
                assert!(ENGINES[..index].iter().any(|before| before.name == *needed), "{} needs {needed}", engine.name);
            }
        }
    }

    #[test]
    fn the_tests_name_engines_that_exist() {
        assert!(TESTED.iter().all(|name| ENGINES.iter().any(|engine| engine.name == *name)));
    }
}
