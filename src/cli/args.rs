//! What can be written on the command line. The comments here are the help.

use std::fmt;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
use deployctl_sdk::Address;

use super::commands;
use crate::plan::{Mode, PlanRequest};

/// One plan, one apply, one rollback for everything a team deploys.
#[derive(Debug, Parser)]
#[command(name = "deployctl", version, disable_help_subcommand = true, max_term_width = 100)]
#[command(
    after_help = "Exit codes: 0 done or no change · 1 failed · 2 changes (with --detailed-exitcode) · 3 saved plan \
    is stale · 4 locked · 5 interrupted · 6 refused · 64 wrong usage · 65 configuration invalid"
)]
pub struct Cli {
    /// Flags of every command.
    #[command(flatten)]
    pub global: Global,
    /// The command.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Flags of every command.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Everywhere")]
pub struct Global {
    /// Work in this folder [env: DEPLOYCTL_DIR]
    #[arg(short = 'C', long = "dir", alias = "chdir", value_name = "DIR", global = true, value_hint = ValueHint::DirPath)]
    pub dir: Option<PathBuf>,
    /// Work on this environment [env: DEPLOYCTL_ENV]
    #[arg(long, value_name = "NAME", global = true)]
    pub env: Option<String>,
    /// Set a variable of the configuration; more than once for more [env: DEPLOYCTL_VAR_NAME]
    #[arg(long, value_name = "NAME=VALUE", global = true, value_parser = assignment)]
    pub var: Vec<(String, String)>,
    /// Read variables from this file
    #[arg(long, value_name = "FILE", global = true, value_hint = ValueHint::FilePath)]
    pub var_file: Vec<PathBuf>,
    /// Print results as JSON
    #[arg(long, global = true)]
    pub json: bool,
    /// When to use colour: auto, always or never [env: DEPLOYCTL_COLOR, NO_COLOR]
    #[arg(long, value_name = "WHEN", global = true, hide_possible_values = true)]
    pub color: Option<ColorWhen>,
    /// The same as `--color never`
    #[arg(long, global = true, hide = true)]
    pub no_color: bool,
    /// Log what deployctl itself does: error, warn, info, debug or trace [env: DEPLOYCTL_LOG]
    #[arg(long, value_name = "LEVEL", global = true, hide_possible_values = true)]
    pub log_level: Option<LogLevel>,
    /// How to write that log: text or json [env: DEPLOYCTL_LOG_FORMAT]
    #[arg(long, value_name = "FORMAT", global = true, hide_possible_values = true)]
    pub log_format: Option<LogFormat>,
}

/// When to use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ColorWhen {
    /// On a terminal
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// What to log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogLevel {
    /// Only what failed
    Error,
    /// And what is odd
    Warn,
    /// And what is done
    Info,
    /// And how
    Debug,
    /// And everything else
    Trace,
}

impl fmt::Display for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        })
    }
}

/// How to log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// A line of words
    Text,
    /// A line of JSON
    Json,
}

/// The commands, in the order in which help shows them.
///
/// What each of them says of itself stands with its arguments.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Init(commands::init::Init),
    Validate(commands::validate::Validate),
    Fmt(commands::fmt::Fmt),
    Console(commands::console::Console),
    Graph(commands::graph::Graph),
    Schema(commands::schema::Schema),
    Plan(commands::plan::Plan),
    #[command(visible_alias = "deploy")]
    Apply(commands::apply::Apply),
    Destroy(commands::destroy::Destroy),
    Rollback(commands::rollback::Rollback),
    Show(commands::show::Show),
    Output(commands::output::OutputValue),
    Status(commands::status::Status),
    Health(commands::health::Health),
    List(commands::list::List),
    History(commands::history::History),
    #[command(subcommand)]
    State(commands::state::State),
    Import(commands::import::Import),
    Logs(commands::logs::Logs),
    Completions(commands::completions::Completions),
    Version(commands::version::Version),
}

/// Which resources a plan is about.
#[derive(Debug, Clone, Args)]
pub struct Selection {
    /// Only this resource, with what it depends on; more than once for more
    #[arg(long, value_name = "ADDRESS")]
    pub target: Vec<Address>,
    /// Not this resource, nor what depends on it
    #[arg(long, value_name = "ADDRESS")]
    pub exclude: Vec<Address>,
    /// Replace this resource though nothing forces it
    #[arg(long, value_name = "ADDRESS")]
    pub replace: Vec<Address>,
    /// Look at what is really there first; `--refresh=false` trusts the state
    #[arg(long, value_name = "BOOL", default_value_t = true, hide_default_value = true, hide_possible_values = true, num_args = 0..=1, require_equals = true,
        default_missing_value = "true", action = clap::ArgAction::Set)]
    pub refresh: bool,
}

impl Selection {
    /// The request for a plan of that mode.
    pub fn request(&self, mode: Mode) -> PlanRequest {
        PlanRequest {
            mode,
            targets: self.target.clone(),
            excludes: self.exclude.clone(),
            replaces: self.replace.clone(),
            refresh: self.refresh,
            exactly: None,
        }
    }

    /// Whether anything in it narrows a plan or changes it.
    pub fn is_given(&self) -> bool {
        !(self.target.is_empty() && self.exclude.is_empty() && self.replace.is_empty() && self.refresh)
    }
}

/// How a plan is applied.
#[derive(Debug, Clone, Default, Args)]
pub struct Applying {
    /// Do not ask
    #[arg(long)]
    pub auto_approve: bool,
    /// How many actions at once [default: 10] [env: DEPLOYCTL_PARALLELISM]
    #[arg(long, value_name = "COUNT", value_parser = positive)]
    pub parallelism: Option<usize>,
    /// Start nothing more once something failed
    #[arg(long)]
    pub fail_fast: bool,
    /// Also allow deletions and replacements that only show in the middle of the apply
    #[arg(long)]
    pub approve_deferred: bool,
    /// How long to wait for another run to end, such as 30s or 5m [default: 0s] [env: DEPLOYCTL_LOCK_TIMEOUT]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub lock_timeout: Option<std::time::Duration>,
}

/// How long to wait for the lock, for commands that write the state and apply nothing.
#[derive(Debug, Clone, Default, Args)]
pub struct Locking {
    /// How long to wait for another run to end, such as 30s or 5m [default: 0s] [env: DEPLOYCTL_LOCK_TIMEOUT]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub lock_timeout: Option<std::time::Duration>,
}

fn assignment(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => Ok((name.trim().to_owned(), value.to_owned())),
        _ => Err("write it as NAME=VALUE".to_owned()),
    }
}

fn positive(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(count) if count > 0 => Ok(count),
        _ => Err("must be a whole number above 0".to_owned()),
    }
}

/// A time such as `0`, `500ms`, `30s`, `1.5m` or `2h`; a bare number means seconds.
pub fn duration(text: &str) -> Result<std::time::Duration, String> {
    let text = text.trim();
    let split = text.find(|c: char| c != '.' && !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let scale = match unit {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return Err("write a time as 500ms, 30s, 5m or 2h".to_owned()),
    };
    let seconds: f64 = number.parse().map_err(|_| "write a time as 500ms, 30s, 5m or 2h".to_owned())?;
    std::time::Duration::try_from_secs_f64(seconds * scale).map_err(|_| "the time is too long".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn times_are_read() {
        let millis = |text: &str| duration(text).map(|time| time.as_millis());
        assert_eq!(millis("30s"), Ok(30_000));
        assert_eq!(millis("1.5m"), Ok(90_000));
        assert_eq!(millis("500ms"), Ok(500));
        assert_eq!(millis("0"), Ok(0));
        for text in ["", "s", "1.2.3s", "5 minutes", "-1s", "99999999999999999999h"] {
            assert!(millis(text).is_err(), "{text}");
        }
    }
}
