//! `cargo xtask bench state`: what a state costs that is far away, in S3 and in PostgreSQL, beside one on this disk and beside
//! Terraform's in the same bucket.
//!
//! A proxy on loopback holds up every piece of what passes, each way for half of the latency. What a run takes longer than the
//! same run with its state on this disk is what it spends waiting for the state.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use clap::Args;

use super::{disk, process, table};
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
    /// How many pieces of questions passed the proxy in one apply.
    questions: usize,
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
    let bench = Bench { program, surroundings, scratch: scratch.path(), resources: arguments.resources, s3, postgres };
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
    let report = report(arguments, &taken, &peer);
    super::publish(&report, arguments.out.as_deref())
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
        let cost = |words: &[&str]| {
            let mut command = Command::new(&self.program);
            self.surroundings.apply(&mut command);
            command.args(words).current_dir(&folder).env("DEPLOYCTL_STATE_KEY", "0".repeat(64));
            process::measure(command.env("AWS_EC2_METADATA_DISABLED", "true")).map(|cost| cost.time)
        };
        // The first run of all makes tables and looks at the place for the first time.
        cost(&["state", "list"])?;
        taken.plan.push(cost(&["plan"])?);
        proxy.questions.store(0, Ordering::Relaxed);
        taken.apply.push(cost(&["apply", "--auto-approve"])?);
        taken.questions = proxy.questions.load(Ordering::Relaxed);
        taken.again.push(cost(&["plan"])?);
        Ok(())
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
        taken.plan.push(cost(&["plan", "-input=false"])?);
        self.s3.questions.store(0, Ordering::Relaxed);
        taken.apply.push(cost(&["apply", "-input=false", "-auto-approve"])?);
        taken.questions = self.s3.questions.load(Ordering::Relaxed);
        taken.again.push(cost(&["plan", "-input=false"])?);
        Ok(())
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
    let median = |times: &[Duration]| {
        let mut sorted = times.to_vec();
        sorted.sort_unstable();
        sorted.get(sorted.len() / 2).copied().unwrap_or_default()
    };
    let [disk, s3, postgres] = taken;
    let mut text = format!(
        "## A state that is {} ms away, {} values\n\n| State | first plan | apply | of that for the state | plan again | pieces sent in an apply |\n\
         |---|---|---|---|---|---|\n",
        arguments.latency, arguments.resources
    );
    let base = median(&disk.apply);
    let mut rows = vec![("deployctl, on this disk", disk), ("deployctl, S3", s3), ("deployctl, PostgreSQL", postgres)];
    if !peer.apply.is_empty() {
        rows.push(("Terraform, S3", peer));
    }
    for (name, taken) in rows {
        let (spread, over) = (table::spread, median(&taken.apply).saturating_sub(base).as_secs_f64());
        let over = if name.starts_with("deployctl") { format!("{over:.2} s") } else { "–".to_owned() };
        text.push_str(&format!(
            "| {name} | {} | {} | {over} | {} | {} |\n",
            spread(&taken.plan),
            spread(&taken.apply),
            spread(&taken.again),
            taken.questions
        ));
    }
    if !peer.apply.is_empty() {
        let ratio = median(&peer.apply).as_secs_f64() / median(&s3.apply).as_secs_f64().max(0.001);
        text.push_str(&format!("\nTerraform takes {ratio:.1} times as long for the same apply.\n"));
    }
    text
}

/// A proxy that holds up what passes, each way for half of the latency.
struct Proxy {
    address: String,
    /// How many pieces came from clients.
    questions: Arc<AtomicUsize>,
}

impl Proxy {
    fn new(server: &'static str, latency: Duration) -> Result<Self, Failure> {
        let listener = TcpListener::bind("127.0.0.1:0").map_err(|error| format!("cannot listen: {error}"))?;
        let address = listener.local_addr().map_err(|error| error.to_string())?.to_string();
        let questions = Arc::new(AtomicUsize::new(0));
        let counted = questions.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect(server) else { return };
                let (Ok(back_from), Ok(back_to)) = (server.try_clone(), client.try_clone()) else { return };
                let _ = (client.set_nodelay(true), server.set_nodelay(true));
                let counted = counted.clone();
                std::thread::spawn(move || pass(client, server, latency / 2, Some(&counted)));
                std::thread::spawn(move || pass(back_from, back_to, latency / 2, None));
            }
        });
        Ok(Self { address, questions })
    }
}

/// Passes on what comes, each piece as much later as is said, without holding up the next.
fn pass(mut from: TcpStream, mut to: TcpStream, later: Duration, counted: Option<&AtomicUsize>) {
    let (send, receive) = mpsc::channel::<(Instant, Vec<u8>)>();
    let writer = std::thread::spawn(move || {
        for (due, piece) in receive {
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            if to.write_all(&piece).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Write);
    });
    let mut piece = vec![0; 256 * 1024];
    while let Ok(count) = from.read(&mut piece) {
        let Some(read) = piece.get(..count).filter(|read| !read.is_empty()) else { break };
        if let Some(counted) = counted {
            counted.fetch_add(1, Ordering::Relaxed);
        }
        if send.send((Instant::now() + later, read.to_vec())).is_err() {
            break;
        }
    }
    drop(send);
    let _ = writer.join();
}
