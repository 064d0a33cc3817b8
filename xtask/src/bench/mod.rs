//! `cargo xtask bench`: how fast deployctl is, beside Terraform and OpenTofu where they are installed, in one run.
//!
//! Every figure is a median of several runs with the spread beside it, and the sides take turns, so that a slow moment of
//! the machine meets all of them. Durability is part of what is measured: the table names what was written and synced, and
//! how long this machine takes for one `fdatasync`.

mod ansible;
mod configuration;
mod containers;
mod disk;
mod encryption;
mod kubernetes;
mod latency;
mod layers;
mod process;
mod shapes;
mod side;
mod state;
mod table;
mod terraform;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use crate::{Failure, cargo, output};
use side::Side;

/// How many resources `--large` measures.
const LARGE: usize = 100_000;

/// What `cargo xtask bench` takes.
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Arguments {
    #[command(subcommand)]
    what: Option<What>,
    /// How many resources stand in the ten layers
    #[arg(long, default_value_t = 1000)]
    resources: usize,
    /// How often each measurement is repeated
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// How often Terraform and OpenTofu are measured; as often as deployctl where it is not given
    #[arg(long, value_name = "N")]
    peer_runs: Option<usize>,
    /// Leave Terraform and OpenTofu out
    #[arg(long)]
    alone: bool,
    /// Measure deployctl with 100,000 resources too, and how the cost of one grows
    #[arg(long)]
    large: bool,
    /// Measure other shapes than layers too: wide, deep, fan-in, for_each, large attributes, large configurations
    #[arg(long)]
    shapes: bool,
    /// The deployctl program to measure, instead of building one
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
    /// Where the table is written, besides standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// What else can be measured.
#[derive(Subcommand)]
enum What {
    /// Containers on one network, beside Docker Compose and Terraform's provider for Docker
    Docker(containers::Arguments),
    /// A Compose project, beside Docker Compose itself
    Compose(containers::Arguments),
    /// Planning a playbook, beside Ansible's own check run
    Ansible(ansible::Arguments),
    /// Terraform modules, beside Terraform itself
    Terraform(terraform::Arguments),
    /// Objects of Kubernetes, beside kubectl
    Kubernetes(kubernetes::Arguments),
    /// A state that is far away, in S3 and in PostgreSQL, and one that is encrypted
    State(state::Arguments),
}

/// Measures, and writes the table.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.what {
        Some(What::Docker(arguments)) => return containers::docker(arguments),
        Some(What::Compose(arguments)) => return containers::compose(arguments),
        Some(What::Ansible(arguments)) => return ansible::run(arguments),
        Some(What::Terraform(arguments)) => return terraform::run(arguments),
        Some(What::Kubernetes(arguments)) => return kubernetes::run(arguments),
        Some(What::State(arguments)) => return state::run(arguments),
        None => {}
    }
    let program = program(arguments.program.as_deref())?;
    let own = Side::deployctl(program);
    let peers = if arguments.alone { Vec::new() } else { Side::peers() };
    let folder = disk::Scratch::new()?;

    let mut report = table::heading(&own, &peers, folder.path())?;
    let (runs, peer_runs) = (arguments.runs.max(1), arguments.peer_runs.unwrap_or(arguments.runs).max(1));
    let sides: Vec<(&Side, usize)> =
        std::iter::once((&own, runs)).chain(peers.iter().map(|peer| (peer, peer_runs))).collect();
    let measured = layers::measure(&sides, arguments.resources, folder.path())?;
    report.push_str(&table::layers(arguments.resources, &measured));
    if arguments.large {
        let large = layers::measure(&[(&own, runs)], LARGE, folder.path())?;
        report.push_str(&table::growth((arguments.resources, &measured), (LARGE, &large)));
    }
    report.push_str(&layers::start_up(&own, folder.path())?);
    if arguments.shapes {
        report.push_str(&shapes::measure(&own, arguments.runs, folder.path())?);
    }

    publish(&report, arguments.out.as_deref())
}

/// Prints a report, and writes it into a file where one is named.
fn publish(report: &str, file: Option<&Path>) -> Result<(), Failure> {
    output::result(report);
    match file {
        Some(file) => disk::write(file, report.as_bytes()),
        None => Ok(()),
    }
}

/// The program that was named, or the one as it is released.
fn program(named: Option<&Path>) -> Result<PathBuf, Failure> {
    match named {
        Some(program) => std::path::absolute(program).map_err(|error| format!("{}: {error}", program.display())),
        None => built(),
    }
}

/// The program as it is released.
fn built() -> Result<PathBuf, Failure> {
    output::note("building deployctl as it is released");
    cargo::run(&mut cargo::command(["build", "--release", "--locked", "--bin", "deployctl"])?)?;
    let target = match std::env::var_os("CARGO_TARGET_DIR") {
        Some(target) => PathBuf::from(target),
        None => cargo::root()?.join("target"),
    };
    Ok(target.join("release/deployctl"))
}
