//! `cargo xtask bench terraform`: what a nested plan costs over Terraform's own steps, and ten modules side by side.
//!
//! Each figure is taken in turns, plain and nested one right after the other, so that a slow moment of the machine meets both;
//! what counts is the ratio within one turn.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use clap::Args;

use super::{disk, process};
use crate::engines::Surroundings;
use crate::{Failure, engines, output};

/// How many modules stand side by side.
const MODULES: usize = 10;

/// What `cargo xtask bench terraform` takes.
#[derive(Args)]
pub struct Arguments {
    /// How often each measurement is repeated
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// The deployctl program to measure, instead of building one
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
    /// Where the table is written, besides standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// A module that does a little of everything and needs no plugin.
const MODULE: &str = "variable \"name\" { default = \"a\" }\nresource \"terraform_data\" \"many\" {\n  count = 50\n  \
                      input = \"${var.name}-${count.index}\"\n}\noutput \"all\" { value = terraform_data.many[*].output }\n";

struct Bench<'b> {
    program: PathBuf,
    scratch: &'b Path,
    surroundings: &'b Surroundings,
    made: usize,
}

/// Measures, and writes the table.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let (surroundings, up) = engines::up(&["terraform"]);
    up?;
    let program = super::program(arguments.program.as_deref())?;
    let scratch = disk::Scratch::new()?;
    let mut bench = Bench { program, scratch: scratch.path(), surroundings: &surroundings, made: 0 };
    let (mut plain, mut nested, mut again) = (Vec::new(), Vec::new(), Vec::new());
    let (mut beside, mut after) = (Vec::new(), Vec::new());
    for run in 1..=arguments.runs.max(1) {
        output::note(&format!("run {run} of {}", arguments.runs.max(1)));
        plain.push(bench.plain()?);
        let (first, second) = bench.nested(1)?;
        nested.push(first);
        again.push(second);
        after.push((0..MODULES).map(|_| Ok(bench.nested(1)?.0)).sum::<Result<Duration, Failure>>()?);
        beside.push(bench.nested(MODULES)?.0);
    }
    let report = report(&plain, &nested, &again, &beside, &after);
    super::publish(&report, arguments.out.as_deref())
}

impl Bench<'_> {
    fn folder(&mut self) -> Result<PathBuf, Failure> {
        self.made += 1;
        let folder = self.scratch.join(format!("terraform-{}", self.made));
        disk::make_folder(&folder)?;
        Ok(folder)
    }

    fn timed(&self, program: &Path, arguments: &[&str], folder: &Path) -> Result<Duration, Failure> {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(folder);
        self.surroundings.apply(&mut command);
        process::measure(&mut command).map(|cost| cost.time)
    }

    /// What Terraform's own init, plan and show take in a new folder.
    fn plain(&mut self) -> Result<Duration, Failure> {
        let folder = self.folder()?;
        disk::write(&folder.join("main.tf"), MODULE.as_bytes())?;
        let terraform = Path::new("terraform");
        let init = self.timed(terraform, &["init", "-input=false"], &folder)?;
        let plan = self.timed(terraform, &["plan", "-input=false", "-out=plan.bin"], &folder)?;
        let show = self.timed(terraform, &["show", "-json", "plan.bin"], &folder)?;
        Ok(init + plan + show)
    }

    /// What our plan of so many of the same modules takes in a new folder, and once more.
    fn nested(&mut self, modules: usize) -> Result<(Duration, Duration), Failure> {
        let folder = self.folder()?;
        let mut configuration = String::new();
        for number in 0..modules {
            let module = folder.join(format!("m{number}"));
            disk::make_folder(&module)?;
            disk::write(&module.join("main.tf"), MODULE.as_bytes())?;
            configuration
                .push_str(&format!("resource \"terraform_module\" \"m{number}\" {{\n  path = \"m{number}\"\n}}\n"));
        }
        disk::write(&folder.join("main.hcl"), configuration.as_bytes())?;
        let first = self.timed(&self.program, &["plan"], &folder)?;
        let second = self.timed(&self.program, &["plan"], &folder)?;
        Ok((first, second))
    }
}

fn median(times: &[Duration]) -> f64 {
    let mut seconds: Vec<f64> = times.iter().map(Duration::as_secs_f64).collect();
    seconds.sort_by(f64::total_cmp);
    seconds.get(seconds.len() / 2).copied().unwrap_or_default()
}

/// The median of the ratios within each turn.
fn ratio(of: &[Duration], to: &[Duration]) -> f64 {
    let ratios =
        of.iter().zip(to).map(|(of, to)| Duration::from_secs_f64(of.as_secs_f64() / to.as_secs_f64().max(1e-9)));
    median(&ratios.collect::<Vec<_>>())
}

fn report(
    plain: &[Duration],
    nested: &[Duration],
    again: &[Duration],
    beside: &[Duration],
    after: &[Duration],
) -> String {
    let overhead: Vec<f64> = nested.iter().zip(plain).map(|(a, b)| a.as_secs_f64() - b.as_secs_f64()).collect();
    let mut sorted = overhead.clone();
    sorted.sort_by(f64::total_cmp);
    let overhead = sorted.get(sorted.len() / 2).copied().unwrap_or_default();
    format!(
        "## A Terraform module\n\n\
         | | seconds | beside the row above it |\n|---|---|---|\n\
         | terraform init, plan, show -json | {:.2} | |\n\
         | deployctl plan, the first | {:.2} | ratio {:.2}, difference {overhead:+.2} s |\n\
         | deployctl plan, initialised already | {:.2} | ratio {:.2} |\n\
         | {MODULES} modules, one plan after the other | {:.2} | |\n\
         | {MODULES} modules in one plan | {:.2} | ratio {:.2} |\n",
        median(plain),
        median(nested),
        ratio(nested, plain),
        median(again),
        ratio(again, nested),
        median(after),
        median(beside),
        ratio(beside, after),
    )
}
