//! `cargo xtask bench docker` and `cargo xtask bench compose`: containers, beside Docker Compose and Terraform.
//!
//! The sides take turns, each with containers of its own, and each takes its containers down before the next one begins, so
//! that nobody pays for what another left running. What counts is the ratio within one turn: an engine gets slower and
//! faster with what else the machine does, but hardly within seconds.

mod compose;
mod docker;
mod ratios;
mod side;

use std::path::PathBuf;

use clap::Args;

use super::{disk, process};
use crate::engines::Surroundings;
use crate::{Failure, engines, output};
use ratios::Measured;
use side::Side;

/// What `cargo xtask bench docker` and `cargo xtask bench compose` take.
#[derive(Args)]
pub struct Arguments {
    /// How many containers
    #[arg(long, value_delimiter = ',', default_values_t = [20, 100])]
    containers: Vec<usize>,
    /// How often each measurement is repeated
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// The deployctl program to measure, instead of building one
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
    /// Where the table is written, besides standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Measures `docker_container` and `docker_network`.
pub fn docker(arguments: &Arguments) -> Result<(), Failure> {
    let needed = ["docker", "compose", "terraform", "terraform-docker"];
    measured(arguments, "Containers on one network", &needed, docker::sides)
}

/// Measures `compose_project`.
pub fn compose(arguments: &Arguments) -> Result<(), Failure> {
    measured(arguments, "A Compose project", &["docker", "compose"], compose::sides)
}

/// Everything that sides are made of.
struct Setting<'a> {
    /// How many containers.
    containers: usize,
    /// deployctl.
    program: &'a std::path::Path,
    /// Where folders may be made.
    scratch: &'a std::path::Path,
    surroundings: &'a Surroundings,
    /// How often everything was made anew, after a failure.
    attempt: usize,
}

fn measured(
    arguments: &Arguments,
    title: &str,
    needed: &[&str],
    sides: fn(&Setting<'_>) -> Result<Vec<Side>, Failure>,
) -> Result<(), Failure> {
    let (surroundings, up) = engines::up(needed);
    up?;
    let program = super::program(arguments.program.as_deref())?;
    let scratch = disk::Scratch::new()?;
    let mut report = String::new();
    for containers in &arguments.containers {
        let setting = Setting {
            containers: *containers,
            program: &program,
            scratch: scratch.path(),
            surroundings: &surroundings,
            attempt: 0,
        };
        let (figures, failed) = turns(setting, sides, arguments.runs.max(1))?;
        report.push_str(&ratios::table(&format!("{title}: {containers}"), &figures));
        if failed > 0 {
            report.push_str(&format!("\nRuns that a failure ended, and that are not among the figures: {failed}.\n"));
        }
    }
    super::publish(&report, arguments.out.as_deref())
}

/// So many runs of all sides, and how many more a failure ended. An engine can lose count of who is on a network, and then
/// never removes it: what comes after such a run has other names.
fn turns(
    mut setting: Setting<'_>,
    make: fn(&Setting<'_>) -> Result<Vec<Side>, Failure>,
    runs: usize,
) -> Result<(Vec<Measured>, usize), Failure> {
    let mut sides = make(&setting)?;
    let mut figures: Vec<Measured> = sides.iter().map(Measured::new).collect();
    let mut run = 1;
    while run <= runs {
        output::note(&format!("{} containers, run {run} of {runs}", setting.containers));
        match sides.iter().map(one).collect::<Result<Vec<_>, _>>() {
            Ok(costs) => {
                figures.iter_mut().zip(costs).for_each(|(figures, costs)| figures.add(costs));
                run += 1;
            }
            Err(failure) if setting.attempt < runs => {
                output::note(&format!("this run is left out: {failure}"));
                setting.attempt += 1;
                sides = make(&setting)?;
            }
            Err(failure) => return Err(failure),
        }
    }
    Ok((figures, setting.attempt))
}

/// All steps of a side, and everything taken down whatever happened.
fn one(side: &Side) -> Result<Vec<Option<process::Cost>>, Failure> {
    let mut costs = Vec::new();
    for (_, command) in &side.steps {
        let cost = command.as_ref().map(|command| process::measure(&mut side::again(command))).transpose();
        match cost {
            Ok(cost) => costs.push(cost),
            Err(failure) => {
                // What it says is of no use: the failure before it is what is to be read.
                let _ = process::measure(&mut side::again(&side.cleared));
                return Err(failure);
            }
        }
    }
    Ok(costs)
}
