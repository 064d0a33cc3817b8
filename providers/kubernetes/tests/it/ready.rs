//! Every kind becomes ready in its own way, and says in its own way why it does not.

use deployctl_sdk::{Action, ErrorKind, Value};
use serde_json::json;

use crate::desk::{Desk, says, texts};

fn labelled(kind: &str, rest: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: {kind}\nmetadata: {{name: web}}\nspec:\n  selector: {{matchLabels: {{app: web}}}}\n{rest}\n  \
         template:\n    metadata: {{labels: {{app: web}}}}\n    spec:\n      containers: [{{name: app, image: registry.example.com/app:1}}]\n"
    )
}

const QUOTA: &str = "---\napiVersion: v1\nkind: ResourceQuota\nmetadata: {name: none}\nspec: {hard: {pods: \"0\"}}\n";

/// Applies, and answers with what is said when it does not become ready in time.
async fn not_ready(desk: &mut Desk, text: &str, patience: &str) -> deployctl_sdk::ProviderError {
    let config = desk.config(&[("documents", texts(&[text])), ("timeout", Value::from(patience))]);
    desk.refused(&config).await
}

#[tokio::test(flavor = "multi_thread")]
async fn workloads_become_ready_when_their_pods_are() {
    let mut desk = Desk::new("workloads").await;
    let text = [
        labelled("Deployment", "  replicas: 2"),
        labelled("StatefulSet", "  replicas: 2\n  serviceName: web").replace("name: web}", "name: set}"),
        labelled("DaemonSet", "").replace("name: web}", "name: each}"),
        labelled("ReplicaSet", "  replicas: 1").replace("name: web}", "name: rs}").replace("app: web", "app: rs"),
    ]
    .join("---\n");
    let config = desk.manifests(&text);
    let plan = desk.apply(&config).await;
    assert_eq!(plan.action, Action::Create);
    let said = desk.hand.said().join("\n");
    let of = |name: &str| format!("{}/{name}: ", desk.namespace);
    for kind in ["Deployment", "StatefulSet"] {
        let named = format!("{kind} {}", of(if kind == "Deployment" { "web" } else { "set" }));
        assert!(said.contains(&format!("{named}ready")), "no progress of {named} in {said}");
    }
    assert_eq!(desk.get("deployment", "web")["status"]["availableReplicas"], 2);
    assert_eq!(desk.get("statefulset", "set")["status"]["readyReplicas"], 2);
    let each = desk.get("daemonset", "each");
    assert_eq!(each["status"]["numberAvailable"], each["status"]["desiredNumberScheduled"]);
    assert_eq!(desk.get("replicaset", "rs")["status"]["availableReplicas"], 1);
    let applied = desk.delete().await;
    assert!(applied.error.is_none(), "{:?}", applied.error);
    assert!(!desk.exists("deployment", "web"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_whose_pods_cannot_be_made_says_what_forbids_them() {
    let mut desk = Desk::new("quota").await;
    let text = labelled("Deployment", "  replicas: 2\n  progressDeadlineSeconds: 2") + QUOTA;
    let error = not_ready(&mut desk, &text, "60s").await;
    says(&error, ErrorKind::Refused, &["Deployment", "web", "ProgressDeadlineExceeded", "exceeded quota: none"]);
    // What was made is known, and the next run goes on with it.
    assert!(desk.held.object.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn pods_that_fit_no_node_are_told_of_by_the_workload() {
    for (kind, more) in [("StatefulSet", "  serviceName: web"), ("ReplicaSet", "  replicas: 1")] {
        let mut desk = Desk::new("unschedulable").await;
        let text = labelled(kind, more)
            .replace("spec:\n      containers", "spec:\n      nodeSelector: {no: where}\n      containers");
        let error = not_ready(&mut desk, &text, "4s").await;
        says(&error, error.kind, &[kind, "web", "didn't match Pod's node affinity/selector"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_set_whose_pods_cannot_be_made_says_what_forbids_them() {
    let mut desk = Desk::new("daemons").await;
    let error = not_ready(&mut desk, &(labelled("DaemonSet", "") + QUOTA), "5s").await;
    says(&error, error.kind, &["DaemonSet", "web", "exceeded quota: none"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_loop_is_told_at_once_with_how_the_container_ended() {
    let mut desk = Desk::new("crash").await;
    // Nobody runs pods on a node that is not there, so its kubelet can be played.
    let text = labelled("Deployment", "")
        .replace("spec:\n      containers", "spec:\n      nodeName: nowhere\n      containers");
    let namespace = desk.namespace.clone();
    let kubeconfig = desk.kubeconfig.clone();
    let kubelet = std::thread::spawn(move || {
        let kubectl = |arguments: &[&str]| {
            let output = std::process::Command::new("kubectl")
                .args(["--kubeconfig", &kubeconfig, "-n", &namespace])
                .args(arguments)
                .output()
                .unwrap();
            String::from_utf8_lossy(&output.stdout).trim().to_owned()
        };
        let status = json!({"status": {"phase": "Running", "containerStatuses": [{
            "name": "app", "image": "i", "imageID": "i", "ready": false, "started": false, "restartCount": 4,
            "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 40s restarting failed container"}},
            "lastState": {"terminated": {"exitCode": 3, "reason": "Error"}},
        }]}});
        for _ in 0..100 {
            let pod = kubectl(&["get", "pod", "-l", "app=web", "-o", "name"]);
            if !pod.is_empty() {
                kubectl(&["patch", &pod, "--subresource=status", "--type=merge", "-p", &status.to_string()]);
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
    });
    let begun = std::time::Instant::now();
    let error = not_ready(&mut desk, &text, "120s").await;
    kubelet.join().unwrap();
    says(&error, error.kind, &["Deployment", "web", "CrashLoopBackOff", "4 restarts", "ended with exit code 3"]);
    assert!(begun.elapsed().as_secs() < 60, "a crash loop is not waited out");
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_are_waited_for_to_their_end_and_cron_jobs_are_not() {
    let mut desk = Desk::new("jobs").await;
    let job = "apiVersion: batch/v1\nkind: Job\nmetadata: {name: once}\nspec:\n  template:\n    spec:\n      restartPolicy: Never\n      containers: [{name: app, image: registry.example.com/app:1}]\n";
    let cron = "---\napiVersion: batch/v1\nkind: CronJob\nmetadata: {name: nightly}\nspec:\n  schedule: 0 3 * * *\n  jobTemplate:\n    spec:\n      template:\n        spec:\n          restartPolicy: Never\n          containers: [{name: app, image: registry.example.com/app:1}]\n";
    let config = desk.manifests(&(job.to_owned() + cron));
    desk.apply(&config).await;
    assert_eq!(desk.get("job", "once")["status"]["succeeded"], 1);

    let late = job
        .replace("name: once", "name: late")
        .replace("spec:\n  template", "spec:\n  activeDeadlineSeconds: 1\n  template")
        .replace("restartPolicy: Never", "restartPolicy: Never\n      nodeSelector: {no: where}");
    let mut desk = Desk::new("late").await;
    let error = not_ready(&mut desk, &late, "60s").await;
    says(&error, ErrorKind::Refused, &["Job", "late", "DeadlineExceeded"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_is_ready_with_its_volume_and_says_that_there_is_none() {
    let mut desk = Desk::new("claims").await;
    let class = desk.namespace.clone();
    let text = format!(
        "apiVersion: v1\nkind: PersistentVolume\nmetadata: {{name: {class}}}\nspec:\n  storageClassName: {class}\n  capacity: {{storage: 1Gi}}\n  accessModes: [ReadWriteOnce]\n  nfs: {{server: nfs.example.com, path: /}}\n---\napiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {{name: data}}\nspec:\n  storageClassName: {class}\n  accessModes: [ReadWriteOnce]\n  resources: {{requests: {{storage: 1Gi}}}}\n"
    );
    let config = desk.manifests(&text);
    desk.apply(&config).await;
    assert_eq!(desk.get("pvc", "data")["status"]["phase"], "Bound");
    assert!(desk.delete().await.error.is_none());

    let mut desk = Desk::new("claims").await;
    let claim = text.split("---\n").nth(1).unwrap().replace(&class, "no-such-class");
    let error = not_ready(&mut desk, &claim, "8s").await;
    says(&error, error.kind, &["PersistentVolumeClaim", "data", "no volume yet (class no-such-class)", "storageclass"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn services_and_ingresses_are_ready_when_they_have_their_address() {
    let text = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec:\n  type: LoadBalancer\n  selector: {app: web}\n  ports: [{port: 80}]\n---\napiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: web}\nspec:\n  ingressClassName: none\n  defaultBackend: {service: {name: web, port: {number: 80}}}\n";
    let mut desk = Desk::new("addresses").await;
    let balanced = json!({"loadBalancer": {"ingress": [{"ip": "192.0.2.7"}]}});
    let controllers =
        [desk.write_status_soon("service", "web", &balanced), desk.write_status_soon("ingress", "web", &balanced)];
    let config = desk.manifests(text);
    desk.apply(&config).await;
    controllers.into_iter().for_each(|controller| controller.join().unwrap());

    for (part, said) in [(0, "no load balancer has an address"), (1, "no ingress controller of class none")] {
        let mut desk = Desk::new("addresses").await;
        let error = not_ready(&mut desk, text.split("---\n").nth(part).unwrap(), "3s").await;
        says(&error, error.kind, &["web", said]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_by_itself_is_waited_for() {
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: alone}\nspec:\n  containers: [{name: app, image: registry.example.com/app:1}]\n";
    let mut desk = Desk::new("pod").await;
    let config = desk.manifests(pod);
    desk.apply(&config).await;
    let mut desk = Desk::new("pod").await;
    let error = not_ready(&mut desk, &pod.replace("spec:", "spec:\n  nodeSelector: {no: where}"), "4s").await;
    says(&error, error.kind, &["Pod", "alone", "Unschedulable"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn autoscalers_and_budgets_are_ready_when_they_can_do_their_work() {
    let scaler = "---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: web}\nspec:\n  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}\n  maxReplicas: 3\n  metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 50}}}]\n";
    let budget = |least: i64| {
        format!(
            "---\napiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {{name: web}}\nspec:\n  minAvailable: {least}\n  selector: {{matchLabels: {{app: web}}}}\n"
        )
    };
    // Nothing is to be scaled where there are no replicas on purpose, so no metrics are missed.
    let mut desk = Desk::new("scalers").await;
    let config = desk.manifests(&(labelled("Deployment", "  replicas: 0") + scaler));
    desk.apply(&config).await;
    let mut desk = Desk::new("scalers").await;
    let error = not_ready(&mut desk, &(labelled("Deployment", "  replicas: 1") + scaler), "25s").await;
    says(&error, error.kind, &["HorizontalPodAutoscaler", "web", "FailedGetResourceMetric"]);

    // A budget may be there before its pods: whoever waits for those can wait long, if they come after it.
    let mut desk = Desk::new("budgets").await;
    let config = desk.manifests(&budget(2));
    let begun = std::time::Instant::now();
    desk.apply(&config).await;
    assert!(begun.elapsed().as_secs() < 20, "nothing is waited for that comes later");
    let config = desk.manifests(&(labelled("Deployment", "  replicas: 2") + &budget(2)));
    desk.apply(&config).await;
    assert!(desk.delete().await.error.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn apis_of_other_servers_are_ready_when_those_answer() {
    let mut desk = Desk::new("api").await;
    let group = format!("{}.example.com", desk.namespace);
    let text = format!(
        "apiVersion: apiregistration.k8s.io/v1\nkind: APIService\nmetadata: {{name: v1.{group}}}\nspec:\n  group: {group}\n  version: v1\n  groupPriorityMinimum: 10\n  versionPriority: 10\n  insecureSkipTLSVerify: true\n  service: {{name: nobody, namespace: {}}}\n",
        desk.namespace
    );
    let error = not_ready(&mut desk, &text, "5s").await;
    says(&error, error.kind, &["APIService", "ServiceNotFound"]);
    assert!(desk.delete().await.error.is_none());
    assert!(!desk.exists("apiservice", &format!("v1.{group}")));
}

#[tokio::test(flavor = "multi_thread")]
async fn custom_resources_are_waited_for_by_convention_or_by_an_expression() {
    let mut desk = Desk::new("custom").await;
    let (definition, group) = definition(&desk.namespace, "Widget");
    let object = |name: &str| {
        format!("---\napiVersion: {group}/v1\nkind: Widget\nmetadata: {{name: {name}}}\nspec: {{size: 1}}\n")
    };
    let config = desk.manifests(&(definition.clone() + &object("plain")));
    desk.apply(&config).await;

    // Its controller says that it is stuck: no patience helps.
    let plural = format!("widgets.{group}");
    let stalled = json!({"conditions": [{"type": "Stalled", "status": "True", "reason": "BadSize", "message": "size 1 is none"}]});
    let controller = desk.write_status_soon(&plural, "stuck", &stalled);
    let both = definition.clone() + &object("plain") + &object("stuck");
    let wait_for = |text: &str| Value::map([("Widget/stuck", Value::from(text))]);
    let config = desk.config(&[("documents", texts(&[&both])), ("wait_for", wait_for("status.phase == \"Live\""))]);
    let error = desk.refused(&config).await;
    controller.join().unwrap();
    says(&error, ErrorKind::Refused, &["Widget", "stuck", "BadSize: size 1 is none"]);

    let good = json!({"conditions": [{"type": "Ready", "status": "True", "observedGeneration": 1}], "phase": "Live"});
    desk.write_status(&plural, "stuck", &json!({"conditions": null}));
    desk.write_status(&plural, "stuck", &good);
    desk.apply(&config).await;
    assert!(desk.delete().await.error.is_none());
    assert!(!desk.exists("crd", &plural));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_definition_whose_names_are_taken_says_by_whom() {
    let mut desk = Desk::new("names").await;
    let (definition, group) = definition(&desk.namespace, "Widget");
    let taken = definition.replace("name: widgets.", "name: gadgets.").replace("plural: widgets", "plural: gadgets");
    let config = desk.manifests(&definition);
    desk.apply(&config).await;
    let error = not_ready(&mut desk, &(definition + "---\n" + &taken), "20s").await;
    says(&error, ErrorKind::Refused, &["CustomResourceDefinition", &format!("gadgets.{group}"), "already in use"]);
    assert!(desk.delete().await.error.is_none());
}

/// A definition in a group that is the test's own.
pub fn definition(namespace: &str, kind: &str) -> (String, String) {
    let group = format!("{namespace}.example.com");
    let plural = format!("{}s", kind.to_lowercase());
    let text = format!(
        "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {{name: {plural}.{group}}}\nspec:\n  group: {group}\n  scope: Namespaced\n  names: {{kind: {kind}, plural: {plural}}}\n  versions:\n  - name: v1\n    served: true\n    storage: true\n    subresources: {{status: {{}}}}\n    schema:\n      openAPIV3Schema:\n        type: object\n        properties:\n          spec:\n            type: object\n            required: [size]\n            properties: {{size: {{type: integer}}, colour: {{type: string, default: grey}}}}\n          status: {{type: object, x-kubernetes-preserve-unknown-fields: true}}\n"
    );
    (text, group)
}
