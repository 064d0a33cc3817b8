//! What containers are said to have written: the node's kubelet, which kwok plays, answers from files.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use serde_json::json;

use crate::desk::{Desk, HOW};

/// Logs of the containers of a desk's namespace.
pub struct Logs {
    folder: TempDir,
    namespace: String,
    kubeconfig: String,
}

impl Drop for Logs {
    fn drop(&mut self) {
        for kind in ["clusterlogs", "node"] {
            let mut kubectl = Command::new("kubectl");
            kubectl.args(["--kubeconfig", &self.kubeconfig, "delete", kind, &self.namespace]);
            let _ = kubectl.args(["--ignore-not-found", "--wait=false"]).output();
        }
    }
}

impl Logs {
    /// The containers of these names write nothing yet.
    pub fn of(desk: &Desk, containers: &[&str]) -> Self {
        let folder = TempDir::new().unwrap();
        let logs = Self { folder, namespace: desk.namespace.clone(), kubeconfig: desk.kubeconfig.clone() };
        let each = containers.iter().map(|name| {
            let (now, before) = (logs.file(name, false), logs.file(name, true));
            std::fs::write(&now, "").unwrap();
            std::fs::write(&before, "").unwrap();
            format!("  - {{containers: [{name}], logsFile: {now:?}, previousLogsFile: {before:?}, follow: true}}\n")
        });
        let namespace = &desk.namespace;
        let text = format!(
            "apiVersion: kwok.x-k8s.io/v1alpha1\nkind: ClusterLogs\nmetadata: {{name: {namespace}}}\nspec:\n  selector: {{matchNamespaces: [{namespace}]}}\n  logs:\n{}",
            each.collect::<String>()
        );
        desk.kubectl_with(&["apply", "--server-side", "-f", "-"], &text);
        logs
    }

    /// A node whose pods nobody runs, so that a test can say how they fare. It bears the name of the namespace.
    pub fn node(&self, desk: &Desk) -> String {
        let port = std::env::var("KUBELET_PORT").unwrap_or_else(|_| panic!("KUBELET_PORT is not set; {HOW}"));
        let name = desk.namespace.clone();
        desk.kubectl_with(&["create", "-f", "-"], &format!("apiVersion: v1\nkind: Node\nmetadata: {{name: {name}}}\n"));
        let status = json!({
            "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": port.parse::<u16>().unwrap()}},
        });
        desk.write_status("node", &name, &status);
        name
    }

    /// A container writes a line; or wrote it before it was started again.
    pub fn write(&self, container: &str, before: bool, line: &str) {
        let path = self.file(container, before);
        let mut file = std::fs::OpenOptions::new().append(true).open(path).unwrap();
        // As container runtimes keep them.
        writeln!(file, "2026-01-02T03:04:05.678901234Z stdout F {line}").unwrap();
    }

    fn file(&self, container: &str, before: bool) -> PathBuf {
        self.folder.path().join(format!("{container}.{}", if before { "before" } else { "now" }))
    }
}
