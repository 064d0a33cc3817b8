//! Charts, rendered by the real Helm: what is in them, what is left out, and what is said of those that are wrong.

use deployctl_sdk::{Action, ErrorKind, Value};

use crate::desk::{Desk, child, says, shown, told};
use crate::ready::definition;

const CHART: &str = "apiVersion: v2\nname: shop\nversion: 1.2.3\nappVersion: \"7\"\n";

const VALUES: &str = "replicas: 1\nlevel: info\npassword: \"\"\n";

const HELPERS: &str = "\
{{- define \"shop.labels\" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}
";

const DEPLOYMENT: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .Release.Name }}-web
  namespace: {{ .Release.Namespace }}
  labels: {{- include \"shop.labels\" . | nindent 4 }}
spec:
  replicas: {{ .Values.replicas }}
  selector:
    matchLabels: {{- include \"shop.labels\" . | nindent 6 }}
  template:
    metadata:
      labels: {{- include \"shop.labels\" . | nindent 8 }}
    spec:
      containers:
      - name: app
        image: \"registry.example.com/shop:{{ .Chart.AppVersion }}\"
        env: [{name: LEVEL, value: {{ .Values.level | quote }}}]
";

const SECRET: &str = "\
apiVersion: v1
kind: Secret
metadata: {name: {{ .Release.Name }}-login}
stringData: {password: {{ .Values.password | quote }}}
";

/// What is there only where the cluster has it.
const MONITOR: &str = "\
{{- if .Capabilities.APIVersions.Has \"shop.example.com/v1/Monitor\" }}
apiVersion: v1
kind: ConfigMap
metadata: {name: monitored, annotations: {kube: {{ .Capabilities.KubeVersion.Version | quote }}}}
{{- end }}
";

fn hook(name: &str, when: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, annotations: {{helm.sh/hook: {when}}}}}\nspec: {{containers: [{{name: a, image: i}}]}}\n"
    )
}

/// A desk with a chart that has all that charts have.
async fn desk(test: &str) -> Desk {
    let desk = Desk::new(test).await;
    let (definition, group) = definition(&desk.namespace, "Basket");
    let files: [(&str, &str); 10] = [
        ("chart/Chart.yaml", CHART),
        ("chart/values.yaml", VALUES),
        ("chart/templates/_helpers.tpl", HELPERS),
        ("chart/templates/web.yaml", DEPLOYMENT),
        ("chart/templates/login.yaml", SECRET),
        ("chart/templates/monitor.yaml", MONITOR),
        ("chart/templates/NOTES.txt", "Thank you for installing {{ .Chart.Name }}.\n"),
        ("chart/templates/migrate.yaml", &hook("migrate", "\"pre-upgrade,pre-install\"")),
        ("chart/templates/tests/answers.yaml", &hook("answers", "test")),
        ("chart/crds/basket.yaml", &definition),
    ];
    files.into_iter().for_each(|(path, text)| desk.files.write(path, text));
    let basket = format!("apiVersion: {group}/v1\nkind: Basket\nmetadata: {{name: first}}\nspec: {{size: 1}}\n");
    desk.files.write("chart/templates/basket.yaml", &basket);
    desk
}

fn chart(desk: &Desk, more: &[(&str, Value)]) -> Value {
    let own = [("path", Value::from("chart")), ("release", Value::from("tuesday"))];
    let members = own.into_iter().chain(more.iter().cloned());
    desk.config(&[("chart", Value::map(members))])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chart_is_applied_with_its_values_and_without_its_hooks() {
    let mut desk = desk("chart").await;
    desk.files.write("prod.yaml", "replicas: 3\nlevel: warn\n");
    let values = |level: &str| {
        Value::map([("level", Value::from(level)), ("password", Value::from("planted-hunter").into_sensitive())])
    };
    let files = ("values_files", Value::list([Value::from("prod.yaml")]));
    let config = chart(&desk, &[files.clone(), ("values", values("debug"))]);
    let plan = desk.apply(&config).await;
    let made: Vec<(&str, &str)> =
        plan.children.iter().map(|child| (&*child.kind, child.name.rsplit('/').next().unwrap())).collect();
    let widgets = format!("baskets.{}.example.com", desk.namespace);
    let expected = [
        ("CustomResourceDefinition", widgets.as_str()),
        ("Secret", "tuesday-login"),
        ("Deployment", "tuesday-web"),
        ("Basket", "first"),
    ];
    assert_eq!(made, expected, "no hook, no test, no notes");
    assert_eq!(child(&plan, "Basket", "first").action, Action::Deferred);
    let notes: Vec<&str> = plan.notes.iter().map(|note| note.0.as_str()).collect();
    assert_eq!(notes, ["hooks of the chart are not run here: Pod migrate (pre-upgrade,pre-install)"]);
    let web = desk.get("deployment", "tuesday-web");
    assert_eq!(web["spec"]["replicas"], 3, "the file of values is over the chart's own");
    let container = &web["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container["env"][0]["value"], "debug", "and what is written in place is over the file");
    assert_eq!(container["image"], "registry.example.com/shop:7");
    assert_eq!(desk.get("secret", "tuesday-login")["data"]["password"], "cGxhbnRlZC1odW50ZXI=");

    // One value more, and one line in the plan.
    let config = chart(&desk, &[files, ("values", values("trace"))]);
    let plan = desk.apply(&config).await;
    let web = child(&plan, "Deployment", "tuesday-web");
    let changed: Vec<String> = web.diffs.iter().map(|diff| diff.path.to_string()).collect();
    assert_eq!(changed, ["spec.template.spec.containers.app.env.LEVEL.value"], "{}", shown(&plan));
    let others = plan.children.iter().filter(|child| child.kind != "Deployment");
    assert!(others.into_iter().all(|child| child.action == Action::NoOp), "{}", shown(&plan));
    let said = desk.hand.said().join("\n");
    assert!(!said.contains("planted-hunter") && !said.contains("cGxhbnRlZC1odW50ZXI"), "a secret was shown");
    assert!(desk.delete().await.error.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chart_sees_the_version_of_the_cluster_and_what_it_is_told_to_take_for_granted() {
    let mut desk = Desk::new("granted").await;
    desk.files.write("chart/Chart.yaml", CHART);
    desk.files.write("chart/templates/monitor.yaml", MONITOR);
    desk.files.write("chart/templates/plain.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: plain}\n");
    let plan = desk.apply(&chart(&desk, &[])).await;
    assert_eq!(plan.children.len(), 1, "{}", shown(&plan));
    let granted = Value::list([Value::from("shop.example.com/v1/Monitor")]);
    let config = chart(&desk, &[("api_versions", granted)]);
    desk.apply(&config).await;
    let version: serde_json::Value = serde_json::from_str(&desk.kubectl(&["get", "--raw", "/version"])).unwrap();
    assert_eq!(desk.get("configmap", "monitored")["metadata"]["annotations"]["kube"], version["gitVersion"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chart_that_is_wrong_is_refused_in_the_words_of_helm_and_without_secrets() {
    let mut desk = Desk::new("wrong").await;
    desk.files.write("chart/Chart.yaml", CHART);
    desk.files
        .write("chart/templates/web.yaml", "apiVersion: v1\nkind: {{ .Values.kind | required \"say a kind\" }}\n");
    let error = desk.refused(&chart(&desk, &[])).await;
    says(&error, ErrorKind::Invalid, &["`helm` cannot render this", "shop/templates/web.yaml:2", "say a kind"]);

    desk.files.write("chart/templates/web.yaml", "apiVersion: v1\n  kind: ConfigMap\n");
    let error = desk.refused(&chart(&desk, &[])).await;
    says(&error, ErrorKind::Invalid, &["`helm` cannot render this", "YAML parse error on shop/templates/web.yaml"]);

    desk.files.write("chart/templates/web.yaml", "{{ fail (printf \"no good: %s\" .Values.password) }}\n");
    let values = Value::map([("password", Value::from("planted-hunter").into_sensitive())]);
    let error = desk.refused(&chart(&desk, &[("values", values)])).await;
    says(&error, ErrorKind::Invalid, &["no good: (sensitive value)"]);
    assert!(!told(&error).contains("planted-hunter"));

    let needs =
        format!("{CHART}dependencies: [{{name: other, version: 1.0.0, repository: https://charts.example.com}}]\n");
    desk.files.write("chart/Chart.yaml", &needs);
    let error = desk.refused(&chart(&desk, &[])).await;
    says(&error, ErrorKind::Invalid, &["other", "helm dependency build"]);

    let error = desk.refused(&desk.config(&[("chart", Value::map([("path", Value::from("nowhere"))]))])).await;
    says(&error, ErrorKind::Invalid, &["nowhere"]);
}
