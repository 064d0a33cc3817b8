//! Manifests that another program renders: a kustomization by `kubectl`, a chart by Helm.
//!
//! Both run on files that were captured and laid out in a folder of our own, so that what was reviewed is what is rendered
//! later. What comes out is text for [`parse`](super::parse).

use std::path::{Path, PathBuf};
use std::time::Duration;

use deployctl_sdk::program::{self, Invocation, Stopped, last_lines};
use deployctl_sdk::{ErrorKind, ProviderError};
use tokio_util::sync::CancellationToken;

/// Rendering reads files and nothing else; what takes longer waits for something.
const LIMIT: Duration = Duration::from_secs(120);

/// How much of what a program complained of is shown.
const SHOWN: usize = 20;

const KUBECTL: Program = Program {
    name: "kubectl",
    get: "install kubectl (https://kubernetes.io/docs/tasks/tools/); it renders kustomizations",
};

const HELM: Program =
    Program { name: "helm", get: "install Helm 3 or newer (https://helm.sh/docs/intro/install/); it renders charts" };

/// A chart that is to be rendered. Values may be secret, so this has no `Debug`.
pub struct Chart<'c> {
    /// The folder of the chart, with the charts that it depends on in its `charts`.
    pub folder: &'c Path,
    /// The name of the release: what templates see as `.Release.Name`.
    pub release: &'c str,
    /// The namespace: what templates see as `.Release.Namespace`.
    pub namespace: &'c str,
    /// Files of values, later ones over earlier ones.
    pub value_files: &'c [PathBuf],
    /// More values over those of the files, as YAML or JSON.
    pub values: Option<&'c str>,
    /// The version of the cluster, which templates may ask for: `1.34.4`.
    pub kube_version: Option<&'c str>,
    /// What else templates may take for granted: `monitoring.coreos.com/v1/ServiceMonitor`.
    pub api_versions: &'c [&'c str],
}

/// What `kubectl kustomize` makes of the kustomization in a folder.
///
/// # Errors
/// When there is no `kubectl`, or it does not like the kustomization; its words are in the detail.
pub async fn kustomize(folder: &Path, cancel: &CancellationToken) -> Result<String, ProviderError> {
    KUBECTL.render(|invocation| invocation.arg("kustomize").arg(folder), cancel).await
}

/// What `helm template` makes of a chart: with the definitions in its `crds`, without its tests. Hooks come out as objects
/// like any other, marked by an annotation ([`Document::hook`](super::Document::hook)).
///
/// # Errors
/// When there is no `helm`, or it does not like the chart; its words are in the detail.
pub async fn helm(chart: &Chart<'_>, cancel: &CancellationToken) -> Result<String, ProviderError> {
    let arguments = |mut invocation: Invocation| {
        invocation = invocation.args(["template", chart.release]).arg(chart.folder);
        invocation = invocation.args(["--namespace", chart.namespace, "--include-crds", "--skip-tests"]);
        for file in chart.value_files {
            invocation = invocation.arg("--values").arg(file);
        }
        if let Some(version) = chart.kube_version {
            invocation = invocation.args(["--kube-version", version]);
        }
        for version in chart.api_versions {
            invocation = invocation.args(["--api-versions", version]);
        }
        match chart.values {
            // They may be secret, and arguments are seen by everybody on the machine.
            Some(values) => invocation.args(["--values", "-"]).stdin(values),
            None => invocation,
        }
    };
    HELM.render(arguments, cancel).await
}

struct Program {
    name: &'static str,
    /// How to get it.
    get: &'static str,
}

impl Program {
    async fn render(
        &self,
        arguments: impl FnOnce(Invocation) -> Invocation,
        cancel: &CancellationToken,
    ) -> Result<String, ProviderError> {
        let name = self.name;
        let refused = |message: String| ProviderError::new(ErrorKind::Refused, message);
        let missing = || refused(format!("there is no `{name}` in PATH")).with_hint(self.get);
        let found = program::find(name, Path::new(".")).ok_or_else(missing)?;
        let invocation = arguments(Invocation::new(found)).limit(Some(LIMIT));
        let ended = invocation.run(cancel).await;
        let ended = ended.map_err(|error| refused(error.to_string()).with_hint(self.get))?;
        match ended.stopped {
            Some(Stopped::Cancelled) => {
                return Err(ProviderError::new(ErrorKind::Cancelled, format!("`{name}` was cancelled")));
            }
            Some(Stopped::TimedOut) => {
                let limit = LIMIT.as_secs();
                return Err(refused(format!("`{name}` rendered nothing within {limit} s"))
                    .with_hint("it waits for something: what it renders may be elsewhere, and must be copied here"));
            }
            None => {}
        }
        if !ended.success() {
            let message = format!("`{name}` cannot render this: it {}", ended.how());
            let said = last_lines(&ended.stderr_text(), SHOWN);
            return Err(ProviderError::new(ErrorKind::Invalid, message).with_detail(said));
        }
        String::from_utf8(ended.stdout).map_err(|_| refused(format!("what `{name}` rendered is not text in UTF-8")))
    }
}
