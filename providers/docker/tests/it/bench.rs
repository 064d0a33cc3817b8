//! A workbench: an empty folder, a lineage of its own, names that nobody else has, a counting socket before the engine, and
//! the engine's part in short.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use deployctl_docker_client::Environment;
use deployctl_provider_docker::DockerProvider;
use deployctl_sdk::conformance::{Hand, Held, settle};
use deployctl_sdk::{
    Action, Address, CapturedFile, Connection, Digest, FileError, Files, Lineage, Ownership, Place, PlannedChange,
    Prepared, Provider, ProviderError, ResourceId, ResourceSchema, Value, fs,
};
use tempfile::TempDir;

use crate::proxy::{ENGINE, Proxy};

pub const BUSYBOX: &str = "deployctl-test/busybox:1";
pub const REGISTRY: &str = "127.0.0.1:5000";

pub struct Bench {
    pub provider: Arc<dyn Provider>,
    pub connection: Arc<dyn Connection>,
    pub place: Place,
    pub hand: Hand,
    pub proxy: Proxy,
    /// Stands in every name that this bench gives.
    pub tag: String,
    pub type_name: &'static str,
    pub folder: Arc<TempDir>,
}

impl Bench {
    pub async fn new(type_name: &'static str) -> Self {
        Self::at(type_name, PathBuf::from(ENGINE)).await
    }

    pub async fn at(type_name: &'static str, engine: PathBuf) -> Self {
        let folder = Arc::new(TempDir::new().unwrap());
        let root = folder.path().join("root");
        fs::create_dir_all(&root).unwrap();
        let place =
            Place { data: root.join(".deployctl/default"), root, host: "test".to_owned(), lineage: Lineage::random() };
        let proxy = Proxy::start(folder.path(), engine);
        let host = format!("unix://{}", proxy.path.display());
        let config = folder.path().join("docker-config").display().to_string();
        let variables = [(Environment::HOST, host), (Environment::CONFIG, config)];
        let environment = Environment::of(variables.map(|(name, value)| (name.to_owned(), value)));
        let provider: Arc<dyn Provider> = Arc::new(DockerProvider::new(environment));
        let connection = provider.configure(&Value::map::<&str>([]), &place).await.unwrap();
        let files = Arc::new(Checkout(place.root.clone()));
        let hand = Hand::new(provider.clone(), connection.clone(), files);
        let tag = format!("dct-{}", &place.lineage.to_string()[..8]);
        Self { provider, connection, place, hand, proxy, tag, type_name, folder }
    }

    pub fn schema(&self) -> &ResourceSchema {
        self.provider.schema().resource(self.type_name).unwrap()
    }

    pub fn name(&self, name: &str) -> String {
        format!("{}-{name}", self.tag)
    }

    /// A range of addresses that most likely nobody has: the second and third number are the bench's.
    pub fn subnet(&self, host: &str) -> String {
        let bytes = self.place.lineage.0.as_bytes();
        format!("10.{}.{}.{host}", 128 + (bytes[0] & 0x3f), bytes[1])
    }

    pub fn write(&self, path: &str, text: &str) {
        let path = self.place.root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write_atomic(&path, text.as_bytes(), 0o644).unwrap();
    }

    pub fn nothing(&self) -> Held {
        let address = Address::new(self.type_name, "it");
        let mark = Ownership { lineage: self.place.lineage, id: ResourceId::random(), address };
        Held::nothing(mark, self.type_name.into())
    }

    pub fn try_prepare(&self, config: &Value) -> Result<Prepared, Vec<ProviderError>> {
        self.hand.prepare(&self.nothing(), &settle(&self.schema().attributes, config).unwrap())
    }

    /// The one complaint about a configuration.
    pub fn complaint(&self, config: &Value) -> ProviderError {
        let mut complaints = self.try_prepare(config).unwrap_err();
        assert_eq!(complaints.len(), 1, "{complaints:?}");
        complaints.remove(0)
    }

    pub async fn plan(&self, held: &Held, config: &Value) -> PlannedChange {
        self.hand.plan(self.schema(), held, &self.try_prepare(config).unwrap()).await.unwrap()
    }

    pub async fn try_apply(&self, held: &mut Held, config: &Value) -> Result<PlannedChange, ProviderError> {
        let prepared = self.try_prepare(config).unwrap();
        let planned = self.hand.plan(self.schema(), held, &prepared).await?;
        self.hand.carry_out(self.schema(), held, &prepared, &planned).await.map(|()| planned)
    }

    /// Plans, does it, and holds the provider to having nothing left to do.
    pub async fn apply(&self, held: &mut Held, config: &Value) -> PlannedChange {
        let planned = match self.try_apply(held, config).await {
            Ok(planned) => planned,
            Err(error) => panic!("{error}: {:?}", error.detail),
        };
        let again = self.plan(held, config).await;
        assert_eq!((again.action, &again.diffs[..], &again.drift[..]), (Action::NoOp, &[][..], &[][..]));
        planned
    }

    pub async fn make(&self, config: &Value) -> Held {
        let mut held = self.nothing();
        self.apply(&mut held, config).await;
        held
    }

    pub async fn delete(&self, mut held: Held) {
        self.hand.delete(&mut held).await.unwrap();
    }

    /// Names of a kind (`network`, `volume`, `image`) that are of this bench, with their ids.
    pub fn there(&self, kind: &str) -> Vec<String> {
        let listed = match kind {
            "network" => docker(&["network", "ls", "--no-trunc", "--format", "{{.Name}} {{.ID}}"]),
            "volume" => docker(&["volume", "ls", "--format", "{{.Name}} {{.Label \"deployctl.resource\"}}"]),
            "image" => docker(&["image", "ls", "--no-trunc", "--format", "{{.Repository}}:{{.Tag}} {{.ID}}"]),
            _ => docker(&["ps", "--all", "--no-trunc", "--format", "{{.Names}} {{.ID}}"]),
        };
        let mut lines: Vec<String> =
            listed.lines().filter(|line| line.starts_with(&self.tag)).map(str::to_owned).collect();
        lines.sort();
        lines
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        // A test that failed leaves nothing behind either. What is kept is of this lineage alone.
        let first = |line: &String| line.split(' ').next().unwrap_or_default().to_owned();
        for (kind, remove) in [
            ("container", vec!["rm", "-f", "-v"]),
            ("network", vec!["network", "rm"]),
            ("volume", vec!["volume", "rm"]),
        ] {
            for name in self.there(kind).iter().map(first) {
                try_docker(&[&remove[..], &[&name]].concat());
            }
        }
        let kept = format!("localhost/deployctl/{}/", self.place.lineage);
        for line in docker(&["image", "ls", "--format", "{{.Repository}}:{{.Tag}}"]).lines() {
            if line.starts_with(&kept) || line.contains(&self.tag) {
                try_docker(&["image", "rm", line]);
            }
        }
    }
}

/// Runs Docker's own command line against the real engine.
pub fn docker(arguments: &[&str]) -> String {
    let output = std::process::Command::new("docker").args(arguments).output().expect(
        "these tests need the `docker` command and a Docker Engine: run `cargo xtask engines docker registry` first",
    );
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        output.status.success(),
        "docker {arguments:?}: {said}\n(is there an engine? `cargo xtask engines docker registry` brings one up)"
    );
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

pub fn try_docker(arguments: &[&str]) {
    let _ = std::process::Command::new("docker").args(arguments).output();
}

/// The real files of a bench.
struct Checkout(PathBuf);

impl Files for Checkout {
    fn read(&self, path: &Path) -> Result<Arc<[u8]>, FileError> {
        let failed = |error: fs::FsError| FileError { path: path.to_owned(), reason: error.to_string() };
        fs::read(&self.0.join(path)).map(Arc::from).map_err(failed)
    }

    fn capture(&self, path: &Path) -> Result<CapturedFile, FileError> {
        let bytes = self.read(path)?;
        Ok(CapturedFile {
            path: path.display().to_string(),
            digest: Digest::of(&bytes),
            size: bytes.len() as u64,
            executable: fs::is_executable(&self.0.join(path)),
        })
    }

    fn list(&self, folder: &Path) -> Result<Vec<String>, FileError> {
        fn walk(folder: &Path, prefix: &str, found: &mut Vec<String>) -> Result<(), FileError> {
            let failed = |error: fs::FsError| FileError { path: folder.to_owned(), reason: error.to_string() };
            for entry in fs::read_dir(folder).map_err(failed)? {
                let path = format!("{prefix}{}", entry.file_name().unwrap_or_default().to_string_lossy());
                if entry.is_dir() && !entry.is_symlink() {
                    walk(&entry, &format!("{path}/"), found)?;
                } else if entry.is_file() {
                    found.push(path);
                }
            }
            Ok(())
        }
        let mut found = Vec::new();
        walk(&self.0.join(folder), "", &mut found)?;
        found.sort();
        Ok(found)
    }

    fn entries(&self, folder: &Path, _: &str) -> Result<Vec<String>, FileError> {
        Err(FileError { path: folder.to_owned(), reason: "not needed here".to_owned() })
    }

    fn content(&self, digest: &Digest) -> Result<Arc<[u8]>, FileError> {
        for path in self.list(Path::new(""))? {
            let bytes = self.read(Path::new(&path))?;
            if Digest::of(&bytes) == *digest {
                return Ok(bytes);
            }
        }
        Err(FileError { path: PathBuf::from(digest.to_string()), reason: "it is not there".to_owned() })
    }
}

pub fn map(members: &[(&str, Value)]) -> Value {
    Value::map(members.iter().cloned())
}

pub fn with(base: &Value, more: &[(&str, Value)]) -> Value {
    let mut members = base.as_map().cloned().unwrap_or_default();
    members.extend(more.iter().map(|(name, value)| (Arc::from(*name), value.clone())));
    Value::from(members)
}
