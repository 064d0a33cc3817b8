//! `cargo xtask bench state`: what a state costs that is far away, in S3 and in PostgreSQL, beside one on this disk and beside
//! Terraform's in the same bucket; what it costs that a state is encrypted; and what a run pays at its start that needs neither.
//!
//! A proxy makes the servers far away. What a run takes longer than the same run with its state on this disk is what it spends
//! waiting for the state.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use clap::Args;

use super::latency::{Asked, Proxy};
use super::side::Side;
use super::{disk, encryption, layers, process, table};
use crate::engines::Surroundings;
use crate::{Failure, engines, output};

/// What `cargo xtask bench state` takes.
#[derive(Args)]
pub struct Arguments {
    /// How many values are applied
    #[arg(long, default_value_t = 1000)]
    resources: usize,
    /// How long a question and its answer are held up, in milliseconds
    #[arg(long, default_value_t = 50)]
    latency: u64,
    /// How often each measurement is repeated
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// How many resources the encrypted state has; 0 leaves it out
    #[arg(long, default_value_t = super::LARGE)]
    encrypted: usize,
    /// The deployctl program to measure, instead of building one
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
    /// Where the table is written, besides standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Where a state is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Disk,
    S3,
    Postgres,
}

/// What a run took.
#[derive(Default)]
struct Taken {
    plan: Vec<Duration>,
    apply: Vec<Duration>,
    again: Vec<Duration>,
    /// How often the server was asked by the last run of each.
    asked: [Asked; 3],
}

/// Measures, and writes the table.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let (surroundings, up) = engines::up(&["s3", "postgres"]);
    up?;
    let program = super::program(arguments.program.as_deref())?;
    let scratch = disk::Scratch::new()?;
    let latency = Duration::from_millis(arguments.latency);
    let s3 = Proxy::new("127.0.0.1:19000", latency)?;
    let postgres = Proxy::new("127.0.0.1:15432", latency)?;
    let bench = Bench {
        program: program.clone(),
        surroundings,
        scratch: scratch.path(),
        resources: arguments.resources,
        s3,
        postgres,
    };
    let places = [Place::Disk, Place::S3, Place::Postgres];
    let mut taken: [Taken; 3] = Default::default();
    let mut peer = Taken::default();
    for run in 1..=arguments.runs.max(1) {
        output::note(&format!("run {run} of {}", arguments.runs.max(1)));
        for (place, taken) in places.iter().zip(&mut taken) {
            bench.deployctl(*place, run, taken)?;
        }
        bench.terraform(run, &mut peer)?;
    }
    let mut report = report(arguments, &taken, &peer);
    if arguments.encrypted > 0 {
        report.push_str(&encryption::compare(&program, arguments.encrypted, arguments.runs.max(1), scratch.path())?);
    }
    report.push_str(&layers::start_up(&Side::deployctl(program), scratch.path())?);
    super::publish(&report, arguments.out.as_deref())
}

impl Taken {
    /// Runs the three steps one after the other.
    fn take(
        &mut self,
        proxy: &Proxy,
        steps: [&[&str]; 3],
        cost: impl Fn(&[&str]) -> Result<Duration, Failure>,
    ) -> Result<(), Failure> {
        let times = [&mut self.plan, &mut self.apply, &mut self.again];
        for ((words, times), asked) in steps.into_iter().zip(times).zip(&mut self.asked) {
            // What went before is no part of it.
            proxy.asked();
            times.push(cost(words)?);
            *asked = proxy.asked();
        }
        Ok(())
    }
}

struct Bench<'b> {
    program: PathBuf,
    surroundings: Surroundings,
    scratch: &'b Path,
    resources: usize,
    s3: Proxy,
    postgres: Proxy,
}

impl Bench<'_> {
    fn deployctl(&self, place: Place, run: usize, taken: &mut Taken) -> Result<(), Failure> {
        let name = format!("bench-{place:?}-{}-{run}", std::process::id()).to_lowercase();
        let folder = self.scratch.join(&name);
        disk::make_folder(&folder)?;
        let state = match place {
            Place::Disk => String::new(),
            Place::S3 => {
                self.bucket(&name)?;
                format!(
                    "state \"s3\" {{\n bucket = \"{name}\"\n key = \"bench\"\n region = \"us-east-1\"\n endpoint = \"http://{}\"\n \
                     path_style = true\n}}\n",
                    self.s3.address
                )
            }
            Place::Postgres => format!(
                "state \"postgres\" {{\n key = \"{name}\"\n schema = \"bench\"\n \
                 url = \"postgres://deployctl:deployctl@{}/deployctl?sslmode=disable\"\n}}\n",
                self.postgres.address
            ),
        };
        let values = format!("resource \"value\" \"many\" {{\n count = {}\n input = count.index\n}}\n", self.resources);
        disk::write(&folder.join("main.hcl"), format!("deployctl {{\n{state}}}\n{values}").as_bytes())?;
        let proxy = if place == Place::Postgres { &self.postgres } else { &self.s3 };
        taken.take(proxy, [&["plan"], &["apply", "--auto-approve"], &["plan"]], |words| {
            let mut command = Command::new(&self.program);
            self.surroundings.apply(&mut command);
            command.args(words).current_dir(&folder).env("DEPLOYCTL_STATE_KEY", "0".repeat(64));
            process::measure(command.env("AWS_EC2_METADATA_DISABLED", "true")).map(|cost| cost.time)
        })
    }

    /// Terraform with its state in the same bucket, where it is installed.
    fn terraform(&self, run: usize, taken: &mut Taken) -> Result<(), Failure> {
        let name = format!("bench-terraform-{}-{run}", std::process::id());
        let folder = self.scratch.join(&name);
        let there = Command::new("terraform").arg("version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        if !there.is_ok_and(|status| status.success()) {
            return Ok(());
        }
        disk::make_folder(&folder)?;
        self.bucket(&name)?;
        let text = format!(
            "terraform {{\n  backend \"s3\" {{\n    bucket = \"{name}\"\n    key = \"bench\"\n    region = \"us-east-1\"\n    \
             use_path_style = true\n    use_lockfile = true\n    skip_credentials_validation = true\n    \
             skip_metadata_api_check = true\n    skip_requesting_account_id = true\n    skip_region_validation = true\n    \
             skip_s3_checksum = true\n    endpoints = {{ s3 = \"http://{}\" }}\n  }}\n}}\nresource \"terraform_data\" \"many\" {{\n  \
             count = {}\n  input = count.index\n}}\n",
            self.s3.address, self.resources
        );
        disk::write(&folder.join("main.tf"), text.as_bytes())?;
        let cost = |words: &[&str]| {
            let mut command = Command::new("terraform");
            self.surroundings.apply(&mut command);
            command.args(words).current_dir(&folder).env("CHECKPOINT_DISABLE", "1").env_remove("TF_CLI_CONFIG_FILE");
            process::measure(&mut command).map(|cost| cost.time)
        };
        cost(&["init", "-input=false"])?;
        let plan: &[&str] = &["plan", "-input=false"];
        taken.take(&self.s3, [plan, &["apply", "-input=false", "-auto-approve"], plan], cost)
    }

    /// Makes a bucket; curl signs the request.
    fn bucket(&self, name: &str) -> Result<(), Failure> {
        let mut command = Command::new("curl");
        command.args(["-sf", "-X", "PUT", "--aws-sigv4", "aws:amz:us-east-1:s3"]);
        command.args(["--user", "deployctl-test:deployctl-test-secret"]).arg(format!("http://127.0.0.1:19000/{name}"));
        let made = command.stdout(Stdio::null()).status();
        if made.is_ok_and(|status| status.success()) {
            return Ok(());
        }
        Err(format!("cannot make the bucket {name}: is curl 7.75 or newer installed?"))
    }
}

fn report(arguments: &Arguments, taken: &[Taken; 3], peer: &Taken) -> String {
    let [disk, s3, postgres] = taken;
    let mut text = format!(
        "## A state that is {} ms away, {} values\n\nIn brackets behind a figure of time its spread; behind one of questions how \
         many of them followed each other, the others being asked at the same time.\n\n\
         | State | first plan | apply | of that for the state | plan again | questions: first plan | apply | plan again |\n\
         |---|---|---|---|---|---|---|---|\n",
        arguments.latency, arguments.resources
    );
    let base = table::median(&disk.apply);
    let mut rows = vec![("deployctl, on this disk", disk), ("deployctl, S3", s3), ("deployctl, PostgreSQL", postgres)];
    if !peer.apply.is_empty() {
        rows.push(("Terraform, S3", peer));
    }
    for (name, taken) in rows {
        let over = table::median(&taken.apply).saturating_sub(base).as_secs_f64();
        let over = if name.starts_with("deployctl") { format!("{over:.2} s") } else { "–".to_owned() };
        let [plan, apply, again] = [&taken.plan, &taken.apply, &taken.again].map(|times| table::spread(times));
        let asked = taken.asked.map(|asked| format!("{} ({} in a row)", asked.questions, asked.in_a_row)).join(" | ");
        text.push_str(&format!("| {name} | {plan} | {apply} | {over} | {again} | {asked} |\n"));
    }
    if !peer.apply.is_empty() {
        let ratio = table::median(&peer.apply).as_secs_f64() / table::median(&s3.apply).as_secs_f64().max(0.001);
        text.push_str(&format!("\nTerraform takes {ratio:.1} times as long for the same apply.\n"));
    }
    text
}
