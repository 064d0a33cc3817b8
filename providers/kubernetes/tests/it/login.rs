//! Ways to log in, and everything else that is taken over or found without a record.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use deployctl_sdk::{ErrorKind, Ownership, ResourceId, Value};

use crate::desk::{Desk, TYPE, says, shown, texts, told};

const MAP: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {key: \"1\"}\n";

/// A field of the kubeconfig that the tests have.
fn of_kubeconfig(desk: &Desk, field: &str) -> String {
    desk.kubectl(&["config", "view", "--raw", "--minify", "-o", &format!("jsonpath={{{field}}}")])
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_a_certificate_and_a_credential_plugin_are_enough() {
    let helper = Desk::new("plugin").await;
    let token = of_kubeconfig(&helper, ".users[0].user.token");
    let server = of_kubeconfig(&helper, ".clusters[0].cluster.server");
    let authority = PathBuf::from(of_kubeconfig(&helper, ".clusters[0].cluster.certificate-authority"));
    let authority = deployctl_sdk::fs::read_to_string(&authority).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let plugin = folder.path().join("plugin");
    let credential =
        r#"{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"'"$1$REST"'"}}"#;
    std::fs::write(&plugin, format!("#!/bin/sh\necho '{credential}'\n")).unwrap();
    std::fs::set_permissions(&plugin, std::fs::Permissions::from_mode(0o755)).unwrap();
    let (start, rest) = token.split_at(4);
    let exec = Value::map([
        ("command", Value::from(plugin.display().to_string())),
        ("args", texts(&[start])),
        ("env", Value::map([("REST", Value::from(rest))]).into_sensitive()),
    ]);
    let settings =
        [("host", Value::from(server)), ("ca_certificate", Value::from(authority)), ("exec", exec), ("qps", 50.into())];
    let mut desk = Desk::with("exec", TYPE, &settings).await;
    let config = desk.manifests(MAP);
    desk.apply(&config).await;
    assert!(desk.exists("configmap", "a"));
    assert!(desk.delete().await.error.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_plugin_that_fails_is_named_and_what_it_printed_is_not_shown() {
    let folder = tempfile::tempdir().unwrap();
    let plugin = folder.path().join("plugin");
    std::fs::write(&plugin, "#!/bin/sh\necho token planted-hunter >&2\necho planted-hunter\nexit 7\n").unwrap();
    std::fs::set_permissions(&plugin, std::fs::Permissions::from_mode(0o755)).unwrap();
    let called = |command: &std::path::Path| {
        let exec = Value::map([("command", Value::from(command.display().to_string()))]);
        [("host", Value::from("https://127.0.0.1:9")), ("exec", exec)]
    };
    for (command, said) in [(plugin.as_path(), "exit status: 7"), (&folder.path().join("missing"), "missing")] {
        let mut desk = Desk::with("plugin", TYPE, &called(command)).await;
        let config = desk.manifests(MAP);
        let error = desk.refused(&config).await;
        says(&error, ErrorKind::Refused, &["cannot log in", said, "`exec` block"]);
        assert!(!told(&error).contains("planted-hunter"), "{}", told(&error));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_objects_of_a_namespace_are_taken_over_by_a_selector_and_found_again_by_their_mark() {
    let mut desk = Desk::new("import").await;
    for (name, app) in [("a", "shop"), ("b", "shop"), ("c", "other")] {
        desk.kubectl(&["create", "configmap", name, "--from-literal=key=1"]);
        desk.kubectl(&["label", "configmap", name, &format!("app={app}")]);
    }
    let mark = desk.held.mark.clone();
    let id = format!("{}:app=shop", desk.namespace);
    let object = desk.hand.connection.import(TYPE, &id, &mark).await.unwrap();
    let names: Vec<&str> = object.children.iter().map(|child| child.name.as_str()).collect();
    assert_eq!(names, [format!("{}/a", desk.namespace), format!("{}/b", desk.namespace)]);
    desk.held.object = Some(object);
    let manifest = |name: &str| {
        format!(
            "{{apiVersion: v1, kind: ConfigMap, metadata: {{name: {name}, labels: {{app: shop}}}}, data: {{key: \"1\"}}}}"
        )
    };
    let both = desk.manifests(&format!("{}\n---\n{}", manifest("a"), manifest("b")));
    let plan = desk.apply(&both).await;
    assert!(plan.children.iter().all(|child| child.diffs.is_empty()), "{}", shown(&plan));

    let found = desk.hand.connection.find_all(&desk.place).await.unwrap();
    let marks: Vec<ResourceId> = found.iter().map(|(mark, _)| mark.id).collect();
    assert_eq!(marks, [desk.held.mark.id]);
    let theirs = Ownership { lineage: deployctl_sdk::Lineage::random(), ..desk.held.mark.clone() };
    let refused = desk.hand.connection.import(TYPE, &id, &theirs).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::NotOurs);
    assert!(desk.delete().await.error.is_none());
    assert!(desk.exists("configmap", "c") && !desk.exists("configmap", "a"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_controllers_copy_our_labels_onto_is_not_taken_for_ours() {
    let mut desk = Desk::new("copied").await;
    let service =
        "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec:\n  selector: {app: web}\n  ports: [{port: 80}]\n";
    let config = desk.manifests(service);
    desk.apply(&config).await;
    let selector = format!("deployctl.dev/resource={}", desk.held.mark.id);
    let copies = || desk.kubectl(&["get", "endpointslices", "-l", &selector, "-o", "name"]);
    for _ in 0..100 {
        if !copies().is_empty() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert!(!copies().is_empty(), "no controller made endpoints");
    let found = desk.hand.connection.find_all(&desk.place).await.unwrap();
    let kinds: Vec<&str> = found.iter().flat_map(|(_, object)| &object.children).map(|child| &*child.kind).collect();
    assert_eq!(kinds, ["Service"]);
    assert!(desk.delete().await.error.is_none());
}
