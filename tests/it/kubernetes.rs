//! `kubernetes_manifests` and `kubernetes_object` through the real program and a real API server: what plans show, drift, a
//! rollback, and what is taken over.

use std::process::Command;

use crate::context::{Answer, Context};

/// The cluster that the tests run against.
pub fn kubeconfig() -> String {
    std::env::var("KUBECONFIG").expect("KUBECONFIG is not set: eval \"$(cargo xtask engines kubernetes)\"")
}

/// The answer of `kubectl`, which must succeed.
pub fn kubectl(arguments: &[&str]) -> String {
    let output = Command::new("kubectl").args(arguments).output();
    let output = output.expect("`kubectl` is needed: cargo xtask engines kubernetes");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "kubectl {arguments:?}: {said} (eval \"$(cargo xtask engines kubernetes)\")");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A folder, and a namespace that nobody else has. What is left of it goes with it.
pub struct Place {
    pub context: Context,
    pub namespace: String,
}

impl Place {
    pub fn new() -> Self {
        let mut context = Context::new();
        context.set("KUBECONFIG", &kubeconfig());
        let name = context.path().file_name().unwrap().to_str().unwrap().trim_start_matches('.').to_lowercase();
        Self { context, namespace: format!("itk-{name}") }
    }

    pub fn run(&self, line: &str) -> Answer {
        self.context.run(line)
    }

    /// Kinds and names in the namespace, without what the cluster itself puts there.
    pub fn objects(&self) -> Vec<String> {
        let kinds = "configmaps,secrets,services,deployments.apps,poddisruptionbudgets.policy";
        let listed = kubectl(&["-n", &self.namespace, "get", kinds, "-o", "name"]);
        let own = |line: &&str| *line != "configmap/kube-root-ca.crt";
        let mut all: Vec<String> = listed.lines().filter(own).map(str::to_owned).collect();
        all.sort();
        all
    }

    fn has_namespace(&self) -> bool {
        !kubectl(&["get", "namespace", &self.namespace, "--ignore-not-found", "-o", "name"]).is_empty()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let arguments = ["delete", "namespace", &self.namespace, "--ignore-not-found", "--wait=false"];
        let _ = Command::new("kubectl").args(arguments).output();
    }
}

/// It must have succeeded.
pub fn done(answer: &Answer) {
    assert_eq!(answer.code, 0, "{answer}");
}

/// A namespace, what is in it from a file, and a workload that needs that.
pub fn write(place: &Place, version: u32) {
    let old = if version == 1 { "---\n{apiVersion: v1, kind: ConfigMap, metadata: {name: old}}\n" } else { "" };
    let settings = format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\ndata:\n  version: \"{version}\"\n---\n\
         apiVersion: v1\nkind: Service\nmetadata:\n  name: web\nspec:\n  selector: {{app: web}}\n  ports: [{{port: 80}}]\n{old}"
    );
    place.context.write("manifests/all.yaml", &settings);
    let main = format!(
        r#"
resource "kubernetes_object" "namespace" {{
  manifest = {{
    apiVersion = "v1"
    kind       = "Namespace"
    metadata   = {{ name = "{namespace}" }}
  }}
}}
resource "kubernetes_manifests" "shop" {{
  paths     = ["manifests"]
  namespace = kubernetes_object.namespace.manifest.metadata.name
}}
resource "kubernetes_object" "secret" {{
  namespace = "{namespace}"
  manifest = {{
    apiVersion = "v1"
    kind       = "Secret"
    metadata   = {{ name = "token" }}
    stringData = {{ token = "planted-{version}" }}
  }}
  depends_on = [kubernetes_object.namespace]
}}
resource "kubernetes_manifests" "web" {{
  namespace = "{namespace}"
  documents = [<<-YAML
    apiVersion: apps/v1
    kind: Deployment
    metadata: {{name: web}}
    spec:
      replicas: 1
      selector: {{matchLabels: {{app: web}}}}
      template:
        metadata: {{labels: {{app: web}}}}
        spec:
          containers: [{{name: web, image: "web:{version}"}}]
  YAML
  ]
  depends_on = [kubernetes_manifests.shop, kubernetes_object.secret]
}}
"#,
        namespace = place.namespace,
    );
    place.context.write("main.hcl", &main);
}

/// Exactly that is there, and there is nothing left to do.
pub fn settled(place: &Place, version: u32) {
    let plan = place.run("plan --detailed-exitcode");
    assert_eq!(plan.code, 0, "there is still something to do: {plan}");
    let mut expected = vec!["configmap/settings", "deployment.apps/web", "secret/token", "service/web"];
    if version == 1 {
        expected.insert(0, "configmap/old");
    }
    assert_eq!(place.objects(), expected, "exactly these objects are there");
    let image = "jsonpath={.spec.template.spec.containers[0].image}";
    assert_eq!(kubectl(&["-n", &place.namespace, "get", "deployment", "web", "-o", image]), format!("web:{version}"));
}

/// Nothing is left of it.
pub fn nothing_left(place: &Place) {
    assert!(!place.has_namespace(), "the namespace is left, with {:?}", place.objects());
}

#[test]
fn objects_are_planned_applied_changed_put_back_rolled_back_and_destroyed() {
    let place = Place::new();
    write(&place, 1);
    let plan = place.run("plan");
    assert!(plan.stdout.contains("its namespace is made by kubernetes_object.namespace"), "{plan}");
    let counted = plan.stdout.lines().find(|line| line.contains("; nested: ")).unwrap_or_default();
    assert!(counted.contains("1 to create, 5 deferred"), "what waits for its namespace is counted: {plan}");
    done(&place.run("apply --auto-approve"));
    settled(&place, 1);

    write(&place, 2);
    let plan = place.run("plan");
    let shown = |text: &str| assert!(plan.stdout.contains(text), "`{text}` is not in {plan}");
    shown("spec.template.spec.containers.web.image");
    shown("no longer in the manifests");
    shown("data.version");
    assert!(!plan.stdout.contains("terminationMessagePath") && !plan.stdout.contains("planted"), "{plan}");
    done(&place.run("apply --auto-approve"));
    settled(&place, 2);

    kubectl(&["-n", &place.namespace, "set", "image", "deployment/web", "web=other:1"]);
    kubectl(&["-n", &place.namespace, "delete", "service", "web"]);
    let plan = place.run("plan");
    let shown = |text: &str| assert!(plan.stdout.contains(text), "`{text}` is not in {plan}");
    shown("Changed outside deployctl");
    shown("was deleted outside deployctl");
    shown("other:1");
    done(&place.run("apply --auto-approve"));
    settled(&place, 2);

    let status = place.run("status");
    assert!(status.code == 0 && status.stdout.contains("healthy"), "{status}");
    done(&place.run("rollback --auto-approve"));
    // The checkout follows, or the next plan would go forwards again.
    write(&place, 1);
    settled(&place, 1);
    done(&place.run("destroy --auto-approve"));
    nothing_left(&place);
    let state = place.context.read(".deployctl/default/state.json");
    assert!(!state.contains("planted"), "the state has a secret in clear");
}

#[test]
fn what_runs_already_is_taken_over_by_import() {
    let place = Place::new();
    kubectl(&["create", "namespace", &place.namespace]);
    kubectl(&["-n", &place.namespace, "create", "configmap", "old", "--from-literal=key=1"]);
    let main = format!(
        "resource \"kubernetes_object\" \"old\" {{\n  namespace = \"{}\"\n  manifest = yamldecode(file(\"old.yaml\"))\n}}\n",
        place.namespace
    );
    place.context.write("main.hcl", &main);
    place.context.write("old.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: old}\ndata: {key: \"1\"}\n");
    let refused = place.run("apply --auto-approve");
    let import = format!("import kubernetes_object.old ConfigMap/{}/old", place.namespace);
    assert!(refused.code == 1 && refused.stderr.contains("is there already and is not managed here"), "{refused}");
    done(&place.run(&import));
    done(&place.run("apply --auto-approve"));
    assert_eq!(place.run("plan --detailed-exitcode").code, 0);
    done(&place.run("destroy --auto-approve"));
    assert_eq!(place.objects(), Vec::<String>::new());
}
