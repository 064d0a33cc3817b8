//! A workbench: an empty folder, the provider connected to it, and the engine's part in short.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use deployctl_sdk::conformance::{Hand, Held, settle};
use deployctl_sdk::{
    Address, CapturedFile, Connection, Digest, FileError, Files, Lineage, Object, Ownership, Place, PlannedChange,
    Prepared, Provider, ProviderError, ResourceId, Value, fs,
};
use tempfile::TempDir;

/// A module that needs nothing but the engine itself.
pub const MODULE: &str = r#"
variable "name" { default = "a" }
variable "size" { default = 1 }
variable "secret" { default = "none" }
variable "sabotage" { default = "/nowhere" }
resource "terraform_data" "first" { input = var.name }
resource "terraform_data" "second" {
  input            = terraform_data.first.id
  triggers_replace = [var.size]
  provisioner "local-exec" {
    command = "if test -e ${var.sabotage}; then rm ${var.sabotage}; exit 1; fi"
  }
}
resource "terraform_data" "hidden" { input = var.secret }
output "name" { value = terraform_data.first.output }
output "second" { value = terraform_data.second.id }
output "hidden" {
  value     = terraform_data.hidden.output
  sensitive = true
}
"#;

pub struct Bench {
    pub provider: Arc<dyn Provider>,
    pub files: Arc<Checkout>,
    pub place: Place,
    pub binary: String,
    pub folder: Arc<TempDir>,
}

impl Bench {
    pub fn new(binary: String) -> Self {
        let folder = Arc::new(TempDir::new().unwrap());
        let root = folder.path().join("root");
        let place = Place {
            data: root.join(".deployctl/default"),
            host: "test".to_owned(),
            lineage: Lineage::random(),
            root: root.clone(),
        };
        fs::create_dir_all(&root).unwrap();
        let files = Arc::new(Checkout::new(root));
        Self { provider: deployctl_provider_terraform::provider(), files, place, binary, folder }
    }

    /// The same place, looked at anew: other files may stand there now.
    pub fn again(&self) -> Self {
        Self {
            provider: deployctl_provider_terraform::provider(),
            files: Arc::new(Checkout::new(self.place.root.clone())),
            place: self.place.clone(),
            binary: self.binary.clone(),
            folder: self.folder.clone(),
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.place.root.join(name)
    }

    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::remove_file(&path).unwrap();
        fs::write_new(&path, text.as_bytes(), 0o644).unwrap();
        path
    }

    pub async fn connect(&self) -> Arc<dyn Connection> {
        self.provider.configure(&Value::map::<&str>([]), &self.place).await.unwrap()
    }

    pub async fn hand(&self) -> Hand {
        Hand::new(self.provider.clone(), self.connect().await, self.files.clone())
    }

    /// A configuration for a module, with the bench's program.
    pub fn config(&self, path: &str, given: &[(&str, Value)]) -> Value {
        let own = [("path", Value::from(path)), ("binary", Value::from(self.binary.as_str()))];
        Value::map(own.into_iter().chain(given.iter().cloned()))
    }

    pub fn nothing(&self, name: &str) -> Held {
        let address = Address::new(deployctl_provider_terraform::TYPE, name);
        let mark = Ownership { lineage: self.place.lineage, id: ResourceId::random(), address };
        Held::nothing(mark, deployctl_provider_terraform::TYPE.into())
    }

    pub fn prepare(&self, hand: &Hand, held: &Held, config: &Value) -> Result<Prepared, Vec<ProviderError>> {
        let schema = self.provider.schema().resource(deployctl_provider_terraform::TYPE).unwrap();
        hand.prepare(held, &settle(&schema.attributes, config).unwrap())
    }

    /// Reads and plans.
    pub async fn plan(&self, hand: &Hand, held: &Held, config: &Value) -> Result<PlannedChange, ProviderError> {
        let prepared = self.prepare(hand, held, config).map_err(|errors| errors.into_iter().next().unwrap())?;
        let schema = self.provider.schema().resource(deployctl_provider_terraform::TYPE).unwrap();
        hand.plan(schema, held, &prepared).await
    }

    /// Reads, plans, and does what the plan says.
    pub async fn apply(&self, hand: &Hand, held: &mut Held, config: &Value) -> Result<PlannedChange, ProviderError> {
        let planned = self.plan(hand, held, config).await?;
        self.carry_out(hand, held, config, &planned).await.map(|()| planned)
    }

    pub async fn carry_out(
        &self,
        hand: &Hand,
        held: &mut Held,
        config: &Value,
        planned: &PlannedChange,
    ) -> Result<(), ProviderError> {
        let prepared = self.prepare(hand, held, config).unwrap();
        let schema = self.provider.schema().resource(deployctl_provider_terraform::TYPE).unwrap();
        hand.carry_out(schema, held, &prepared, planned).await
    }

    /// The module's own state, as its engine wrote it.
    pub fn state(&self, module: &str) -> serde_json::Value {
        let text = fs::read_to_string(&self.path(module).join("terraform.tfstate")).unwrap();
        serde_json::from_str(&text).unwrap()
    }
}

/// An output as it is recorded.
pub fn output(object: &Object, name: &str) -> Value {
    object.attributes.get("outputs").and_then(|outputs| outputs.get(name)).cloned().unwrap_or_default()
}

/// The lines of an error as a person sees them.
pub fn told(error: &ProviderError) -> String {
    let hint = error.hint.iter().cloned();
    std::iter::once(error.message.clone())
        .chain(error.detail.iter().cloned())
        .chain(hint)
        .collect::<Vec<_>>()
        .join("\n")
}

/// The files of a checkout, remembered by content.
pub struct Checkout {
    root: PathBuf,
    store: Mutex<HashMap<Digest, Arc<[u8]>>>,
}

impl Checkout {
    fn new(root: PathBuf) -> Self {
        Self { root, store: Mutex::default() }
    }
}

fn failed(path: &Path, error: &fs::FsError) -> FileError {
    FileError { path: path.to_owned(), reason: error.to_string() }
}

impl Files for Checkout {
    fn read(&self, path: &Path) -> Result<Arc<[u8]>, FileError> {
        self.content(&self.capture(path)?.digest)
    }

    fn capture(&self, path: &Path) -> Result<CapturedFile, FileError> {
        let bytes: Arc<[u8]> = fs::read(&self.root.join(path)).map_err(|error| failed(path, &error))?.into();
        let digest = Digest::of(&bytes);
        let text = path.to_string_lossy().into_owned();
        let path = text.strip_prefix("./").unwrap_or(&text).to_owned();
        let file = CapturedFile { path, digest, size: bytes.len() as u64, executable: false };
        self.store.lock().unwrap().insert(digest, bytes);
        Ok(file)
    }

    fn list(&self, folder: &Path) -> Result<Vec<String>, FileError> {
        let (top, path_of) = (self.root.join(folder), folder);
        let (mut found, mut todo) = (Vec::new(), vec![top.clone()]);
        while let Some(folder) = todo.pop() {
            for entry in fs::read_dir(&folder).map_err(|error| failed(path_of, &error))? {
                if entry.is_dir() {
                    todo.push(entry);
                } else {
                    found.push(entry.strip_prefix(&top).unwrap().to_string_lossy().into_owned());
                }
            }
        }
        found.sort();
        Ok(found)
    }

    fn entries(&self, folder: &Path, suffix: &str) -> Result<Vec<String>, FileError> {
        Ok(self.list(folder)?.into_iter().filter(|name| !name.contains('/') && name.ends_with(suffix)).collect())
    }

    fn content(&self, digest: &Digest) -> Result<Arc<[u8]>, FileError> {
        let missing = || FileError { path: PathBuf::from(digest.short()), reason: "it was not captured".to_owned() };
        self.store.lock().unwrap().get(digest).cloned().ok_or_else(missing)
    }
}
