//! Kubernetes: a real API server with its store, its controllers and its scheduler, and nodes that only pretend to run pods.

mod cluster;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use cluster::Files;

use super::go::Module;
use super::place::Place;
use super::server::{self, Server};
use super::surroundings::Surroundings;
use super::{Engine, programs};
use crate::{Failure, web};

const VERSION: &str = "1.34.4";
const ETCD: &str = "3.5.21";
const KWOK: &str = "0.7.0";

// Not the usual ports, which a cluster of the user's own may have.
const API: u16 = 16443;
const STORE: u16 = 12379;
const STORE_PEERS: u16 = 12380;
const CONTROLLERS: u16 = 16257;
const SCHEDULER: u16 = 16259;
const KUBELET: u16 = 16250;

/// Published apart from Kubernetes itself, as version 0 of the same.
const STAGED: &[&str] = &[
    "api",
    "apiextensions-apiserver",
    "apimachinery",
    "apiserver",
    "cli-runtime",
    "client-go",
    "cloud-provider",
    "cluster-bootstrap",
    "code-generator",
    "component-base",
    "component-helpers",
    "controller-manager",
    "cri-api",
    "cri-client",
    "csi-translation-lib",
    "dynamic-resource-allocation",
    "endpointslice",
    "externaljwt",
    "kms",
    "kube-aggregator",
    "kube-controller-manager",
    "kube-proxy",
    "kube-scheduler",
    "kubectl",
    "kubelet",
    "metrics",
    "mount-utils",
    "pod-security-admission",
    "sample-apiserver",
    "sample-cli-plugin",
    "sample-controller",
];

pub const ENGINE: Engine = Engine { name: "kubernetes", needs: &[], up, stop };

fn up(place: &Place, surroundings: &mut Surroundings) -> Result<(), Failure> {
    let files = Files::new(&place.data("kubernetes")?);
    let built = kubernetes(place)?;
    if programs::find("kubectl").is_none() {
        surroundings.folder(built.clone());
    }
    surroundings.set("KUBECONFIG", files.kubeconfig.to_string_lossy());
    let kubectl =
        Kubectl { program: programs::find("kubectl").unwrap_or_else(|| built.join("kubectl")), files: &files };
    files.prepare(place)?;

    let etcd = store(place)?;
    // For tests that need an API server of their own, to end it and start it again.
    surroundings.set("KUBE_APISERVER", built.join("kube-apiserver").to_string_lossy());
    surroundings.set("ETCD", etcd.to_string_lossy());
    // For nodes of a test's own: where the logs of their containers are had.
    surroundings.set("KUBELET_PORT", KUBELET.to_string());
    let server = |name, patience, answers: &dyn Fn() -> bool, surroundings: &mut Surroundings, command: &Command| {
        Server { engine: ENGINE.name, name, patience: Duration::from_secs(patience), answers }.start(
            place,
            surroundings,
            command,
        )
    };
    let stores = || web::get(STORE, "/health").is_ok_and(|page| page.body.contains("\"true\""));
    server("etcd", 30, &stores, surroundings, &files.etcd(&etcd))?;
    let answers = || kubectl.answer(&["get", "--raw", "/readyz"]).as_deref() == Some("ok");
    server("kube-apiserver", 90, &answers, surroundings, &files.api_server(&built))?;
    let controls = || {
        kubectl.answer(&["-n", "default", "get", "serviceaccount", "default"]).is_some() && web::listens(CONTROLLERS)
    };
    server("kube-controller-manager", 60, &controls, surroundings, &files.controllers(&built))?;
    server("kube-scheduler", 60, &|| web::listens(SCHEDULER), surroundings, &files.scheduler(&built))?;
    let kwok = nodes(place)?.join("kwok");
    kubectl.apply(&files.node)?;
    let of_node = |field: &str| {
        let field = format!("jsonpath={{.status.{field}}}");
        kubectl.answer(&["get", "node", NODE, "-o", &field]).unwrap_or_default()
    };
    let condition = "conditions[?(@.type==\"Ready\")].status";
    let port = of_node("daemonEndpoints.kubeletEndpoint.Port");
    if !of_node(condition).is_empty() && port != KUBELET.to_string() {
        // Where its kubelet is, is written down only when a node comes up.
        kubectl.answer(&["delete", "node", NODE]);
        kubectl.apply(&files.node)?;
    }
    let ready = || {
        // A node that was ready stays so in the store though nobody takes care of it any more.
        of_node(condition) == "True" && server::running(place, "kwok") && web::listens(KUBELET)
    };
    server("kwok", 60, &ready, surroundings, &files.nodes(&kwok))
}

fn stop(place: &Place) -> Result<(), Failure> {
    for name in ["kwok", "kube-scheduler", "kube-controller-manager", "kube-apiserver", "etcd"] {
        server::stop(place, name, Duration::from_secs(90))?;
    }
    Ok(())
}

fn kubernetes(place: &Place) -> Result<PathBuf, Failure> {
    let (_, minor) = VERSION.split_once('.').unwrap_or_default();
    let (minor, _) = minor.split_once('.').unwrap_or_default();
    let replace: Vec<String> =
        STAGED.iter().map(|module| format!("k8s.io/{module} => k8s.io/{module} v0.{minor}.{}", patch())).collect();
    let mut programs = vec![
        ("k8s.io/kubernetes/cmd/kube-apiserver", "kube-apiserver"),
        ("k8s.io/kubernetes/cmd/kube-controller-manager", "kube-controller-manager"),
        ("k8s.io/kubernetes/cmd/kube-scheduler", "kube-scheduler"),
    ];
    if programs::find("kubectl").is_none() {
        programs.push(("k8s.io/kubernetes/cmd/kubectl", "kubectl"));
    }
    // Without these kubectl cannot read the server's version.
    let set = ["gitVersion=v", "gitMajor=", "gitMinor="].into_iter().zip([VERSION, "1", minor]);
    let set: Vec<String> = set.map(|(name, value)| format!("k8s.io/component-base/version.{name}{value}")).collect();
    Module {
        engine: (ENGINE.name, VERSION),
        module: ("k8s.io/kubernetes", &format!("v{VERSION}")),
        programs: &programs,
        replace: &replace.iter().map(String::as_str).collect::<Vec<_>>(),
        set: &set.iter().map(String::as_str).collect::<Vec<_>>(),
        ..Module::default()
    }
    .built(place)
}

fn patch() -> &'static str {
    VERSION.rsplit_once('.').map_or(VERSION, |(_, patch)| patch)
}

fn store(place: &Place) -> Result<PathBuf, Failure> {
    let module = "go.etcd.io/etcd/server/v3";
    Module {
        engine: ("etcd", ETCD),
        module: (module, &format!("v{ETCD}")),
        programs: &[(module, "etcd")],
        ..Module::default()
    }
    .built(place)
    .map(|folder| folder.join("etcd"))
}

fn nodes(place: &Place) -> Result<PathBuf, Failure> {
    Module {
        engine: ("kwok", KWOK),
        module: ("sigs.k8s.io/kwok", &format!("v{KWOK}")),
        programs: &[("sigs.k8s.io/kwok/cmd/kwok", "kwok")],
        ..Module::default()
    }
    .built(place)
}

/// The node that pods seem to run on.
const NODE: &str = "node-1";

struct Kubectl<'a> {
    program: PathBuf,
    files: &'a Files,
}

impl Kubectl<'_> {
    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("--kubeconfig").arg(&self.files.kubeconfig).arg("--request-timeout=5s");
        command
    }

    fn answer(&self, arguments: &[&str]) -> Option<String> {
        programs::answer(self.command().args(arguments))
    }

    fn apply(&self, file: &Path) -> Result<(), Failure> {
        let complaint = programs::complaint(self.command().args(["apply", "-f"]).arg(file));
        complaint.map_or(Ok(()), |said| Err(format!("the node cannot be made: {said}")))
    }
}
