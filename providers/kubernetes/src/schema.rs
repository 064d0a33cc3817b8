//! The provider's settings and its two resource types.

use std::collections::BTreeMap;

use deployctl_sdk::{Attribute, Field, Nesting, ProviderSchema, ResourceSchema, Type};

/// A set of manifests.
pub(crate) const MANIFESTS: &str = "kubernetes_manifests";
/// One object.
pub(crate) const OBJECT: &str = "kubernetes_object";

const DOC: &str = "Objects of a Kubernetes cluster, applied on the server's side. A plan is the API server's own dry run \
compared with what is there, so defaults, admission and validation are the real ones. Only fields that are configured are \
shown and owned; what controllers, autoscalers and other people set is left alone.\n\nAll that is made bears the labels \
`deployctl.dev/lineage` and `deployctl.dev/resource`; an object without them is not touched unless it is imported.";

const MANIFESTS_DOC: &str = "Objects from manifests: files, folders, a kustomization, a Helm chart, or documents written \
in place. They are applied in waves (namespaces, custom resource definitions, access, configuration, storage, services, \
workloads, the rest), side by side within each, and what is not in the manifests any more is deleted.\n\nAn object whose \
kind or namespace is made in the same plan is deferred: the API server can check it only then.\n\nAn immutable field that \
changes takes a new object: the plan names the field.";

const OBJECT_DOC: &str = "One object, written as a value. `yamldecode(file(…))` turns a manifest into one. A change of its \
kind, name or namespace, or of a field that the API server cannot change, takes a new object.";

/// All that the provider offers.
pub(crate) fn provider() -> ProviderSchema {
    ProviderSchema {
        name: "kubernetes".to_owned(),
        doc: DOC.to_owned(),
        settings: settings(),
        resources: vec![manifests(), object()],
        max_parallel: None,
    }
}

fn settings() -> Vec<Attribute> {
    let text = |name: &str, doc: &str| Attribute::optional(name, Type::String, doc);
    vec![
        text(
            "kubeconfig",
            "The kubeconfig to use. Without it, `KUBECONFIG`, `~/.kube/config`, or inside a pod its service account.",
        ),
        text("context", "The context of the kubeconfig. Without it, its current one."),
        Attribute::optional(
            "in_cluster",
            Type::Bool,
            "Whether to use the service account of the pod that this runs in.",
        ),
        text("host", "The API server's URL, instead of a kubeconfig."),
        text("ca_certificate", "The certificates, in PEM, that the API server at `host` is trusted by."),
        text("token", "A bearer token to log in with, in the place of what the kubeconfig has.").secret(),
        Attribute::block(
            "exec",
            Nesting::Single,
            vec![
                Attribute::required("command", Type::String, "The program that prints credentials."),
                Attribute::optional("args", Type::List(Box::new(Type::String)), "Its arguments."),
                Attribute::optional("env", Type::Map(Box::new(Type::String)), "Variables of its environment.").secret(),
                text("api_version", "The version in which it prints: `client.authentication.k8s.io/v1` by default."),
            ],
            "A credential plugin to log in with, in the place of what the kubeconfig has.",
        ),
        text(
            "proxy_url",
            "The proxy to reach the API server by. Without it, the kubeconfig's or `HTTPS_PROXY`, except where `NO_PROXY` \
             says otherwise.",
        ),
        Attribute::optional(
            "qps",
            Type::Number,
            "The most requests per second. Without it there is no limit but the server's own, which is respected.",
        ),
        text("field_manager", "The name under which fields are owned.").with_default("deployctl"),
        Attribute::optional(
            "offline",
            Type::Bool,
            "Whether plans may be made while the cluster cannot be reached. They say what could not be checked.",
        )
        .with_default(false),
    ]
}

fn manifests() -> ResourceSchema {
    let texts = || Type::List(Box::new(Type::String));
    let mut attributes = vec![
        Attribute::optional("paths", texts(), "Files, folders (with all below them) and globs of manifests."),
        Attribute::optional(
            "documents",
            Type::List(Box::new(Type::Any)),
            "Manifests written in place: texts in YAML, each of one document or more, or objects.",
        ),
        Attribute::optional(
            "kustomization",
            Type::String,
            "A folder with a `kustomization.yaml`, rendered by `kubectl kustomize`.",
        ),
        Attribute::block(
            "chart",
            Nesting::Single,
            vec![
                Attribute::required("path", Type::String, "The folder of the Helm chart, rendered by `helm template`."),
                Attribute::optional("release", Type::String, "The release's name; by default the resource's."),
                Attribute::optional("values", Type::Any, "Values for the chart."),
                Attribute::optional("values_files", texts(), "Files of values, the later ones winning."),
                Attribute::optional(
                    "api_versions",
                    texts(),
                    "What templates may take for granted beside what every cluster has, as \
                     `monitoring.coreos.com/v1/ServiceMonitor`.",
                ),
            ],
            "A Helm chart. It is rendered, not installed: its definitions are applied with the rest, its hooks and tests are \
             left out, and Helm does not know of a release.",
        ),
    ];
    attributes.extend(shared(Attribute::optional(
        "wait_for",
        Type::Map(Box::new(Type::String)),
        "What else to wait for, by `Kind` or `Kind/name`: an expression about the object, such as \
         `status.phase == \"Bound\"` or `status.conditions[type=Synced].status == \"True\"`.",
    )));
    let identity = ["api_version", "kind", "namespace", "name"];
    let member = || Field { ty: Type::String, optional: false, default: None };
    let object = Type::Object(identity.map(|name| (name.to_owned(), member())).into_iter().collect::<BTreeMap<_, _>>());
    attributes.push(Attribute::computed(
        "objects",
        Type::List(Box::new(object)),
        "The objects, in the order of waves.",
    ));
    ResourceSchema {
        example:
            "resource \"kubernetes_manifests\" \"shop\" {\n  paths     = [\"manifests\"]\n  namespace = \"shop\"\n  \
                  labels = {\n    team = \"shop\"\n  }\n}\n"
                .to_owned(),
        attributes,
        import_id: Some(
            "an object, as `Deployment/NAMESPACE/NAME` or `Namespace/NAME` (where two groups have the kind, \
             `Ingress.networking.k8s.io/…`); or the objects of a namespace, as `NAMESPACE` or `NAMESPACE:SELECTOR`"
                .to_owned(),
        ),
        ..common(MANIFESTS, MANIFESTS_DOC)
    }
}

fn object() -> ResourceSchema {
    let mut attributes = vec![Attribute::required("manifest", Type::Any, "The object, with its API version and kind.")];
    attributes.extend(shared(Attribute::optional(
        "wait_for",
        Type::String,
        "What else to wait for: an expression about the object, such as `status.phase == \"Bound\"`.",
    )));
    attributes.extend([
        Attribute::computed("uid", Type::String, "The identity that the cluster gave it."),
        Attribute::computed("status", Type::Any, "Its status, as its controller last wrote it.").volatile(),
    ]);
    ResourceSchema {
        example:
            "resource \"kubernetes_object\" \"settings\" {\n  manifest = {\n    apiVersion = \"v1\"\n    kind       = \
                  \"ConfigMap\"\n    metadata = {\n      name = \"settings\"\n    }\n    data = {\n      level = \
                  \"info\"\n    }\n  }\n}\n"
                .to_owned(),
        attributes,
        import_id: Some(
            "the object, as `Deployment/NAMESPACE/NAME` or `Namespace/NAME` (where two groups have the kind, \
             `Ingress.networking.k8s.io/…`)"
                .to_owned(),
        ),
        ..common(OBJECT, OBJECT_DOC)
    }
}

fn common(name: &str, doc: &str) -> ResourceSchema {
    ResourceSchema {
        create_first: false,
        keeps_config: true,
        has_health: true,
        has_logs: true,
        has_previous_logs: true,
        not_brought_back: Some(
            "the data in persistent volumes and in custom resources whose definition is deleted".to_owned(),
        ),
        ..ResourceSchema::new(name, doc)
    }
}

/// What both types take.
fn shared(wait_for: Attribute) -> Vec<Attribute> {
    let texts = || Type::Map(Box::new(Type::String));
    vec![
        Attribute::optional(
            "namespace",
            Type::String,
            "The namespace of objects that name none. Without it, the one of the context.",
        ),
        Attribute::optional("labels", texts(), "Labels for each object that has no such label of its own."),
        Attribute::optional("annotations", texts(), "Annotations for each object that has no such annotation of its own."),
        Attribute::optional(
            "force_conflicts",
            Type::Bool,
            "Whether to take fields that another manager owned before they were first configured here. What was changed \
             after it was applied from here is put back in any case.",
        )
        .with_default(false),
        Attribute::optional("wait", Type::Bool, "Whether to wait until each object is ready.").with_default(true),
        wait_for,
        Attribute::optional(
            "timeout",
            Type::String,
            "How long objects may take to become ready, or to be gone once they are deleted: `90s`, `10m`.",
        )
        .with_default("5m"),
        Attribute::optional(
            "offline",
            Type::Bool,
            "Whether a plan may be made while the cluster cannot be reached. It says what it could not check.",
        )
        .with_default(false),
    ]
}
