//! Manifests that another program renders, by the real program.

use deployctl_sdk::{Action, ErrorKind, Value};

use crate::desk::{Desk, child, says};

const BASE: &str = "resources: [web.yaml]\nlabels: [{pairs: {app: web}, includeSelectors: true}]\n";

const WEB: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  replicas: 1\n  template:\n    spec:\n      containers: [{name: app, image: registry.example.com/app}]\n";

const OVERLAY: &str = "\
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namePrefix: prod-
resources: [../base]
images: [{name: registry.example.com/app, newTag: \"7\"}]
replicas: [{name: web, count: 2}]
configMapGenerator:
- name: settings
  files: [settings.ini]
";

#[tokio::test(flavor = "multi_thread")]
async fn a_kustomization_is_rendered_with_all_that_it_is_based_on() {
    let mut desk = Desk::new("kustomize").await;
    desk.files.write("shop/base/kustomization.yaml", BASE);
    desk.files.write("shop/base/web.yaml", WEB);
    desk.files.write("shop/prod/kustomization.yaml", OVERLAY);
    desk.files.write("shop/prod/settings.ini", "a = b\n");
    let config = desk.config(&[("kustomization", Value::from("shop/prod"))]);
    let prepared = desk.prepare(&config).unwrap();
    let mut captured: Vec<&str> = prepared.captured.iter().map(|file| file.path.as_str()).collect();
    captured.sort_unstable();
    let expected = [
        "shop/base/kustomization.yaml",
        "shop/base/web.yaml",
        "shop/prod/kustomization.yaml",
        "shop/prod/settings.ini",
    ];
    assert_eq!(captured, expected);
    let plan = desk.apply(&config).await;
    assert_eq!(child(&plan, "Deployment", "prod-web").action, Action::Create);
    let web = desk.get("deployment", "prod-web");
    assert_eq!(web["spec"]["template"]["spec"]["containers"][0]["image"], "registry.example.com/app:7");
    assert_eq!(web["status"]["readyReplicas"], 2);

    // Another content has another name: one is made and the other goes.
    desk.files.write("shop/prod/settings.ini", "a = c\n");
    let plan = desk.apply(&config).await;
    let of_maps: Vec<Action> =
        plan.children.iter().filter(|child| child.kind == "ConfigMap").map(|child| child.action).collect();
    assert!(of_maps.contains(&Action::Create) && of_maps.contains(&Action::Delete), "{of_maps:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_kustomization_lacks_is_said_with_the_line() {
    let mut desk = Desk::new("kustomize").await;
    desk.files.write("shop/kustomization.yaml", "resources:\n- github.com/example/shop?ref=main\n");
    let config = desk.config(&[("kustomization", Value::from("shop"))]);
    let error = desk.refused(&config).await;
    says(&error, ErrorKind::Invalid, &["shop/kustomization.yaml:2:3", "github.com/example/shop", "copy it here"]);

    desk.files.write("shop/kustomization.yaml", "resources: [web.yaml]\nnamePrefx: a-\n");
    desk.files.write("shop/web.yaml", WEB);
    let error = desk.refused(&config).await;
    says(&error, ErrorKind::Invalid, &["`kubectl` cannot render this", "namePrefx"]);

    let config = desk.config(&[("kustomization", Value::from("nowhere"))]);
    let error = desk.refused(&config).await;
    assert_eq!(error.kind, ErrorKind::Invalid);
}
