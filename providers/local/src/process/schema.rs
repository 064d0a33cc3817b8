//! What a configuration may say of a process.

use deployctl_sdk::{Attribute, Nesting, ResourceSchema, Type, Value};

/// The type's name.
pub(crate) const TYPE: &str = "local_process";

/// Computed attributes that `prepare` settles where it can.
pub(crate) const SETTLED: &[&str] = &["status", "ports"];

/// The type.
pub(crate) fn schema() -> ResourceSchema {
    let mut schema = ResourceSchema::new(TYPE, DOC);
    schema.example = EXAMPLE.to_owned();
    schema.host_bound = true;
    schema.interrupts = true;
    schema.create_first = false;
    schema.has_health = true;
    schema.has_logs = true;
    schema.attributes = attributes();
    schema
}

const DOC: &str = "A service in the background of this machine that goes on after deployctl has ended. Each replica has a \
    supervisor that restarts it, keeps its log and stops it with all that it started. A supervisor that dies takes its \
    service with it; the next apply starts both again.\n\n\
    Changes of `command`, `args`, `env`, `cwd`, `port` or the log's path restart the replicas one after the other; other \
    changes interrupt nothing. The service inherits deployctl's environment without its own `DEPLOYCTL_…` variables.\n\n\
    In `args`, in the values of `env` and in the log's path, `{{port}}` stands for the first port's number, \
    `{{port.NAME}}` for that of the port with this name, and `{{replica}}` for the replica's number, counted from 0. \
    Everything but `env` can be seen by others on this machine, so only `env` may be sensitive.";

const EXAMPLE: &str = r#"resource "local_process" "api" {
  command  = "python3"
  args     = ["-m", "http.server", "{{port}}"]
  replicas = 2
  env = {
    API_TOKEN = var.token
  }
  port {
    name  = "http"
    range = "8000-8100"
    env   = "PORT"
  }
  restart {
    policy       = "on_failure"
    max_attempts = 5
  }
  stop {
    grace = "5s"
  }
}
"#;

fn attributes() -> Vec<Attribute> {
    let texts = || Type::List(Box::new(Type::String));
    let numbers = || Type::List(Box::new(Type::Number));
    vec![
        Attribute::required(
            "command",
            Type::String,
            "The program. With a `/` in its name it starts at the configuration's folder, otherwise it is looked up in \
             `PATH`. It is never handed to a shell.",
        ),
        Attribute::optional("args", texts(), "The program's arguments, as they are."),
        Attribute::optional(
            "env",
            Type::Map(Box::new(Type::String)),
            "Environment variables, besides those that deployctl has. The place for sensitive values.",
        ),
        Attribute::optional(
            "cwd",
            Type::String,
            "Where the program is run. A relative path starts at the configuration's folder, which is the default.",
        ),
        Attribute::optional("replicas", Type::Number, "How many of it run.").with_default(1),
        Attribute::optional(
            "start_seconds",
            Type::Number,
            "How long a replica must stay alive for its start to count as done.",
        )
        .with_default(Value::Number(half())),
        Attribute::block("port", Nesting::List, port(), "A port that the service listens on; may stand several times."),
        Attribute::block("log", Nesting::Single, log(), "Where the output of the service goes, and how much is kept."),
        Attribute::block("restart", Nesting::Single, restart(), "What happens when the service ends by itself."),
        Attribute::block("stop", Nesting::Single, stop(), "How the service is stopped."),
        Attribute::computed("pid", Type::Number, "The process id of the first replica's service.").volatile(),
        Attribute::computed("pids", numbers(), "The process ids of all replicas; null for one that is not running.")
            .volatile(),
        Attribute::computed(
            "status",
            Type::String,
            "`running`; `restarting` while a supervisor waits to start it again; `stopped` if a replica is not running.",
        ),
        Attribute::computed("started_at", Type::String, "When the first replica was last started.").volatile(),
        Attribute::computed("restarts", Type::Number, "How often the supervisors have restarted the replicas.")
            .volatile(),
        Attribute::computed(
            "ports",
            Type::Map(Box::new(numbers())),
            "The port numbers by the port's name, one for each replica: `ports.http[0]`.",
        )
        .volatile(),
        Attribute::computed("log_paths", texts(), "The log file of each replica.").volatile(),
    ]
}

fn half() -> deployctl_sdk::Number {
    deployctl_sdk::Number::from_f64(0.5).unwrap_or(deployctl_sdk::Number::from(1_i64))
}

fn port() -> Vec<Attribute> {
    vec![
        Attribute::optional("name", Type::String, "What it is called in `ports`; must be given if there are several.")
            .with_default("main"),
        Attribute::optional(
            "number",
            Type::Number,
            "Its number, if it is fixed. Either this or `range` must be given.",
        ),
        Attribute::optional("range", Type::String, "Take a free one from this range, like `8000-8100`, both included."),
        Attribute::optional("env", Type::String, "The environment variable that tells the service its number."),
    ]
}

fn log() -> Vec<Attribute> {
    vec![
        Attribute::optional(
            "path",
            Type::String,
            "The file; without it one beside the state. With several replicas it must contain `{{replica}}`. It is \
             removed with the resource.",
        ),
        Attribute::optional("max_size", Type::String, "How large the file may get before a new one is begun.")
            .with_default("10MiB"),
        Attribute::optional("max_files", Type::Number, "How many files are kept, the one being written included.")
            .with_default(3),
    ]
}

fn restart() -> Vec<Attribute> {
    vec![
        Attribute::optional(
            "policy",
            Type::String,
            "`always`, `on_failure` (when it ends with anything but exit code 0) or `never`.",
        )
        .with_default("on_failure"),
        Attribute::optional(
            "initial_backoff",
            Type::String,
            "How long to wait before the first restart; doubled each time.",
        )
        .with_default("500ms"),
        Attribute::optional("max_backoff", Type::String, "The longest wait before a restart.").with_default("30s"),
        Attribute::optional(
            "max_attempts",
            Type::Number,
            "How many restarts in a row before giving up; no limit without it. A minute of running starts the count anew.",
        ),
    ]
}

fn stop() -> Vec<Attribute> {
    vec![
        Attribute::optional("signal", Type::String, "The signal that asks it to end: `TERM`, `INT`, `QUIT`, `HUP`, …")
            .with_default("TERM"),
        Attribute::optional("grace", Type::String, "How long it may take to end before it is killed.")
            .with_default("10s"),
    ]
}
