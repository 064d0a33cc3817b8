//! What runs on a cluster, looked at through the program: `status`, `logs`, and an apply that fails because a container does.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::kubernetes::{Place, done, kubectl};

/// Where the logs of the containers of a namespace are kept. kwok, which plays the kubelet, answers from there.
struct Logs {
    namespace: String,
}

impl Drop for Logs {
    fn drop(&mut self) {
        let arguments = ["delete", "clusterlogs", &self.namespace, "--ignore-not-found", "--wait=false"];
        let _ = Command::new("kubectl").args(arguments).output();
    }
}

impl Logs {
    fn of(place: &Place) -> Self {
        let namespace = place.namespace.clone();
        let (now, before) = (place.context.file("now.log"), place.context.file("before.log"));
        let text = format!(
            "apiVersion: kwok.x-k8s.io/v1alpha1\nkind: ClusterLogs\nmetadata: {{name: {namespace}}}\nspec:\n  selector: {{matchNamespaces: [{namespace}]}}\n  logs: [{{logsFile: {now:?}, previousLogsFile: {before:?}, follow: true}}]\n"
        );
        place.context.write("logs.yaml", &text);
        write(place, "");
        kubectl(&["apply", "--server-side", "-f", &place.context.file("logs.yaml").display().to_string()]);
        Self { namespace }
    }
}

/// What the containers have written, as container runtimes keep it.
fn write(place: &Place, lines: &str) {
    let line = |line: &str| format!("2026-01-02T03:04:05.678901234Z stdout F {line}\n");
    let text: String = lines.lines().map(line).collect();
    // Whoever follows it reads on from where it was: it must stay the same file.
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.create(true).append(true).open(place.context.file("now.log")).unwrap();
    std::io::Write::write_all(&mut file, text.as_bytes()).unwrap();
}

fn web(place: &Place, more: &str) {
    let main = format!(
        r#"
resource "kubernetes_manifests" "web" {{
  namespace = "{}"
  timeout   = "8s"
  documents = [<<-YAML
    apiVersion: apps/v1
    kind: Deployment
    metadata: {{name: web}}
    spec:
      replicas: 2
      selector: {{matchLabels: {{app: web}}}}
      template:
        metadata: {{labels: {{app: web}}}}
        spec:
          containers: [{{name: web, image: "web:1"{more}}}]
    ---
    {{apiVersion: v1, kind: Service, metadata: {{name: web}}, spec: {{selector: {{app: web}}, ports: [{{port: 80}}]}}}}
  YAML
  ]
}}
"#,
        place.namespace
    );
    place.context.write("main.hcl", &main);
}

#[test]
fn what_runs_is_shown_with_its_state_and_its_logs() {
    let place = Place::new();
    kubectl(&["create", "namespace", &place.namespace]);
    let _logs = Logs::of(&place);
    web(&place, "");
    done(&place.run("apply --auto-approve"));
    let status = place.run("status");
    done(&status);
    // The name of the folder is in that of the namespace.
    for text in ["kubernetes_manifests.web", "Deployment", "2/2 ready, made [TIME]", "Service", "healthy"] {
        assert!(status.stdout.contains(text), "`{text}` is not in {status}");
    }

    write(&place, "one\ntwo\n");
    let logs = place.run("logs kubernetes_manifests.web");
    done(&logs);
    let of = |text: &str| logs.stdout.lines().filter(|line| line.starts_with("web-") && line.ends_with(text)).count();
    assert_eq!((of("│ one"), of("│ two")), (2, 2), "{logs}");
    let last = place.run("logs kubernetes_manifests.web --tail 1");
    assert!(last.stdout.contains("two") && !last.stdout.contains("one"), "{last}");

    let mut follow = Command::new(env!("CARGO_BIN_EXE_deployctl"));
    follow.args(["logs", "--follow", "--tail", "1", "kubernetes_manifests.web"]).current_dir(place.context.path());
    follow.env("HOME", place.context.path()).stdout(Stdio::piped());
    let mut follow = follow.spawn().unwrap();
    let mut lines = BufReader::new(follow.stdout.take().unwrap()).lines();
    let mut next = |text: &str| {
        let line = lines.next().unwrap().unwrap();
        assert!(line.ends_with(&format!("│ {text}")), "{line}");
    };
    next("two");
    next("two");
    write(&place, "three");
    next("three");
    next("three");
    kill_process(Pid::from_child(&follow), Signal::INT).unwrap();
    assert!(follow.wait().unwrap().code().is_some(), "it ends when it is asked to");

    kubectl(&["-n", &place.namespace, "scale", "deployment", "web", "--replicas=0"]);
    kubectl(&["-n", &place.namespace, "delete", "service", "web"]);
    let status = place.run("status");
    let line = |text: &str| status.stdout.lines().any(|line| line.contains("Service") && line.contains(text));
    assert!(status.stdout.contains("0/0 ready") && line("gone") && status.stdout.contains("1 part gone"), "{status}");
    done(&place.run("destroy --auto-approve"));
}
