//! Bad input: each gets an error that says what, where and what to do next, and nothing was changed.

use deployctl_sdk::{ErrorKind, Value};

use crate::desk::{Desk, TYPE, says, texts, told};

async fn refused(test: &str, text: &str) -> deployctl_sdk::ProviderError {
    let mut desk = Desk::new(test).await;
    let config = desk.manifests(text);
    let error = desk.refused(&config).await;
    assert_eq!(
        desk.kubectl(&["get", "configmap", "--field-selector=metadata.name!=kube-root-ca.crt", "-o", "name"]),
        ""
    );
    error
}

#[tokio::test(flavor = "multi_thread")]
async fn no_cluster_is_said_with_the_address_that_did_not_answer() {
    let settings = [("host", Value::from("https://127.0.0.1:9")), ("token", Value::from("none"))];
    let mut desk = Desk::with("nocluster", TYPE, &settings).await;
    let config = desk.manifests("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n");
    let error = desk.refused(&config).await;
    says(&error, ErrorKind::Unreachable, &["127.0.0.1:9"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_cluster_at_planning_time_is_fine_if_the_configuration_says_so() {
    let settings = [("host", Value::from("https://127.0.0.1:9")), ("token", Value::from("none"))];
    let desk = Desk::with("offline", TYPE, &settings).await;
    let text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n";
    let plan = desk.plan(&desk.config(&[("documents", texts(&[text])), ("offline", Value::from(true))])).await.unwrap();
    assert!(!plan.notes.is_empty(), "it says what it could not check");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_not_taken_is_said_to_be_expired_or_wrong() {
    let mut desk = Desk::with("token", TYPE, &[("token", Value::from("an-old-token"))]).await;
    let config = desk.manifests("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n");
    let error = desk.refused(&config).await;
    says(&error, error.kind, &["token"]);
    assert!(!told(&error).contains("an-old-token"), "{}", told(&error));
    assert!(error.hint.is_some(), "{}", told(&error));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_context_that_is_not_there_is_said_with_those_that_are() {
    let desk = Desk::new("context").await;
    let settings = Value::map([("context", Value::from("elsewhere"))]);
    let settled = deployctl_sdk::conformance::settle(&desk.hand.provider.schema().settings, &settings).unwrap();
    let error = match desk.hand.provider.configure(&settled, &desk.place).await {
        Err(error) => error,
        Ok(connection) => {
            let mut desk = desk;
            desk.hand = desk.hand.on(connection);
            let config = desk.manifests("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n");
            desk.refused(&config).await
        }
    };
    says(&error, ErrorKind::Invalid, &["elsewhere", "engines"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kind_that_nobody_serves_is_named() {
    let error = refused("kind", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n---\napiVersion: apps/v1\nkind: Deploiment\nmetadata: {name: web}\n").await;
    says(&error, ErrorKind::Invalid, &["Deploiment", "apps/v1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_that_the_kind_does_not_have_is_named_at_planning_time() {
    let text = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec:\n  ports: [{port: 80, targetport: 8080}]\n";
    let error = refused("field", text).await;
    says(&error, ErrorKind::Invalid, &["Service", "web", "targetport"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_admission_refuses_is_said_at_planning_time() {
    let mut desk = Desk::new("admission").await;
    let namespace = desk.namespace.clone();
    desk.kubectl(&["label", "namespace", &namespace, "pod-security.kubernetes.io/enforce=restricted"]);
    let config = desk.manifests("apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  hostNetwork: true\n  containers: [{name: a, image: i}]\n");
    let error = desk.plan(&config).await.unwrap_err();
    says(&error, error.kind, &["Pod", "PodSecurity"]);
    let config = desk.manifests("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: Not_A_Name}\n");
    let error = desk.refused(&config).await;
    says(&error, ErrorKind::Invalid, &["Not_A_Name", "metadata.name"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mistake_in_yaml_is_shown_with_file_line_and_place() {
    let mut desk = Desk::new("yaml").await;
    desk.files.write("shop/web.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n  labels: [\n");
    desk.files.write("shop/other.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: b, name: c}\n");
    let config = desk.config(&[("paths", texts(&["shop"]))]);
    let errors = desk.prepare(&config).unwrap_err();
    let all: Vec<String> = errors.iter().map(told).collect();
    assert!(all.iter().any(|error| error.contains("shop/web.yaml:") && error.contains('^')), "{all:#?}");
    assert!(
        all.iter()
            .any(|error| error.contains("shop/other.yaml:3:") && error.contains("`name` stands here a second time")),
        "{all:#?}"
    );
    let error = desk.refused(&config).await;
    assert_eq!(error.kind, ErrorKind::Invalid);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_object_in_two_files_is_refused_with_both_places() {
    let mut desk = Desk::new("twice").await;
    let own = desk.namespace.clone();
    desk.files.write("a/one.yaml", "# first\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\n");
    desk.files.write(
        "b/two.yaml",
        &format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: settings, namespace: {own}}}\n"),
    );
    let config = desk.config(&[("paths", texts(&["a", "b/*.yaml"]))]);
    let error = desk.refused(&config).await;
    says(&error, ErrorKind::Invalid, &["ConfigMap `settings`", "a/one.yaml:2", "b/two.yaml:1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_without_a_name_is_refused() {
    let error = refused("nameless", "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  labels: {a: b}\n").await;
    says(&error, ErrorKind::Invalid, &["this ConfigMap has no name", "3 │ metadata:"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn aliases_that_would_fill_the_memory_are_refused_at_once() {
    let mut bomb = String::from(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  a0: &a0 [x, x, x, x, x, x, x, x, x]\n",
    );
    for level in 1..10 {
        let items = vec![format!("*a{}", level - 1); 9].join(", ");
        bomb += &format!("  a{level}: &a{level} [{items}]\n");
    }
    let begun = std::time::Instant::now();
    let error = refused("bomb", &bomb).await;
    says(&error, ErrorKind::Invalid, &["aliases"]);
    assert!(begun.elapsed().as_secs() < 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_of_ten_megabytes_is_refused_by_the_server_and_said_so() {
    let text = format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: big}}\ndata:\n  big: \"{}\"\n",
        "x".repeat(10_000_000)
    );
    let error = refused("big", &text).await;
    says(&error, error.kind, &["ConfigMap", "big"]);
    assert!(told(&error).len() < 2_000, "{}", told(&error).len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_that_is_on_its_way_out_is_said_to_be() {
    let mut desk = Desk::new("leaving").await;
    let name = format!("{}-gone", desk.namespace);
    desk.kubectl_with(
        &["create", "-f", "-"],
        &format!("apiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}}}\n"),
    );
    // A finalizer of somebody who is not there keeps what is in it, and so it.
    let kept = format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: kept, namespace: {name}, finalizers: [example.org/keep]}}\n"
    );
    desk.kubectl_with(&["-n", &name, "create", "-f", "-"], &kept);
    desk.kubectl(&["delete", "namespace", &name, "--wait=false"]);
    let config = desk.config(&[
        ("documents", texts(&["apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"])),
        ("namespace", Value::from(name.as_str())),
    ]);
    let error = desk.refused(&config).await;
    desk.kubectl(&[
        "-n",
        &name,
        "patch",
        "configmap",
        "kept",
        "--type=merge",
        "-p",
        "{\"metadata\":{\"finalizers\":null}}",
    ]);
    says(&error, error.kind, &[&name, "terminat"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finalizer_that_hangs_is_named_when_deleting_takes_too_long() {
    let mut desk = Desk::new("finalizer").await;
    let text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: kept, finalizers: [example.org/keep]}\n";
    let config = desk.config(&[("documents", texts(&[text])), ("timeout", Value::from("3s"))]);
    desk.apply(&config).await;
    let applied = desk.delete().await;
    let error = applied.error.expect("it cannot be deleted");
    desk.kubectl(&["patch", "configmap", "kept", "--type=merge", "-p", "{\"metadata\":{\"finalizers\":null}}"]);
    says(&error, error.kind, &["ConfigMap", "kept", "example.org/keep"]);
    assert!(applied.object.is_some(), "what is left is still recorded");
    assert!(desk.delete().await.error.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_else_made_is_not_taken_over() {
    let mut desk = Desk::new("theirs").await;
    desk.kubectl(&["create", "configmap", "settings", "--from-literal=a=theirs"]);
    let config = desk.manifests("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {a: ours}\n");
    let error = desk.refused(&config).await;
    says(&error, ErrorKind::NotOurs, &["ConfigMap", "settings", "import"]);
    assert_eq!(desk.get("configmap", "settings")["data"]["a"], "theirs");
}
