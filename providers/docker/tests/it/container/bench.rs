//! A workbench: an empty folder, a lineage of its own, names that nobody else has, and the engine's part in short.

use std::process::Command;
use std::sync::Arc;

use deployctl_sdk::conformance::{Hand, Held, settle};
use deployctl_sdk::{
    Action, Address, CapturedFile, Connection, Digest, FileError, Files, Lineage, Object, Ownership, Place,
    PlannedChange, Prepared, Provider, ProviderError, ResourceId, ResourceSchema, Value,
};
use tempfile::TempDir;

pub const IMAGE: &str = "deployctl-test/busybox:1";
pub const TYPE: &str = "docker_container";

pub struct Bench {
    pub provider: Arc<dyn Provider>,
    pub connection: Arc<dyn Connection>,
    pub place: Place,
    pub hand: Hand,
    /// Stands in every name that this bench gives.
    pub tag: String,
    pub folder: Arc<TempDir>,
}

impl Bench {
    pub async fn new() -> Self {
        let folder = Arc::new(TempDir::new().unwrap());
        let place = Place {
            root: folder.path().to_owned(),
            data: folder.path().join(".deployctl/default"),
            host: "test".to_owned(),
            lineage: Lineage::random(),
        };
        let provider = deployctl_provider_docker::provider();
        let connection = provider.configure(&Value::map::<&str>([]), &place).await.unwrap();
        let hand = Hand::new(provider.clone(), connection.clone(), Arc::new(Folder(folder.clone())));
        let tag = format!("dct-{}", &place.lineage.to_string()[..8]);
        Self { provider, connection, place, hand, tag, folder }
    }

    pub fn schema(&self) -> &ResourceSchema {
        self.provider.schema().resource(TYPE).unwrap()
    }

    /// A name of this bench.
    pub fn name(&self, name: &str) -> String {
        format!("{}-{name}", self.tag)
    }

    pub fn nothing(&self) -> Held {
        let mark =
            Ownership { lineage: self.place.lineage, id: ResourceId::random(), address: Address::new(TYPE, "it") };
        Held::nothing(mark, TYPE.into())
    }

    /// A configuration of a container that stays, as a person would write it.
    pub fn config(&self, name: &str, given: &[(&str, Value)]) -> Value {
        let base: [(&str, Value); 4] = [
            ("name", self.name(name).into()),
            ("image", IMAGE.into()),
            ("command", texts(&["sleep", "1000"])),
            ("stop_timeout", Value::from(0)),
        ];
        with(&Value::map(base), given)
    }

    pub fn prepare(&self, held: &Held, config: &Value) -> Result<Prepared, Vec<ProviderError>> {
        self.hand.prepare(held, &settle(&self.schema().attributes, config).unwrap())
    }

    pub async fn plan(&self, held: &Held, config: &Value) -> PlannedChange {
        let prepared = self.prepare(held, config).unwrap();
        self.hand.plan(self.schema(), held, &prepared).await.unwrap()
    }

    /// Plans and does it, making the new one first where it is replaced and `create_first` says so.
    pub async fn try_apply(
        &self,
        held: &mut Held,
        config: &Value,
        create_first: bool,
    ) -> Result<PlannedChange, ProviderError> {
        let prepared = self.prepare(held, config).unwrap();
        let mut planned = self.hand.plan(self.schema(), held, &prepared).await?;
        if create_first && matches!(planned.action, Action::Replace(_)) {
            planned.action = Action::Replace(deployctl_sdk::ReplaceOrder::CreateFirst);
        }
        self.hand.carry_out(self.schema(), held, &prepared, &planned).await.map(|()| planned)
    }

    /// Plans, does it, and holds the provider to having nothing left to do.
    pub async fn apply(&self, held: &mut Held, config: &Value) -> PlannedChange {
        let planned = match self.try_apply(held, config, false).await {
            Ok(planned) => planned,
            Err(error) => panic!("{error}: {:?}", error.detail),
        };
        self.settled(held, config).await;
        planned
    }

    pub async fn settled(&self, held: &Held, config: &Value) {
        let again = self.plan(held, config).await;
        assert_eq!(again.action, Action::NoOp, "{:#?}", again.diffs);
        assert_eq!(again.drift, [], "there is nothing to report");
    }

    pub async fn make(&self, config: &Value) -> Held {
        let mut held = self.nothing();
        self.apply(&mut held, config).await;
        held
    }

    pub async fn delete(&self, mut held: Held) {
        self.hand.delete(&mut held).await.unwrap();
    }

    /// All containers whose names are of this bench.
    pub fn containers(&self) -> Vec<String> {
        let listed = docker(&["ps", "--all", "--format", "{{.Names}}", "--filter", &format!("name={}", self.tag)]);
        listed.lines().map(str::to_owned).collect()
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let containers = self.containers();
        if !containers.is_empty() {
            let _ = Command::new("docker").args(["rm", "--force", "--volumes"]).args(containers).output();
        }
        let networks = docker(&["network", "ls", "--format", "{{.Name}}", "--filter", &format!("name={}", self.tag)]);
        if !networks.is_empty() {
            let _ = Command::new("docker").args(["network", "rm"]).args(networks.lines()).output();
        }
    }
}

/// The files in a folder, as the engine would hand them out.
struct Folder(Arc<TempDir>);

impl Files for Folder {
    fn read(&self, path: &std::path::Path) -> Result<Arc<[u8]>, FileError> {
        let read = deployctl_sdk::fs::read(&self.0.path().join(path));
        read.map(Arc::from).map_err(|error| FileError { path: path.to_owned(), reason: error.to_string() })
    }

    fn capture(&self, path: &std::path::Path) -> Result<CapturedFile, FileError> {
        let bytes = self.read(path)?;
        let digest = Digest::of(&bytes);
        deployctl_sdk::fs::write_atomic(&self.0.path().join(format!(".{digest}")), &bytes, 0o600).unwrap();
        let path = path.to_str().unwrap().to_owned();
        Ok(CapturedFile { path, digest, size: bytes.len() as u64, executable: false })
    }

    fn list(&self, _: &std::path::Path) -> Result<Vec<String>, FileError> {
        unreachable!("containers list no folders")
    }

    fn entries(&self, _: &std::path::Path, _: &str) -> Result<Vec<String>, FileError> {
        unreachable!("containers list no folders")
    }

    fn content(&self, digest: &Digest) -> Result<Arc<[u8]>, FileError> {
        self.read(format!(".{digest}").as_ref())
    }
}

/// Runs Docker's own command; what it says.
pub fn docker(arguments: &[&str]) -> String {
    let output = Command::new("docker").args(arguments).output();
    let output = output.expect("`docker` is needed: cargo xtask engines docker");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "docker {arguments:?}: {said} (is there an engine? cargo xtask engines docker)");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// One thing that the engine says of a container.
pub fn inspect(name: &str, format: &str) -> String {
    docker(&["inspect", "--format", format, name])
}

pub fn texts(texts: &[&str]) -> Value {
    Value::list(texts.iter().map(|text| Value::from(*text)))
}

pub fn block(members: &[(&str, Value)]) -> Value {
    Value::map(members.iter().cloned())
}

pub fn blocks(items: impl IntoIterator<Item = Value>) -> Value {
    Value::list(items)
}

pub fn with(base: &Value, more: &[(&str, Value)]) -> Value {
    let mut members = base.as_map().cloned().unwrap_or_default();
    members.extend(more.iter().map(|(name, value)| (Arc::from(*name), value.clone())));
    Value::from(members)
}

/// The object of a record.
pub fn object(held: &Held) -> &Object {
    held.object.as_ref().unwrap()
}

/// An attribute of a record.
pub fn attribute<'h>(held: &'h Held, name: &str) -> &'h Value {
    object(held).attributes.get(name).unwrap_or(&Value::Null)
}

/// A port of this machine that nobody listens on.
pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Waits for something that comes about in a moment.
pub async fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..200 {
        if is_so() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("{what} did not come about");
}
