//! A cluster on which not everything is allowed: errors name what is missing.

use deployctl_sdk::{ErrorKind, Value};

use crate::desk::{Desk, says, texts};

const ROLE: &str = "\
apiVersion: v1
kind: ServiceAccount
metadata: {name: deployer}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: deployer}
rules:
- {apiGroups: [\"\"], resources: [configmaps], verbs: [get, list, watch, create, patch, update, delete]}
- {apiGroups: [apps], resources: [deployments], verbs: [get, list]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: deployer}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: deployer}
subjects: [{kind: ServiceAccount, name: deployer}]
";

const MAP: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {a: b}\n";

/// A desk whose provider may do only what the role says.
async fn limited(test: &str) -> Desk {
    let mut desk = Desk::new(test).await;
    desk.kubectl_with(&["apply", "--server-side", "-f", "-"], ROLE);
    let token = desk.kubectl(&["create", "token", "deployer"]);
    let settings = Value::map([("token", Value::from(token))]);
    let settled = deployctl_sdk::conformance::settle(&desk.hand.provider.schema().settings, &settings).unwrap();
    let connection = desk.hand.provider.configure(&settled, &desk.place).await.unwrap();
    desk.hand = desk.hand.on(connection);
    desk
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_allowed_works_without_any_other_right() {
    let mut desk = limited("allowed").await;
    let config = desk.manifests(MAP);
    desk.apply(&config).await;
    let config = desk.manifests(&MAP.replace("a: b", "a: c"));
    desk.apply(&config).await;
    let applied = desk.delete().await;
    assert!(applied.error.is_none(), "{:?}", applied.error);
    assert!(!desk.exists("configmap", "a"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_allowed_is_said_with_the_verb_and_the_resource() {
    let mut desk = limited("forbidden").await;
    let secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {p: never-shown}\n";
    let config = desk.manifests(secret);
    let error = desk.refused(&config).await;
    says(&error, ErrorKind::Refused, &["secrets", &desk.namespace, "deployer"]);
    let said = format!("{} {:?}", error.message, error.hint);
    assert!(["get", "patch", "create"].iter().any(|verb| said.contains(verb)), "{said}");

    // It may be looked at, and not be changed.
    let deployment = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  selector: {matchLabels: {app: web}}\n  template:\n    metadata: {labels: {app: web}}\n    spec:\n      containers: [{name: app, image: i}]\n";
    let config = desk.config(&[("documents", texts(&[MAP, deployment]))]);
    let error = desk.refused(&config).await;
    says(&error, ErrorKind::Refused, &["deployments", "patch"]);
    assert!(!desk.exists("configmap", "a"), "nothing is done of a plan that could not be made");

    let namespaced =
        desk.manifests(&format!("apiVersion: v1\nkind: Namespace\nmetadata: {{name: {}-more}}\n", desk.namespace));
    let error = desk.refused(&namespaced).await;
    says(&error, ErrorKind::Refused, &["namespaces"]);
}
