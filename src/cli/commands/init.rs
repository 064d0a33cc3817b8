//! `deployctl init`: a configuration to start from.

use std::path::Path;

use crate::cli::Outcome;
use crate::cli::environment::Settings;
use crate::cli::exit::Exit;
use crate::cli::output::Output;
use crate::cli::session;
use crate::error::{Error, Result};
use crate::model::Graph;
use crate::render::text::counted;

/// Start a configuration in this folder, or check the one that is there.
///
/// Nothing else needs it: a configuration can be planned as it stands.
#[derive(Debug, clap::Args)]
pub struct Init {}

/// What a new configuration begins with. It works as it stands.
const STARTER: &str = r#"# `deployctl plan` shows what would be done, `deployctl apply` does it.

variable "name" {
  type        = string
  default     = "world"
  description = "Whom to greet"
}

resource "local_file" "greeting" {
  path    = "greeting.txt"
  content = "Hello, ${var.name}\n"
}

output "greeting" {
  value = local_file.greeting.path
}
"#;

/// Runs it.
pub fn run(settings: &Settings, output: &Output) -> Outcome {
    deployctl_sdk::fs::create_dir_all(&settings.dir).map_err(|error| Error::failed(error.to_string()))?;
    let root = session::folder(&settings.dir)?;
    state_folder(&root)?;
    if has_configuration(&root)? {
        let (_, config, _, _) = session::configuration(&settings.dir)?;
        Graph::build(&config).map_err(|found| Error::invalid(config.sources.clone(), found))?;
        let blocks = counted(config.resources.len(), "resource block");
        output.result(&format!("The configuration is valid: {blocks}. `deployctl plan` shows what would be done.\n"));
        return Ok(Exit::Done);
    }
    let main = root.join("main.hcl");
    deployctl_sdk::fs::write_new(&main, STARTER.as_bytes(), 0o644).map_err(|error| Error::failed(error.to_string()))?;
    output.result("Wrote main.hcl, a configuration to start from. `deployctl plan` shows what it would do.\n");
    Ok(Exit::Done)
}

fn has_configuration(root: &Path) -> Result<bool> {
    let entries = deployctl_sdk::fs::read_dir(root).map_err(|error| Error::failed(error.to_string()))?;
    Ok(entries.iter().any(|path| {
        path.file_name()
            .and_then(|name| name.to_str())
            .is_some_and(|name| name.ends_with(".hcl") && !name.ends_with(".vars.hcl") && !name.starts_with('.'))
    }))
}

/// The folder of the state, which no repository should hold.
fn state_folder(root: &Path) -> Result<()> {
    let folder = root.join(".deployctl");
    let failed = |error: deployctl_sdk::fs::FsError| Error::failed(error.to_string());
    deployctl_sdk::fs::create_dir_all(&folder).map_err(failed)?;
    let ignore = folder.join(".gitignore");
    if deployctl_sdk::fs::read_if_there(&ignore).map_err(failed)?.is_none() {
        deployctl_sdk::fs::write_new(&ignore, b"*\n", 0o644).map_err(failed)?;
    }
    Ok(())
}
