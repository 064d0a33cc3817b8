//! `cargo xtask fuzz`: the fuzz targets, with `cargo fuzz` on nightly where both are to be had, else with the plain harness that
//! is among the tests.

use std::path::Path;
use std::process::{Command, Stdio};

use clap::{Args, ValueEnum};

use crate::{Failure, cargo, files, output};

/// How much memory an input may take, in MiB, and for how many seconds.
const MEMORY: u32 = 2048;
const HANG: u32 = 5;

/// What `cargo xtask fuzz` takes.
#[derive(Args)]
pub struct Arguments {
    /// For how long each target is tried
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub seconds: u32,
    /// Use the plain harness on the stable toolchain, even where `cargo fuzz` is installed
    #[arg(long)]
    pub stable: bool,
    /// Only these targets; all of them if none is named
    #[arg(value_name = "TARGET")]
    pub targets: Vec<Target>,
}

/// A fuzz target.
#[derive(Clone, Copy, ValueEnum)]
pub enum Target {
    /// Bytes as a configuration file
    Config,
    /// Bytes as an expression
    Expression,
    /// Bytes as a state document
    State,
    /// Bytes as a journal
    Journal,
    /// Bytes as a saved plan
    Plan,
}

const ALL: [Target; 5] = [Target::Config, Target::Expression, Target::State, Target::Journal, Target::Plan];

impl Target {
    fn name(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Expression => "expression",
            Self::State => "state",
            Self::Journal => "journal",
            Self::Plan => "plan",
        }
    }

    /// The test that runs it with the plain harness.
    fn test(self) -> &'static str {
        match self {
            Self::Config => "fuzz::configurations",
            Self::Expression => "fuzz::expressions",
            Self::State => "fuzz::states",
            Self::Journal => "fuzz::journals",
            Self::Plan => "fuzz::saved_plans",
        }
    }
}

/// Runs the targets; the first find ends it.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let targets = if arguments.targets.is_empty() { &ALL[..] } else { &arguments.targets };
    if arguments.stable {
        return plainly(targets, arguments.seconds);
    }
    if !answers(&mut nightly(&["fuzz", "--version"])?) {
        output::note(
            "no `cargo fuzz` on a nightly toolchain, so the plain harness runs the targets; for the other one:",
        );
        output::note("  rustup toolchain install nightly && cargo install --locked cargo-fuzz");
        return plainly(targets, arguments.seconds);
    }
    targets.iter().try_for_each(|target| with_cargo_fuzz(*target, arguments.seconds))
}

/// Two at a time, because that is how many processors the smallest of machines has.
fn plainly(targets: &[Target], seconds: u32) -> Result<(), Failure> {
    let names: Vec<&str> = targets.iter().map(|target| target.test()).collect();
    let mut tests = cargo::command(["test", "--workspace", "--locked", "--test", "it", "--"])?;
    tests.args(["--exact", "--test-threads", "2"]).args(names);
    cargo::run(tests.env("DEPLOYCTL_TEST_FUZZ_SECONDS", seconds.to_string()))
}

fn with_cargo_fuzz(target: Target, seconds: u32) -> Result<(), Failure> {
    let name = target.name();
    // What it finds of new ways goes into the first folder, so that the committed corpus stays as it is.
    let scratch = format!("target/corpus/{name}");
    files::make_folder(&cargo::root()?.join("fuzz").join(&scratch))?;
    let mut fuzz = nightly(&["fuzz", "run", name, &scratch, &format!("corpus/{name}")])?;
    let regressions = format!("regressions/{name}");
    if cargo::root()?.join("fuzz").join(&regressions).is_dir() {
        fuzz.arg(regressions);
    }
    fuzz.arg("--").args([
        format!("-max_total_time={seconds}"),
        format!("-timeout={HANG}"),
        format!("-rss_limit_mb={MEMORY}"),
        "-verbosity=0".to_owned(),
        "-print_final_stats=1".to_owned(),
    ]);
    output::note(&format!("{name}, for {seconds} s"));
    cargo::run(&mut fuzz).map_err(|failure| {
        format!(
            "{failure}; what it found is in fuzz/artifacts/{name}: mend it, and keep it in fuzz/{0}",
            format_args!("regressions/{name}")
        )
    })
}

/// `cargo` of the nightly toolchain, in the folder of the targets.
fn nightly(arguments: &[&str]) -> Result<Command, Failure> {
    let mut command = Command::new("cargo");
    command.arg("+nightly").args(arguments).current_dir(cargo::root()?.join(Path::new("fuzz")));
    // Set by the cargo that runs us, for its own toolchain.
    for name in ["RUSTUP_TOOLCHAIN", "CARGO", "RUSTC", "RUSTDOC", "CARGO_MANIFEST_DIR"] {
        command.env_remove(name);
    }
    Ok(command)
}

fn answers(command: &mut Command) -> bool {
    let silent = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    silent.status().is_ok_and(|status| status.success())
}
