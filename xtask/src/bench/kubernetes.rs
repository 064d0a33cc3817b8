//! `cargo xtask bench kubernetes`: many objects, beside `kubectl`.
//!
//! Both sides send the same manifests to the same API server and wait for no object to become ready. The sides take turns, each in a
//! namespace of its own; what counts is the ratio within one turn. `kubectl` has no plan, so planning without changes is
//! held against `kubectl diff`, and prune against deleting the same files.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use clap::Args;

use super::process::{self, Cost};
use super::{disk, table};
use crate::engines::Surroundings;
use crate::{Failure, cargo, engines, output};

/// How many objects stand in one resource where memory is measured.
const MANY: usize = 5_000;

/// How many objects stand in one file.
const PER_FILE: usize = 100;

/// What `cargo xtask bench kubernetes` takes.
#[derive(Args)]
pub struct Arguments {
    /// How many ConfigMaps
    #[arg(long, default_value_t = 500)]
    config_maps: usize,
    /// How many Deployments
    #[arg(long, default_value_t = 200)]
    deployments: usize,
    /// How often each measurement is repeated
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// Leave out what 5,000 objects in one resource cost
    #[arg(long)]
    without_many: bool,
    /// The deployctl program to measure, instead of building one
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
    /// Where the table is written, besides standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// What is done, in order.
const STEPS: [&str; 4] = ["create", "plan without changes", "change of all", "prune of all"];

/// What one step cost either side.
#[derive(Default)]
struct Step {
    own: Vec<Duration>,
    kubectl: Vec<Duration>,
}

/// Measures, and writes the table.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let (surroundings, up) = engines::up(&["kubernetes"]);
    up?;
    let program = super::program(arguments.program.as_deref())?;
    let scratch = disk::Scratch::new()?;
    let bench = Bench { program, scratch: scratch.path(), surroundings: &surroundings };
    let sizes = [("ConfigMaps", arguments.config_maps, 0), ("Deployments", 0, arguments.deployments)];
    let mut report = String::new();
    for (what, config_maps, deployments) in sizes.into_iter().filter(|(_, maps, sets)| maps + sets > 0) {
        let mut steps: [Step; 4] = Default::default();
        for run in 1..=arguments.runs.max(1) {
            output::note(&format!("{what}, run {run} of {}", arguments.runs.max(1)));
            bench.turn(&format!("{}-{run}", what.to_lowercase()), config_maps, deployments, &mut steps)?;
        }
        report.push_str(&shown(&format!("{} {what}", config_maps + deployments), &steps));
    }
    if !arguments.without_many {
        report.push_str(&bench.many()?);
    }
    super::publish(&report, arguments.out.as_deref())
}

struct Bench<'b> {
    program: PathBuf,
    scratch: &'b Path,
    surroundings: &'b Surroundings,
}

impl Bench<'_> {
    /// Every step once on both sides.
    fn turn(&self, name: &str, config_maps: usize, deployments: usize, steps: &mut [Step; 4]) -> Result<(), Failure> {
        let own = Side::new(self, &format!("{name}-own"), config_maps, deployments)?;
        let kubectl = Side::new(self, &format!("{name}-kubectl"), config_maps, deployments)?;
        let done = self.steps(&own, &kubectl, steps);
        // Objects that are left would slow the next turn down, and a namespace takes them along.
        let cleared = own.clear().and_then(|()| kubectl.clear());
        done.and(cleared)
    }

    fn steps(&self, own: &Side<'_>, kubectl: &Side<'_>, steps: &mut [Step; 4]) -> Result<(), Failure> {
        let [create, unchanged, change, prune] = steps;
        // What the controllers make of one side's objects must not slow the other side down, so each waits for its own.
        own.settings(true)?;
        create.own.push(own.deployctl(&["apply", "--auto-approve"])?.time);
        own.settle()?;
        create.kubectl.push(kubectl.kubectl(&["apply", "--server-side", "-f", "manifests"])?.time);
        kubectl.settle()?;
        unchanged.own.push(own.deployctl(&["plan"])?.time);
        unchanged.kubectl.push(kubectl.kubectl(&["diff", "--server-side", "-f", "manifests"])?.time);
        own.write("changed")?;
        kubectl.write("changed")?;
        change.own.push(own.deployctl(&["apply", "--auto-approve"])?.time);
        own.settle()?;
        change.kubectl.push(kubectl.kubectl(&["apply", "--server-side", "-f", "manifests"])?.time);
        kubectl.settle()?;
        own.settings(false)?;
        prune.own.push(own.deployctl(&["apply", "--auto-approve"])?.time);
        prune.kubectl.push(kubectl.kubectl(&["delete", "--wait=true", "-f", "manifests"])?.time);
        Ok(())
    }

    /// What one resource of many objects costs.
    fn many(&self) -> Result<String, Failure> {
        output::note(&format!("{MANY} objects in one resource"));
        let side = Side::new(self, "many", MANY, 0)?;
        let done = side.settings(true).and_then(|()| {
            let create = side.deployctl(&["apply", "--auto-approve"])?;
            let unchanged = side.deployctl(&["plan"])?;
            side.write("changed")?;
            let change = side.deployctl(&["apply", "--auto-approve"])?;
            side.settings(false)?;
            let prune = side.deployctl(&["apply", "--auto-approve"])?;
            Ok([create, unchanged, change, prune])
        });
        side.clear()?;
        let mut text = format!("\n## {MANY} ConfigMaps in one resource\n\n| | time | memory |\n|---|---|---|\n");
        for (step, cost) in STEPS.iter().zip(done?) {
            let memory = cost.memory / 1024 / 1024;
            let _ = writeln!(text, "| {step} | {} | {memory} MiB |", table::spread(&[cost.time]));
        }
        Ok(text)
    }
}

/// A folder with manifests, and a namespace for them.
struct Side<'b> {
    bench: &'b Bench<'b>,
    folder: PathBuf,
    namespace: String,
    config_maps: usize,
    deployments: usize,
}

impl<'b> Side<'b> {
    fn new(bench: &'b Bench<'b>, name: &str, config_maps: usize, deployments: usize) -> Result<Self, Failure> {
        let namespace = format!("bench-{}-{name}", std::process::id());
        let side = Self { bench, folder: bench.scratch.join(name), namespace, config_maps, deployments };
        disk::make_folder(&side.folder.join("manifests"))?;
        side.write("first")?;
        side.quiet("kubectl", &["create", "namespace", &side.namespace])?;
        Ok(side)
    }

    /// The manifests, in files of a hundred.
    fn write(&self, value: &str) -> Result<(), Failure> {
        let objects = (0..self.config_maps).map(|index| config_map(index, value));
        let objects: Vec<String> = objects.chain((0..self.deployments).map(|index| deployment(index, value))).collect();
        for (index, chunk) in objects.chunks(PER_FILE).enumerate() {
            disk::write(&self.folder.join(format!("manifests/{index:03}.yaml")), chunk.concat().as_bytes())?;
        }
        Ok(())
    }

    /// The configuration: all of the manifests, or one that is none of them.
    fn settings(&self, all: bool) -> Result<(), Failure> {
        let manifests = if all { "paths = [\"manifests\"]" } else { "documents = [local.rest]" };
        let rest = "apiVersion: v1\\nkind: ConfigMap\\nmetadata:\\n  name: rest\\n";
        let text = format!(
            "locals {{\n  rest = \"{rest}\"\n}}\n\nresource \"kubernetes_manifests\" \"bench\" {{\n  {manifests}\n  namespace = \"{}\"\n  wait      = false\n}}\n",
            self.namespace
        );
        disk::write(&self.folder.join("main.hcl"), text.as_bytes())
    }

    fn deployctl(&self, arguments: &[&str]) -> Result<Cost, Failure> {
        process::measure(&mut self.command(&self.bench.program, arguments))
    }

    fn kubectl(&self, arguments: &[&str]) -> Result<Cost, Failure> {
        let mut command = self.command(Path::new("kubectl"), &["--namespace", &self.namespace]);
        process::measure(command.args(arguments))
    }

    /// Waits until the controllers have nothing more to do: what they do meanwhile counts for neither side.
    fn settle(&self) -> Result<(), Failure> {
        if self.deployments == 0 {
            return Ok(());
        }
        for state in ["jsonpath={.status.updatedReplicas}=1", "jsonpath={.status.replicas}=1", "condition=Available"] {
            let wanted = format!("--for={state}");
            let wait = ["-n", &self.namespace, "wait", "deployment", "--all", &wanted, "--timeout=300s"];
            self.quiet("kubectl", &wait)?;
        }
        Ok(())
    }

    fn clear(&self) -> Result<(), Failure> {
        let patience = "--timeout=600s";
        self.quiet("kubectl", &["delete", "namespace", &self.namespace, "--ignore-not-found", "--wait=true", patience])
    }

    fn quiet(&self, program: &str, arguments: &[&str]) -> Result<(), Failure> {
        let mut command = self.command(Path::new(program), arguments);
        let status = command.stdin(Stdio::null()).stdout(Stdio::null()).status();
        match status {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(format!("`{}` failed ({status})", cargo::shown(&command))),
            Err(error) => Err(format!("cannot run `{}`: {error}", cargo::shown(&command))),
        }
    }

    fn command(&self, program: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(&self.folder);
        self.bench.surroundings.apply(&mut command);
        command
    }
}

fn config_map(index: usize, value: &str) -> String {
    format!(
        "---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings-{index}\n  labels: {{app: bench}}\ndata:\n  value: {value}\n  settings.ini: |\n    [server]\n    port = 8080\n    number = {index}\n"
    )
}

fn deployment(index: usize, value: &str) -> String {
    format!(
        "---\napiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web-{index}\n  labels: {{app: web-{index}}}\nspec:\n  replicas: 1\n  selector: {{matchLabels: {{app: web-{index}}}}}\n  template:\n    metadata: {{labels: {{app: web-{index}}}}}\n    spec:\n      containers:\n      - name: web\n        image: registry.example.com/web:{value}\n        ports: [{{containerPort: 8080}}]\n        resources: {{requests: {{cpu: 1m, memory: 1Mi}}}}\n"
    )
}

fn shown(title: &str, steps: &[Step]) -> String {
    let peers =
        ["`kubectl apply --server-side`", "`kubectl diff`", "`kubectl apply --server-side`", "`kubectl delete`"];
    let mut text = format!("\n## {title}\n\n| | deployctl | kubectl | times faster |\n|---|---|---|---|\n");
    for ((name, step), peer) in STEPS.iter().zip(steps).zip(peers) {
        let (own, kubectl) = (table::spread(&step.own), table::spread(&step.kubectl));
        let _ = writeln!(text, "| {name} | {own} | {peer}: {kubectl} | {} |", ratio(&step.kubectl, &step.own));
    }
    text
}

/// The median of the ratios turn by turn, with the least and the most.
fn ratio(kubectl: &[Duration], own: &[Duration]) -> String {
    let seconds = |time: &Duration| time.as_secs_f64().max(1e-9);
    let mut ratios: Vec<f64> = kubectl.iter().zip(own).map(|(kubectl, own)| seconds(kubectl) / seconds(own)).collect();
    ratios.sort_by(f64::total_cmp);
    match (ratios.first(), ratios.get(ratios.len() / 2), ratios.last()) {
        (Some(least), Some(median), Some(most)) => format!("{median:.1} ({least:.1}–{most:.1})"),
        _ => "–".to_owned(),
    }
}
