//! The programs that are measured against each other, and how each is told to do the same thing.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::disk;
use crate::Failure;
use crate::engines::kept_tofu;

/// One program.
pub struct Side {
    /// What it is called in the table.
    pub name: String,
    /// Its version, in its own words.
    pub version: String,
    program: PathBuf,
    terraform_like: bool,
}

impl Side {
    /// Our own.
    pub fn deployctl(program: PathBuf) -> Self {
        let version = first_line(&program);
        Self { name: "deployctl".to_owned(), version, program, terraform_like: false }
    }

    /// Terraform and OpenTofu, as far as they are installed, or built as an engine of the tests.
    pub fn peers() -> Vec<Self> {
        let named = [
            ("Terraform", vec!["terraform".into()]),
            ("OpenTofu", vec!["tofu".into(), kept_tofu().unwrap_or_default()]),
        ];
        let sides = named.into_iter().filter_map(|(name, programs)| {
            let found = programs.into_iter().map(|program: PathBuf| (first_line(&program), program));
            let (version, program) = found.into_iter().find(|(version, _)| !version.is_empty())?;
            Some(Self { name: name.to_owned(), version, program, terraform_like: true })
        });
        sides.collect()
    }

    /// The file that a configuration goes to.
    pub fn file(&self) -> &'static str {
        if self.terraform_like { "main.tf" } else { "main.hcl" }
    }

    /// The resource type that keeps a value and does nothing else.
    pub fn resource_type(&self) -> &'static str {
        if self.terraform_like { "terraform_data" } else { "value" }
    }

    /// The program in a folder, with its own settings out of the way.
    pub fn command<const N: usize>(&self, folder: &Path, arguments: [&str; N]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments).current_dir(folder).env("CHECKPOINT_DISABLE", "1").env_remove("TF_CLI_CONFIG_FILE");
        command
    }

    /// What has to happen once before anything can be measured.
    pub fn prepare(&self, folder: &Path) -> Result<(), Failure> {
        if !self.terraform_like {
            return Ok(());
        }
        let mut init = self.command(folder, ["init", "-input=false", "-no-color"]);
        super::process::measure(&mut init).map(drop)
    }

    /// Shows what would be done.
    pub fn plan(&self, folder: &Path) -> Command {
        if self.terraform_like {
            self.command(folder, ["plan", "-input=false", "-no-color"])
        } else {
            self.command(folder, ["plan"])
        }
    }

    /// Does it.
    pub fn apply(&self, folder: &Path) -> Command {
        if self.terraform_like {
            self.command(folder, ["apply", "-input=false", "-no-color", "-auto-approve"])
        } else {
            self.command(folder, ["apply", "--auto-approve"])
        }
    }

    /// An empty folder with this configuration.
    pub fn folder(&self, scratch: &Path, name: &str, configuration: &[u8]) -> Result<PathBuf, Failure> {
        let folder = scratch.join(format!("{name}-{}", self.name));
        disk::make_folder(&folder)?;
        disk::write(&folder.join(self.file()), configuration)?;
        self.prepare(&folder)?;
        Ok(folder)
    }
}

fn first_line(program: &Path) -> String {
    let answer = Command::new(program)
        .arg("version")
        .env("CHECKPOINT_DISABLE", "1")
        .env_remove("TF_CLI_CONFIG_FILE")
        .stdin(Stdio::null())
        .output();
    let answer = answer.map(|answer| String::from_utf8_lossy(&answer.stdout).into_owned()).unwrap_or_default();
    answer.lines().next().unwrap_or_default().trim().to_owned()
}
