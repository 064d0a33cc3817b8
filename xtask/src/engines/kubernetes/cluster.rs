//! The files of the cluster, and how its servers are called.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::super::place::Place;
use super::super::programs;
use super::{API, CONTROLLERS, KUBELET, NODE, SCHEDULER, STORE, STORE_PEERS};
use crate::{Failure, files};

/// Where everything is.
pub struct Files {
    folder: PathBuf,
    certificates: PathBuf,
    key: PathBuf,
    tokens: PathBuf,
    /// For whoever wants to talk to the cluster.
    pub kubeconfig: PathBuf,
    /// The node, as an object, and the kind by which tests say what containers wrote.
    pub node: PathBuf,
}

impl Files {
    /// In that folder.
    pub fn new(folder: &Path) -> Self {
        let file = |name: &str| folder.join(name);
        Self {
            certificates: file("certificates"),
            key: file("service-accounts.key"),
            tokens: file("tokens.csv"),
            kubeconfig: file("kubeconfig.yaml"),
            node: file("node.yaml"),
            folder: folder.to_owned(),
        }
    }

    /// Writes what is not there yet.
    pub fn prepare(&self, place: &Place) -> Result<(), Failure> {
        if !self.key.is_file() {
            let mut openssl = Command::new("openssl");
            openssl.args(["genrsa", "-out"]).arg(&self.key).arg("2048");
            let failed = |failure| format!("{failure}\n`openssl` makes the key of the service accounts; install it");
            programs::logged(&mut openssl, &place.log("kubernetes-key")).map_err(failed)?;
        }
        let token = files::random()?;
        if !self.tokens.is_file() || !self.kubeconfig.is_file() {
            files::write_private(&self.tokens, format!("{token},admin,admin,\"system:masters\"\n").as_bytes())?;
            files::write_private(&self.kubeconfig, self.connection(&token).as_bytes())?;
        }
        files::write(&self.node, NODE_OBJECT.replace("NODE", NODE).as_bytes())
    }

    fn connection(&self, token: &str) -> String {
        let authority = self.certificates.join("apiserver.crt");
        format!(
            "apiVersion: v1\nkind: Config\nclusters:\n- name: engines\n  cluster:\n    server: https://127.0.0.1:{API}\n    certificate-authority: {authority:?}\nusers:\n- name: admin\n  user:\n    token: {token}\ncontexts:\n- name: engines\n  context:\n    cluster: engines\n    user: admin\ncurrent-context: engines\n"
        )
    }

    /// The store.
    pub fn etcd(&self, program: &Path) -> Command {
        let (client, peer) = (format!("http://127.0.0.1:{STORE}"), format!("http://127.0.0.1:{STORE_PEERS}"));
        let mut command = Command::new(program);
        command.arg("--data-dir").arg(self.folder.join("etcd"));
        command.args(["--listen-client-urls", &client, "--advertise-client-urls", &client]);
        command.args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer]);
        command.args(["--initial-cluster", &format!("default={peer}"), "--unsafe-no-fsync"]);
        command
    }

    /// The API server.
    pub fn api_server(&self, built: &Path) -> Command {
        let mut command = Command::new(built.join("kube-apiserver"));
        command.arg(format!("--etcd-servers=http://127.0.0.1:{STORE}"));
        command.arg(format!("--cert-dir={}", self.certificates.display()));
        command.args(["--bind-address=127.0.0.1", "--service-cluster-ip-range=10.96.0.0/16"]);
        command.arg(format!("--secure-port={API}"));
        command.arg(format!("--service-account-issuer=https://127.0.0.1:{API}"));
        command.arg(format!("--service-account-key-file={}", self.key.display()));
        command.arg(format!("--service-account-signing-key-file={}", self.key.display()));
        command.arg(format!("--token-auth-file={}", self.tokens.display()));
        // What nodes run for themselves asks for it, and nothing really runs here.
        command.arg("--allow-privileged=true");
        // Pods that only pretend to run have nowhere to mount a token.
        command.args(["--authorization-mode=RBAC", "--disable-admission-plugins=ServiceAccount"]);
        // The node is on loopback, and the name of the machine says nothing of it.
        command.arg("--kubelet-preferred-address-types=InternalIP");
        command
    }

    /// The controllers.
    pub fn controllers(&self, built: &Path) -> Command {
        let mut command = Command::new(built.join("kube-controller-manager"));
        command.arg(format!("--kubeconfig={}", self.kubeconfig.display()));
        command.arg(format!("--service-account-private-key-file={}", self.key.display()));
        // On a machine at its limits a node is late, its pods count as not ready then, and nothing makes them ready again.
        command.arg("--node-monitor-grace-period=1h");
        command.arg(format!("--cert-dir={}", self.certificates.display()));
        command
            .args(["--bind-address=127.0.0.1", "--leader-elect=false"])
            .args(UNHELD)
            .arg(format!("--secure-port={CONTROLLERS}"));
        command
    }

    /// The scheduler.
    pub fn scheduler(&self, built: &Path) -> Command {
        let mut command = Command::new(built.join("kube-scheduler"));
        command.arg(format!("--kubeconfig={}", self.kubeconfig.display()));
        command.arg(format!("--cert-dir={}", self.certificates.display()));
        command
            .args(["--bind-address=127.0.0.1", "--leader-elect=false"])
            .args(UNHELD)
            .arg(format!("--secure-port={SCHEDULER}"));
        command
    }

    /// What plays the node and its kubelet, which answers for logs from the files that a `ClusterLogs` names.
    pub fn nodes(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        // A test may play the kubelet of a node of its own.
        command.arg("--manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake");
        command.args(["--enable-crds=ClusterLogs", "--node-ip=127.0.0.1", "--kubeconfig"]).arg(&self.kubeconfig);
        command.args([format!("--node-port={KUBELET}"), format!("--server-address=127.0.0.1:{KUBELET}")]);
        // The API server made a certificate for itself on loopback, and asks a kubelet for no other.
        for (flag, end) in [("--tls-cert-file", "crt"), ("--tls-private-key-file", "key")] {
            command.arg(flag).arg(self.certificates.join(format!("apiserver.{end}")));
        }
        command
    }
}

/// Without it a controller asks twenty times a second at most, which takes minutes for hundreds of objects.
const UNHELD: [&str; 2] = ["--kube-api-qps=500", "--kube-api-burst=1000"];

const NODE_OBJECT: &str = "\
apiVersion: v1
kind: Node
metadata:
  name: NODE
  annotations:
    kwok.x-k8s.io/node: fake
  labels:
    kubernetes.io/hostname: NODE
    kubernetes.io/os: linux
    type: kwok
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: clusterlogs.kwok.x-k8s.io
spec:
  group: kwok.x-k8s.io
  scope: Cluster
  names:
    kind: ClusterLogs
    listKind: ClusterLogsList
    plural: clusterlogs
    singular: clusterlogs
  versions:
  - name: v1alpha1
    served: true
    storage: true
    subresources:
      status: {}
    schema:
      openAPIV3Schema:
        type: object
        x-kubernetes-preserve-unknown-fields: true
";
