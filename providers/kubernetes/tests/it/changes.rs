//! What others do to the same objects, fields that cannot be changed, and kinds that are made along with their objects.

use deployctl_sdk::{Action, ErrorKind, RiskKind, Value};

use crate::desk::{Desk, child, says, shown, texts};
use crate::ready::definition;

fn deployment(replicas: &str, image: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web}}\nspec:\n{replicas}  selector: {{matchLabels: {{app: web}}}}\n  template:\n    metadata: {{labels: {{app: web}}}}\n    spec:\n      containers: [{{name: app, image: registry.example.com/app:{image}}}]\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_manager_changed_of_ours_is_drift_and_taken_back() {
    let mut desk = Desk::new("drift").await;
    let config = desk.manifests(&deployment("  replicas: 2\n", "1"));
    desk.apply(&config).await;
    desk.kubectl(&["scale", "deployment", "web", "--replicas=5"]);
    let plan = desk.plan(&config).await.unwrap();
    assert_eq!(plan.action, Action::Update, "{}", shown(&plan));
    let shown = shown(&plan);
    assert!(shown.contains("spec.replicas"), "{shown}");
    assert!(format!("{plan:?}").contains("kubectl"), "the manager is named: {plan:?}");
    desk.apply(&config).await;
    assert_eq!(desk.get("deployment", "web")["spec"]["replicas"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_that_are_not_ours_are_left_to_whoever_scales() {
    let mut desk = Desk::new("scaled").await;
    let config = desk.manifests(&deployment("", "1"));
    desk.apply(&config).await;
    desk.kubectl(&["scale", "deployment", "web", "--replicas=3"]);
    desk.kubectl(&["rollout", "status", "deployment", "web", "--timeout=60s"]);
    desk.unchanged(&config).await;
    let config = desk.manifests(&deployment("", "2"));
    let plan = desk.apply(&config).await;
    assert!(!shown(&plan).contains("replicas"), "{}", shown(&plan));
    assert_eq!(desk.get("deployment", "web")["spec"]["replicas"], 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_autoscaler_sets_is_left_to_it_and_shown_when_it_is_to_be_ours() {
    let mut desk = Desk::new("autoscaled").await;
    let scaler = "---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: web}\nspec:\n  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}\n  minReplicas: 3\n  maxReplicas: 5\n  metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 50}}}]\n";
    let of = |desk: &Desk, replicas: &str| {
        let text = deployment(replicas, "1") + scaler;
        desk.config(&[("documents", texts(&[&text])), ("wait", Value::from(false))])
    };
    let config = of(&desk, "");
    desk.apply(&config).await;
    // It goes up to its least without any metrics.
    let scaled = async |desk: &Desk| {
        for _ in 0..400 {
            if desk.get("deployment", "web")["spec"]["replicas"] == 3 {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        }
        panic!("nothing scaled it: {}", desk.kubectl(&["describe", "hpa", "web"]));
    };
    scaled(&desk).await;
    desk.unchanged(&config).await;
    // The server does not say who scaled a Deployment in which nobody set the replicas, so nobody is asked; the plan shows it.
    let config = of(&desk, "  replicas: 2\n");
    let plan = desk.plan(&config).await.unwrap();
    let web = child(&plan, "Deployment", "web");
    let changed: Vec<String> = web.diffs.iter().map(|diff| diff.path.to_string()).collect();
    assert_eq!((web.action, changed), (Action::Update, vec!["spec.replicas".to_owned()]), "{}", shown(&plan));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_that_another_manager_had_first_is_refused_with_its_name_and_taken_by_force() {
    let mut desk = Desk::new("conflict").await;
    let map =
        |more: &str| format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: settings}}\ndata:\n  ours: a\n{more}");
    let config = desk.manifests(&map(""));
    desk.apply(&config).await;
    let theirs = map("  theirs: b\n").replace("  ours: a\n", "");
    desk.kubectl_with(&["apply", "--server-side", "--field-manager=their-pipeline", "-f", "-"], &theirs);
    desk.unchanged(&config).await;

    let wanted = map("  theirs: c\n");
    let config = desk.manifests(&wanted);
    let error = desk.refused(&config).await;
    says(&error, error.kind, &["data.theirs", "their-pipeline", "force_conflicts"]);
    assert_eq!(desk.get("configmap", "settings")["data"]["theirs"], "b");

    let config = desk.config(&[("documents", texts(&[&wanted])), ("force_conflicts", Value::from(true))]);
    desk.apply(&config).await;
    assert_eq!(desk.get("configmap", "settings")["data"]["theirs"], "c");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_by_hand_is_shown_and_put_back() {
    let mut desk = Desk::new("edit").await;
    let config = desk.manifests(&deployment("  replicas: 1\n", "1"));
    desk.apply(&config).await;
    desk.kubectl_edit("deployment", "web", "s|app:1|app:patched|");
    let plan = desk.plan(&config).await.unwrap();
    let said = format!("{plan:?}");
    assert!(said.contains("app:patched") && said.contains("kubectl-edit"), "{said}");
    desk.apply(&config).await;
    let image = &desk.get("deployment", "web")["spec"]["template"]["spec"]["containers"][0]["image"];
    assert_eq!(image, "registry.example.com/app:1");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_deleted_by_hand_is_made_again() {
    let mut desk = Desk::new("deleted").await;
    let text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\n";
    let config = desk.manifests(text);
    desk.apply(&config).await;
    desk.kubectl(&["delete", "configmap", "b"]);
    let plan = desk.apply(&config).await;
    assert_eq!(child(&plan, "ConfigMap", "b").action, Action::Create);
    assert!(desk.exists("configmap", "b"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_immutable_field_takes_a_new_object_and_is_named() {
    let mut desk = Desk::new("immutable").await;
    let service = "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: frozen}\nimmutable: true\ndata: {a: b}\n";
    let config = desk.manifests(&(deployment("  replicas: 1\n", "1") + service));
    desk.apply(&config).await;
    let before = [desk.get("deployment", "web"), desk.get("configmap", "frozen")]
        .map(|object| object["metadata"]["uid"].clone());

    let changed = deployment("  replicas: 1\n", "1").replace("{app: web}", "{app: web, tier: front}");
    let config = desk.manifests(&(changed + &service.replace("a: b", "a: c")));
    let plan = desk.plan(&config).await.unwrap();
    for (kind, name, field) in [("Deployment", "web", "spec.selector"), ("ConfigMap", "frozen", "data")] {
        let child = child(&plan, kind, name);
        assert!(matches!(child.action, Action::Replace(_)), "{}", shown(&plan));
        let named = child.reason.contains(field)
            || child.diffs.iter().any(|diff| diff.forces_replacement && diff.path.to_string().contains(field));
        assert!(named, "{field} is named: {}", shown(&plan));
    }
    assert!(plan.risks.iter().any(|risk| risk.kind == RiskKind::Interrupts), "{}", shown(&plan));
    desk.apply(&config).await;
    let after = [desk.get("deployment", "web"), desk.get("configmap", "frozen")]
        .map(|object| object["metadata"]["uid"].clone());
    assert!(before[0] != after[0] && before[1] != after[1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_definition_and_its_objects_come_in_one_plan() {
    let mut desk = Desk::new("crd").await;
    let (definition, group) = definition(&desk.namespace, "Widget");
    let object = format!("---\napiVersion: {group}/v1\nkind: Widget\nmetadata: {{name: one}}\nspec: {{size: 1}}\n");
    let config = desk.manifests(&(object.trim_start_matches("---\n").to_owned() + "---\n" + &definition));
    let plan = desk.plan(&config).await.unwrap();
    let widget = child(&plan, "Widget", "one");
    assert_eq!(widget.action, Action::Deferred, "{}", shown(&plan));
    assert!(widget.reason.contains("kind is defined"), "{}", widget.reason);
    desk.apply(&config).await;
    let plural = format!("widgets.{group}");
    assert_eq!(desk.get(&plural, "one")["spec"]["size"], 1);

    // What the definition forbids is said at planning time, once it is there.
    let wrong = desk.manifests(&(definition.clone() + &object.replace("size: 1", "size: large")));
    let error = desk.refused(&wrong).await;
    says(&error, ErrorKind::Invalid, &["Widget", "one", "spec.size"]);
    assert_eq!(desk.get(&plural, "one")["spec"]["size"], 1);
    let applied = desk.delete().await;
    assert!(applied.error.is_none(), "{:?}", applied.error);
    assert!(!desk.exists("crd", &plural));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_and_what_is_in_it_come_in_one_plan() {
    let mut desk = Desk::new("namespace").await;
    let name = format!("{}-inner", desk.namespace);
    let text = format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: inside, namespace: {name}}}\n---\napiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}}}\n"
    );
    let config = desk.manifests(&text);
    let plan = desk.plan(&config).await.unwrap();
    let inside = child(&plan, "ConfigMap", "inside");
    assert_eq!(inside.action, Action::Deferred, "{}", shown(&plan));
    assert!(inside.reason.contains("namespace is made"), "{}", inside.reason);
    desk.apply(&config).await;
    let gone = desk.manifests("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: other}\n");
    let plan = desk.plan(&gone).await.unwrap();
    assert!(plan.risks.iter().any(|risk| risk.kind == RiskKind::DataLoss), "{}", shown(&plan));
    desk.apply(&gone).await;
    assert!(!desk.exists("namespace", &name));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_person_would_want_to_know_is_flagged() {
    let mut desk = Desk::new("risks").await;
    let claim = "---\napiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: data}\nspec:\n  storageClassName: none\n  accessModes: [ReadWriteOnce]\n  resources: {requests: {storage: 1Gi}}\n";
    let service = |kind: &str| {
        format!(
            "---\napiVersion: v1\nkind: Service\nmetadata: {{name: web}}\nspec:\n  type: {kind}\n  selector: {{app: web}}\n  ports: [{{port: 80}}]\n"
        )
    };
    let of = |desk: &Desk, text: &str| desk.config(&[("documents", texts(&[text])), ("wait", Value::from(false))]);
    let config = of(&desk, &(deployment("  replicas: 2\n", "1") + claim + &service("ClusterIP")));
    desk.apply(&config).await;
    let risk = |plan: &deployctl_sdk::PlannedChange, kind: RiskKind, part: &str| {
        assert!(
            plan.risks.iter().any(|risk| risk.kind == kind && risk.text.contains(part)),
            "{kind:?} {part}: {}",
            shown(plan)
        );
    };
    let plan = desk.plan(&of(&desk, &(deployment("  replicas: 0\n", "1") + &service("LoadBalancer")))).await.unwrap();
    risk(&plan, RiskKind::DataLoss, "data");
    risk(&plan, RiskKind::Interrupts, "web");
    risk(&plan, RiskKind::Exposure, "web");
    let selector = service("ClusterIP").replace("selector: {app: web}", "selector: {app: other}");
    let plan = desk.plan(&of(&desk, &(deployment("  replicas: 2\n", "1") + claim + &selector))).await.unwrap();
    assert!(plan.risks.iter().any(|risk| risk.text.contains("selects other pods")), "{}", shown(&plan));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_shows_itself_by_digest_alone() {
    let mut desk = Desk::new("secret").await;
    let secret = |value: &str| {
        format!(
            "apiVersion: v1\nkind: Secret\nmetadata: {{name: s}}\nstringData: {{password: {value}}}\ndata: {{token: aHVudGVyLWZpdmU=}}\n"
        )
    };
    let config = desk.manifests(&secret("hunter-two-two"));
    desk.apply(&config).await;
    let config = desk.manifests(&secret("hunter-three"));
    let plan = desk.apply(&config).await;
    assert_eq!(child(&plan, "Secret", "s").action, Action::Update);
    let said = desk.hand.said().join("\n");
    // `aHVudGVyL` is how each of them begins in base64.
    assert!(!said.contains("hunter") && !said.contains("aHVudGVyL"), "a secret was shown");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replacement_that_the_server_would_not_take_is_refused_before_anything_is_deleted() {
    let mut desk = Desk::new("unfit").await;
    let name = desk.namespace.clone();
    let class = |policy: &str| {
        format!(
            "apiVersion: scheduling.k8s.io/v1\nkind: PriorityClass\nmetadata: {{name: {name}}}\nvalue: 5\npreemptionPolicy: {policy}\n"
        )
    };
    let config = desk.manifests(&class("Never"));
    desk.apply(&config).await;
    let before = desk.get("priorityclass", &name)["metadata"]["uid"].clone();
    let wrong = desk.manifests(&class("Sometimes"));
    let error = desk.plan(&wrong).await.unwrap_err();
    says(&error, ErrorKind::Invalid, &["PriorityClass", &name, "preemptionPolicy", "Sometimes"]);
    assert_eq!(desk.get("priorityclass", &name)["metadata"]["uid"], before);
    let other = desk.manifests(&class("PreemptLowerPriority"));
    desk.apply(&other).await;
    assert_ne!(desk.get("priorityclass", &name)["metadata"]["uid"], before);
    assert!(desk.delete().await.error.is_none());
}
