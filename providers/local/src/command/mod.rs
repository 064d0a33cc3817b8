//! `local_command`: commands that are run when a resource is made, changed and removed. Migrations and pre-deploy hooks
//! are written with it.

mod apply;
mod plan;
mod run;

use deployctl_sdk::{AttrPath, Attribute, Desired, Number, Prepared, ProviderError, ResourceSchema, Type, Value};

pub(crate) use apply::apply;
pub(crate) use plan::plan;

use crate::attributes::{check_arguments, check_environment};
use crate::duration;

/// The type's name.
pub(crate) const TYPE: &str = "local_command";

/// How much of each output is kept: the end of it.
pub(crate) const KEPT: usize = 64 * 1024;

/// What a configuration may say of a command.
pub(crate) fn schema() -> ResourceSchema {
    let doc = "Commands that are run when the resource is created, changed and destroyed. Each is a list of a program \
        and its arguments, never handed to a shell; for a shell write `[\"sh\", \"-c\", \"…\"]`. \n\n\
        When `create`, `env`, `working_dir`, `stdin` or `triggers` change, `update` is run if there is one; without it \
        the resource is replaced: `destroy` is run with what it was made with, then `create`. Changes of the other \
        attributes are only recorded. A command that was interrupted is run again, so it should stand that. \n\n\
        The commands inherit deployctl's environment without its own `DEPLOYCTL_…` variables.";
    let mut schema = ResourceSchema::new(TYPE, doc);
    schema.not_brought_back = Some("what its commands did".to_owned());
    schema.example = EXAMPLE.to_owned();
    schema.host_bound = true;
    schema.create_first = false;
    schema.attributes = attributes();
    schema
}

fn attributes() -> Vec<Attribute> {
    let arguments = || Type::List(Box::new(Type::String));
    let path =
        "A program with a `/` in its name starts at the configuration's folder, any other is looked up in `PATH`.";
    vec![
        Attribute::required(
            "create",
            arguments(),
            &format!("The program and its arguments to run when the resource is created. {path}"),
        ),
        Attribute::optional("update", arguments(), "What to run when the resource is changed."),
        Attribute::optional("destroy", arguments(), "What to run when the resource is destroyed or replaced."),
        Attribute::optional(
            "env",
            Type::Map(Box::new(Type::String)),
            "Environment variables for the commands, besides those that deployctl has. The place for sensitive values.",
        ),
        Attribute::optional(
            "working_dir",
            Type::String,
            "Where the commands are run. A relative path starts at the configuration's folder, which is the default.",
        ),
        Attribute::optional("stdin", Type::String, "What `create` and `update` are given on standard input."),
        Attribute::optional(
            "timeout",
            Type::String,
            "How long each command may take, like `30s` or `10m`; no limit without it. It is then asked to end, and \
             killed if it does not, with all that it started.",
        ),
        Attribute::optional(
            "triggers",
            Type::Map(Box::new(Type::Any)),
            "Values that the commands are not given but that have them run again when they change.",
        ),
        Attribute::optional("exit_codes", Type::List(Box::new(Type::Number)), "The exit codes that count as success.")
            .with_default(vec![Value::from(0)]),
        Attribute::optional(
            "capture_sensitive",
            Type::Bool,
            "Whether the output is sensitive. Without it, it is if `env` or `stdin` hold something sensitive. With \
             `false` the sensitive values that were passed are masked in it.",
        ),
        Attribute::computed("stdout", Type::String, "What the last command wrote, the last 64 KiB of it.").volatile(),
        Attribute::computed("stderr", Type::String, "What it wrote to standard error, the last 64 KiB.").volatile(),
        Attribute::computed("exit_code", Type::Number, "How the last command ended.").volatile(),
    ]
}

const EXAMPLE: &str = r#"resource "local_command" "migrate" {
  create      = ["./bin/migrate", "up"]
  update      = ["./bin/migrate", "up"]
  working_dir = "db"
  timeout     = "5m"
  env = {
    DATABASE_URL = var.database_url
  }
  triggers = {
    migrations = filesha256("db/migrations.sql")
  }
}
"#;

/// Checks a configuration beyond its schema.
///
/// # Errors
/// Everything that is wrong with it.
pub(crate) fn prepare(desired: &Desired) -> Result<Prepared, Vec<ProviderError>> {
    let config = &desired.config;
    let mut problems: Vec<ProviderError> =
        ["create", "update", "destroy"].iter().filter_map(|name| check_arguments(config, name, true)).collect();
    check_environment(config, "env", &mut problems);
    problems.extend(duration::at(config, &AttrPath::of("timeout")).err());
    if config.get("working_dir").is_some_and(|folder| folder.as_str() == Some("")) {
        let error = ProviderError::invalid(AttrPath::of("working_dir"), "`working_dir` is empty");
        problems.push(error.with_hint("leave it out for the configuration's folder"));
    }
    for (index, code) in config.get("exit_codes").and_then(Value::as_list).unwrap_or_default().iter().enumerate() {
        if code.as_number().is_some_and(|code| !code.to_i64().is_some_and(|code| (0..=255).contains(&code))) {
            let path = AttrPath::of("exit_codes").index(index);
            problems.push(ProviderError::invalid(path, "an exit code is a whole number from 0 to 255"));
        }
    }
    if problems.is_empty() { Ok(Prepared { config: config.clone(), captured: Vec::new() }) } else { Err(problems) }
}

/// The exit codes that count as success.
pub(crate) fn expected_codes(config: &Value) -> Vec<i64> {
    match config.get("exit_codes").and_then(Value::as_list) {
        Some(codes) if !codes.is_empty() => {
            codes.iter().filter_map(Value::as_number).filter_map(Number::to_i64).collect()
        }
        _ => vec![0],
    }
}
