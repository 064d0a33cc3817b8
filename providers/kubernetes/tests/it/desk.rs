//! A desk to work at: a namespace of its own on the real cluster, the provider connected to it, and `kubectl` for everything
//! that others do there.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::Arc;

use deployctl_sdk::conformance::{Hand, Held, settle};
use deployctl_sdk::{
    Address, Applied, Child, ErrorKind, Lineage, Operation, Ownership, Place, PlannedChange, Prepared, ProviderError,
    ResourceId, Value,
};
use serde_json::Value as Json;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::memory::Memory;

pub const TYPE: &str = "kubernetes_manifests";

/// What every test needs and none can do without.
pub const HOW: &str = "is a cluster up? eval \"$(cargo xtask engines kubernetes)\"";

pub struct Desk {
    pub hand: Hand,
    pub held: Held,
    pub files: Arc<Memory>,
    /// A namespace that is this desk's own, and a word that nothing else on the cluster begins with.
    pub namespace: String,
    pub place: Place,
    /// The kubeconfig by which `kubectl` is called.
    pub kubeconfig: String,
    type_name: &'static str,
    _folder: TempDir,
}

impl Drop for Desk {
    fn drop(&mut self) {
        let namespace = self.namespace.clone();
        let _ = self.try_kubectl(&["delete", "namespace", &namespace, "--wait=false", "--ignore-not-found"], "");
    }
}

impl Desk {
    pub async fn new(test: &str) -> Self {
        Self::with(test, TYPE, &[]).await
    }

    /// A desk for that type, with settings of the provider.
    pub async fn with(test: &str, type_name: &'static str, settings: &[(&str, Value)]) -> Self {
        let kubeconfig = std::env::var("KUBECONFIG").unwrap_or_else(|_| panic!("KUBECONFIG is not set; {HOW}"));
        let random = ResourceId::random().to_string();
        let namespace = format!("it-{test}-{}", &random[..8]);
        let folder = TempDir::new().unwrap();
        let root = folder.path().to_owned();
        let place = Place { data: root.join("data"), root, host: "test".to_owned(), lineage: Lineage::random() };
        let provider = deployctl_provider_kubernetes::provider();
        let given = Value::map(settings.iter().cloned());
        let settled = settle(&provider.schema().settings, &given).unwrap();
        let connection = provider.configure(&settled, &place).await.unwrap();
        let files = Arc::new(Memory::default());
        let mark =
            Ownership { lineage: place.lineage, id: ResourceId::random(), address: Address::new(type_name, "it") };
        let desk = Self {
            hand: Hand::new(provider, connection, files.clone()),
            held: Held::nothing(mark, type_name.into()),
            files,
            namespace,
            place,
            kubeconfig,
            type_name,
            _folder: folder,
        };
        desk.kubectl(&["create", "namespace", &desk.namespace]);
        desk
    }

    /// A configuration with the schema's defaults; in the desk's own namespace and with a short patience, unless it says
    /// otherwise.
    pub fn config(&self, given: &[(&str, Value)]) -> Value {
        let schema = self.hand.provider.schema().resource(self.type_name).unwrap();
        let own = [("namespace", Value::from(self.namespace.as_str())), ("timeout", Value::from("60s"))];
        let own = own.into_iter().filter(|(name, _)| !given.iter().any(|(other, _)| other == name));
        let attributes: Vec<_> = schema.attributes.iter().filter(|attribute| !attribute.read_only).cloned().collect();
        settle(&attributes, &Value::map(own.chain(given.iter().cloned()))).unwrap()
    }

    /// A configuration of these manifests.
    pub fn manifests(&self, text: &str) -> Value {
        self.config(&[("documents", texts(&[text]))])
    }

    pub fn prepare(&self, config: &Value) -> Result<Prepared, Vec<ProviderError>> {
        self.hand.prepare(&self.held, config)
    }

    /// What is to be done.
    ///
    /// # Errors
    /// The first complaint, of checking or of planning.
    pub async fn plan(&self, config: &Value) -> Result<PlannedChange, ProviderError> {
        let prepared = self.prepare(config).map_err(|mut errors| errors.remove(0))?;
        let schema = self.hand.provider.schema().resource(self.type_name).unwrap();
        self.hand.plan(schema, &self.held, &prepared).await
    }

    /// Plans and does it.
    ///
    /// # Errors
    /// The first complaint, of checking, planning or applying.
    pub async fn try_apply(&mut self, config: &Value) -> Result<PlannedChange, ProviderError> {
        let plan = self.plan(config).await?;
        let prepared = self.prepare(config).map_err(|mut errors| errors.remove(0))?;
        let schema = self.hand.provider.schema().resource(self.type_name).unwrap();
        self.hand.carry_out(schema, &mut self.held, &prepared, &plan).await?;
        Ok(plan)
    }

    /// Plans and does it, and holds the provider to there being nothing left to do.
    pub async fn apply(&mut self, config: &Value) -> PlannedChange {
        let plan = match self.try_apply(config).await {
            Ok(plan) => plan,
            Err(error) => panic!("{}", told(&error)),
        };
        self.unchanged(config).await;
        plan
    }

    /// There is nothing to do.
    pub async fn unchanged(&self, config: &Value) {
        let again = self.plan(config).await.unwrap_or_else(|error| panic!("{}", told(&error)));
        assert_eq!(again.action, deployctl_sdk::Action::NoOp, "not settled: {}", shown(&again));
    }

    /// What is refused, when it is planned or when it is done.
    pub async fn refused(&mut self, config: &Value) -> ProviderError {
        match self.try_apply(config).await {
            Ok(plan) => panic!("it was not refused: {}", shown(&plan)),
            Err(error) => error,
        }
    }

    pub async fn delete(&mut self) -> Applied {
        let nothing = PlannedChange::no_op(Value::Null);
        self.hand.operate(&mut self.held, Operation::Delete, None, &nothing, CancellationToken::new()).await
    }

    /// What somebody else does, in the desk's namespace unless it says otherwise.
    pub fn kubectl(&self, arguments: &[&str]) -> String {
        self.kubectl_with(arguments, "")
    }

    /// The same, with something to read.
    pub fn kubectl_with(&self, arguments: &[&str], stdin: &str) -> String {
        self.try_kubectl(arguments, stdin).unwrap_or_else(|said| panic!("kubectl {arguments:?}: {said}; {HOW}"))
    }

    pub fn try_kubectl(&self, arguments: &[&str], stdin: &str) -> Result<String, String> {
        let mut command = Command::new("kubectl");
        command.args(["--kubeconfig", &self.kubeconfig, "--namespace", &self.namespace]).args(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("no `kubectl`: {error}; {HOW}"));
        child.stdin.take().unwrap().write_all(stdin.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
    }

    /// What a person does with `kubectl edit`: the editor is `sed` with that script.
    pub fn kubectl_edit(&self, kind: &str, name: &str, script: &str) {
        let mut command = Command::new("kubectl");
        command.args(["--kubeconfig", &self.kubeconfig, "--namespace", &self.namespace, "edit", kind, name]);
        let output = command.env("KUBE_EDITOR", format!("sed -i -e '{script}'")).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// An object as it is.
    pub fn get(&self, kind: &str, name: &str) -> Json {
        serde_json::from_str(&self.kubectl(&["get", kind, name, "-o", "json"])).unwrap()
    }

    /// Whether there is such an object.
    pub fn exists(&self, kind: &str, name: &str) -> bool {
        !self.kubectl(&["get", kind, name, "--ignore-not-found", "-o", "name"]).is_empty()
    }

    /// What a controller would write into an object's status.
    pub fn write_status(&self, kind: &str, name: &str, status: &Json) {
        let patch = serde_json::json!({"status": status}).to_string();
        self.kubectl(&["patch", kind, name, "--subresource=status", "--type=merge", "-p", &patch]);
    }

    /// Writes a status as soon as there is something to write it to: what plays a controller during an apply.
    pub fn write_status_soon(&self, kind: &str, name: &str, status: &Json) -> std::thread::JoinHandle<()> {
        let patch = serde_json::json!({"status": status}).to_string();
        let arguments = ["--kubeconfig", &self.kubeconfig, "--namespace", &self.namespace, "patch", kind, name]
            .into_iter()
            .chain(["--subresource=status", "--type=merge", "-p", &patch])
            .map(str::to_owned)
            .collect::<Vec<_>>();
        std::thread::spawn(move || {
            for _ in 0..200 {
                let output = Command::new("kubectl").args(&arguments).output().unwrap();
                if output.status.success() {
                    return;
                }
                std::thread::sleep(std::time::Duration::from_millis(100));
            }
            panic!("nothing came to write a status to: {arguments:?}");
        })
    }
}

/// What a plan says of one of its parts.
pub fn child<'p>(plan: &'p PlannedChange, kind: &str, name: &str) -> &'p Child {
    let found = plan.children.iter().find(|child| child.kind == kind && child.name.ends_with(name));
    found.unwrap_or_else(|| panic!("no {kind} {name} in {}", shown(plan)))
}

/// A plan, short enough to be read.
pub fn shown(plan: &PlannedChange) -> String {
    let mut text = format!("{:?} because of {:?}\n", plan.action, plan.reason);
    for child in &plan.children {
        text += &format!("  {} {} {}: {}\n", child.action.symbol(), child.kind, child.name, child.reason);
        for diff in &child.diffs {
            text += &format!("      {}: {:?} -> {:?}\n", diff.path, diff.before, diff.after);
        }
    }
    for diff in plan.diffs.iter().chain(&plan.drift) {
        text += &format!("  {}: {:?} -> {:?}\n", diff.path, diff.before, diff.after);
    }
    for risk in &plan.risks {
        text += &format!("  {:?}: {}\n", risk.kind, risk.text);
    }
    text
}

/// All of an error.
pub fn told(error: &ProviderError) -> String {
    let hint = error.hint.as_deref().unwrap_or_default();
    format!("{:?}: {}\n{}\n{hint}", error.kind, error.message, error.detail.join("\n"))
}

pub fn texts(texts: &[&str]) -> Value {
    Value::from(texts.iter().map(|text| Value::from(*text)).collect::<Vec<_>>())
}

/// A complaint says all of this, of this kind.
#[track_caller]
pub fn says(error: &ProviderError, kind: ErrorKind, parts: &[&str]) {
    assert_eq!(error.kind, kind, "{}", told(error));
    let all = told(error);
    for part in parts {
        assert!(all.contains(part), "`{part}` is not said in: {all}");
    }
}
