//! The program: Terraform or OpenTofu, where it is and which version it has.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use deployctl_sdk::program::{self, Invocation};
use deployctl_sdk::{AttrPath, ErrorKind, ProviderError};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use crate::cache;
use crate::schema::attribute;

/// Which of the two it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Flavour {
    /// HashiCorp's.
    Terraform,
    /// The Linux Foundation's.
    OpenTofu,
}

impl Flavour {
    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Terraform => "Terraform",
            Self::OpenTofu => "OpenTofu",
        }
    }

    /// The oldest version that has all that is used here: `plan -json`, `-refresh-only`, and overrides of `sensitive`.
    fn oldest(self) -> (u64, u64) {
        match self {
            Self::Terraform => (1, 5),
            Self::OpenTofu => (1, 6),
        }
    }
}

/// A program that was found.
#[derive(Debug, Clone)]
pub(crate) struct Engine {
    /// Where it is.
    pub(crate) program: PathBuf,
    /// Which it is.
    pub(crate) flavour: Flavour,
    /// Its version, as it says it.
    pub(crate) version: String,
}

impl Engine {
    /// Its name and version.
    pub(crate) fn named(&self) -> String {
        format!("{} {}", self.flavour.name(), self.version)
    }
}

/// The programs that were found in this run, by the name they were asked for.
#[derive(Default)]
pub(crate) struct Engines {
    known: Mutex<HashMap<String, Arc<Engine>>>,
}

impl Engines {
    /// The program of that name.
    ///
    /// # Errors
    /// When there is none, it is neither of the two, or it is too old.
    pub(crate) async fn get(&self, name: &str, root: &Path) -> Result<Arc<Engine>, ProviderError> {
        let mut known = self.known.lock().await;
        if let Some(engine) = known.get(name) {
            return Ok(engine.clone());
        }
        let engine = Arc::new(look(name, root).await?);
        known.insert(name.to_owned(), engine.clone());
        Ok(engine)
    }

    /// The program that was met, where it was one; of several, none speaks for the others.
    pub(crate) async fn met(&self) -> Option<deployctl_sdk::Engine> {
        let known = self.known.lock().await;
        let mut engines = known.values();
        let first = engines.next()?;
        let same = engines.all(|engine| engine.named() == first.named());
        let program = first.flavour.name().to_lowercase();
        same.then(|| deployctl_sdk::Engine { program, version: first.version.clone() })
    }
}

async fn look(name: &str, root: &Path) -> Result<Engine, ProviderError> {
    let program = program::find(name, root).ok_or_else(|| missing(name))?;
    let engine = match cache::met(&program) {
        Some(engine) => engine,
        None => {
            let engine = ask(name, program).await?;
            cache::remember(&engine);
            engine
        }
    };
    if numbers(&engine.version) < engine.flavour.oldest() {
        let (major, minor) = engine.flavour.oldest();
        let message = format!("`{name}` is {}, and {major}.{minor} or newer is needed", engine.named());
        return Err(invalid(&message).with_hint("install a newer one, or set `binary` to the path of a newer one"));
    }
    Ok(engine)
}

/// Starting it takes as long as a small plan, so a program that was met before is not asked again.
async fn ask(name: &str, program: PathBuf) -> Result<Engine, ProviderError> {
    let invocation = Invocation::new(&program).arg("version").env("CHECKPOINT_DISABLE", "1");
    let ended = invocation.run(&CancellationToken::new()).await;
    let ended = ended.map_err(|error| ProviderError::new(ErrorKind::Refused, error.to_string()))?;
    let text = ended.stdout_text();
    let Some((flavour, version)) = text.lines().find_map(said).filter(|_| ended.success()) else {
        let message = format!("`{name}` does not say its version, so it is neither Terraform nor OpenTofu");
        return Err(invalid(&message).with_hint("set `binary` to `terraform`, `tofu`, or a path to one of them"));
    };
    Ok(Engine { program, flavour, version: version.to_owned() })
}

/// `Terraform v1.11.4`, `OpenTofu v1.10.10`
fn said(line: &str) -> Option<(Flavour, &str)> {
    let of = |name: &str| line.strip_prefix(name)?.trim().strip_prefix('v');
    of("Terraform").map(|version| (Flavour::Terraform, version)).or_else(|| Some((Flavour::OpenTofu, of("OpenTofu")?)))
}

fn numbers(version: &str) -> (u64, u64) {
    let mut parts = version.split('.').map(|part| part.parse().unwrap_or(0));
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0))
}

fn invalid(message: &str) -> ProviderError {
    let error = ProviderError::new(ErrorKind::Refused, message);
    ProviderError { attribute: Some(AttrPath::of(attribute::BINARY)), ..error }
}

fn missing(name: &str) -> ProviderError {
    let message = match name.contains('/') {
        true => format!("there is no program `{name}`"),
        false => format!("the program `{name}` is not in PATH"),
    };
    invalid(&message).with_hint(
        "install Terraform (https://developer.hashicorp.com/terraform/install) or OpenTofu \
         (https://opentofu.org/docs/intro/install/), and name it with `binary` if it is not `terraform`",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_what_the_programs_say() {
        assert_eq!(said("Terraform v1.11.4"), Some((Flavour::Terraform, "1.11.4")));
        assert_eq!(said("OpenTofu v1.10.10"), Some((Flavour::OpenTofu, "1.10.10")));
        assert_eq!(said("Terramate 1"), None);
        assert!(numbers("1.4.9") < Flavour::Terraform.oldest());
        assert!(numbers("1.12.0-beta1") > Flavour::Terraform.oldest());
    }
}
