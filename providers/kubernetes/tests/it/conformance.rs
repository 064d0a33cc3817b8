//! Both types through the laws of the contract, with a real API server.

use std::process::Command;
use std::sync::Arc;

use async_trait::async_trait;
use deployctl_sdk::conformance::{Case, Expected, Law, Moment, Subject, check};
use deployctl_sdk::{Connection, Files, Lineage, Object, Place, Provider, ProviderError, ResourceId, Value};
use tempfile::TempDir;

use crate::memory::Memory;
use crate::proxy::{Mode, Proxy};

const MANIFESTS: &str = "kubernetes_manifests";
const OBJECT: &str = "kubernetes_object";

/// The cluster, behind a port that can be told to fail, and a namespace that is the kit's own.
struct Engine {
    proxy: Proxy,
    provider: Arc<dyn Provider>,
    files: Arc<Memory>,
    place: Place,
    namespace: String,
    _folder: TempDir,
}

impl Drop for Engine {
    fn drop(&mut self) {
        let _ = Command::new("kubectl").args(["delete", "namespace", &self.namespace, "--wait=false"]).output();
    }
}

fn kubectl(arguments: &[&str]) -> String {
    let output =
        Command::new("kubectl").args(arguments).output().expect("no `kubectl`: cargo xtask engines kubernetes");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "kubectl {arguments:?}: {said} (eval \"$(cargo xtask engines kubernetes)\")");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

impl Engine {
    async fn new() -> Self {
        let namespace = format!("it-kit-{}", &ResourceId::random().to_string()[..8]);
        kubectl(&["create", "namespace", &namespace]);
        let folder = TempDir::new().unwrap();
        let root = folder.path().to_owned();
        let place = Place { data: root.join("data"), root, host: "test".to_owned(), lineage: Lineage::random() };
        let files = Arc::new(Memory::default());
        files.write("more/one.yaml", &map("more", "1"));
        files.write("more/deep/two.yaml", &map("deep", "1"));
        files.write("all/kustomization.yaml", "resources: [it.yaml]\nnamePrefix: k-\n");
        files.write("all/it.yaml", &map("rendered", "1"));
        let charted = "{{ .Values.key | default .Release.Name }} {{ .Capabilities.APIVersions.Has \"a.example/v1\" }}";
        for chart in ["chart", "second"] {
            files.write(&format!("{chart}/Chart.yaml"), &format!("apiVersion: v2\nname: {chart}\nversion: 1.0.0\n"));
            files.write(&format!("{chart}/templates/it.yaml"), &map("charted", &format!("{chart} {charted}")));
        }
        files.write("values.yaml", "key: from-file\n");
        let provider = deployctl_provider_kubernetes::provider();
        Self { proxy: Proxy::start().await, provider, files, place, namespace, _folder: folder }
    }

    fn names(&self) -> Vec<&'static str> {
        vec!["a", "b", "c", "other", "more", "deep", "k-rendered", "charted"]
    }

    fn kit_objects(&self) -> String {
        let mine = "jsonpath={range .items[*]}{.kind}/{.metadata.name} {.metadata.uid} {.metadata.resourceVersion}{\"\\n\"}{end}";
        kubectl(&["-n", &self.namespace, "get", "configmaps,secrets,services", "-o", mine])
    }
}

fn map(name: &str, value: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\ndata:\n  key: \"{value}\"\n")
}

fn map_value(name: &str, value: Value) -> Value {
    Value::map([
        ("apiVersion", Value::from("v1")),
        ("kind", Value::from("ConfigMap")),
        ("metadata", Value::map([("name", Value::from(name))])),
        ("data", Value::map([("key", value)])),
    ])
}

fn secret(value: &str) -> Value {
    let data = Value::map([("token", Value::from(value).into_sensitive())]);
    Value::map([
        ("apiVersion", Value::from("v1")),
        ("kind", Value::from("Secret")),
        ("metadata", Value::map([("name", Value::from("c"))])),
        ("stringData", data),
    ])
}

fn texts(members: &[(&str, &str)]) -> Value {
    Value::map(members.iter().map(|(name, value)| (*name, Value::from(*value))))
}

#[async_trait]
impl Subject for Engine {
    fn provider(&self) -> Arc<dyn Provider> {
        self.provider.clone()
    }

    async fn connect(&self) -> Result<Arc<dyn Connection>, ProviderError> {
        let settings = Value::map([("host", Value::from(self.proxy.url.as_str()))]);
        self.provider.configure(&settings, &self.place).await
    }

    fn place(&self) -> Place {
        self.place.clone()
    }

    fn files(&self) -> Arc<dyn Files> {
        self.files.clone()
    }

    fn cases(&self) -> Vec<Case> {
        let in_namespace = |more: Vec<(&'static str, Value)>| {
            let own = [("namespace", Value::from(self.namespace.as_str())), ("timeout", Value::from("20s"))];
            Value::map(own.into_iter().chain(more))
        };
        let documents = |items: Vec<Value>| vec![("documents", Value::list(items))];
        let manifests = |items: Vec<Value>| in_namespace(documents(items));
        let start = || vec![Value::from(map("a", "1")), map_value("b", Value::from("1")), secret("planted-token")];
        let object = |value: Value| in_namespace(vec![("manifest", value)]);
        let fixed = |value: &str| {
            let map = map_value("b", Value::from(value));
            let members = map.as_map().unwrap().clone();
            Value::map(members.into_iter().chain([("immutable".into(), Value::from(true))]))
        };
        let conditions = [texts(&[("ConfigMap", "metadata.name")]), texts(&[("Secret/c", "type == \"Opaque\"")])];
        let labels = [texts(&[("team", "a")]), texts(&[("team", "b"), ("tier", "x")]), texts(&[])];
        let notes = [texts(&[("example/note", "one")]), texts(&[("example/note", "two")])];
        let chart = |path: &str| Value::map([("path", Value::from(path))]);
        let list = |text: &str| Value::list([Value::from(text)]);
        let config_of = |items: Vec<Value>, token: &str| manifests(items.into_iter().chain([secret(token)]).collect());
        let common = |case: Case| {
            case.leave("namespace")
                .sample("labels", labels.clone())
                .sample("annotations", notes.clone())
                .sample("timeout", ["30s", "1m"].map(Value::from))
        };
        vec![
            common(Case::new(MANIFESTS, manifests(start())))
                .then(config_of(vec![Value::from(map("a", "2"))], "planted-token"), Expected::Update)
                .then(config_of(vec![Value::from(map("a", "2"))], "planted-token"), Expected::Nothing)
                .then(config_of(vec![Value::from(map("a", "2")), fixed("1")], "planted-other"), Expected::Update)
                .then(config_of(vec![Value::from(map("a", "2")), fixed("2")], "planted-other"), Expected::Update)
                .sample("paths", [Value::list([Value::from("more")]), Value::list([Value::from("more/*.yaml")])])
                .sample("documents", [Value::list(start()), Value::list([Value::from(map("a", "3"))])])
                .sample("kustomization", [Value::from("all")])
                .sample("chart", [chart("chart")])
                .sample("chart.path", ["chart", "second"].map(Value::from))
                .sample("chart.release", ["one", "two"].map(Value::from))
                .sample("chart.values", [texts(&[("key", "1")]), texts(&[("key", "ü '2'")])])
                .sample("chart.values_files", [list("values.yaml")])
                .sample("chart.api_versions", [list("a.example/v1")])
                .sample("wait_for", conditions),
            common(Case::new(OBJECT, object(map_value("a", Value::from("1")))))
                .then(object(map_value("a", Value::from("planted-2").into_sensitive())), Expected::Update)
                .then(object(map_value("b", Value::from("1"))), Expected::Replace)
                .then(object(fixed("1")), Expected::Update)
                .then(object(fixed("2")), Expected::Replace)
                .leave("manifest")
                .sample("wait_for", ["metadata.name", "data.key == \"1\" || data.key"].map(Value::from)),
        ]
    }

    async fn tamper(&self, _: &Case, _: &Object) -> bool {
        let patch = r#"{"data":{"key":"tampered"}}"#;
        kubectl(&["-n", &self.namespace, "patch", "configmap", "a", "--type=merge", "-p", patch]);
        true
    }

    async fn remove(&self, _: &Case, _: &Object) -> bool {
        kubectl(&["-n", &self.namespace, "delete", "configmap,secret", "a", "b", "c", "--ignore-not-found"]);
        true
    }

    async fn disown(&self, case: &Case, object: &Object) -> bool {
        self.remove(case, object).await;
        let state = ResourceId::random().to_string();
        for name in ["a", "b"] {
            kubectl(&["-n", &self.namespace, "create", "configmap", name, "--from-literal=key=theirs"]);
            let label = |label: &str| format!("deployctl.dev/{label}={state}");
            kubectl(&["-n", &self.namespace, "label", "configmap", name, &label("lineage"), &label("resource")]);
        }
        true
    }

    async fn occupy(&self, _: &Case) -> bool {
        kubectl(&["-n", &self.namespace, "create", "configmap", "a", "--from-literal=key=theirs"]);
        true
    }

    async fn clear_foreign(&self, _: &Case) {
        let mut arguments = vec!["-n", &self.namespace, "delete", "configmap,secret", "--ignore-not-found"];
        arguments.extend(self.names());
        kubectl(&arguments);
    }

    async fn silence(&self, silent: bool) -> bool {
        self.proxy.set(if silent { Mode::Silent } else { Mode::Pass });
        true
    }

    async fn sabotage(&self, case: &Case, moment: Moment) -> bool {
        match moment {
            Moment::Before => self.proxy.set(Mode::Fail(0)),
            // Of one object there is no half.
            Moment::Midway if &*case.type_name == OBJECT => return false,
            Moment::Midway => self.proxy.set(Mode::Fail(1)),
        }
        true
    }

    async fn snapshot(&self) -> Option<String> {
        Some(self.kit_objects())
    }

    async fn leftovers(&self) -> Option<Vec<String>> {
        let own = |line: &&str| !line.starts_with("ConfigMap/kube-root-ca.crt");
        Some(self.kit_objects().lines().filter(own).map(str::to_owned).collect())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_contract_is_kept() {
    let seed = std::env::var("CONFORMANCE_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(7);
    let engine = Engine::new().await;
    let report = check(&engine, seed).await;
    assert!(report.is_clean(), "{report}");
    assert!(!engine.proxy.requests().is_empty(), "the kit went past the port");
    // Two objects of one name cannot stand side by side, so there is nothing to hand over.
    assert_eq!(report.unexamined(), [Law::CreateFirstHandsOver], "a law was never put to the test");
}
