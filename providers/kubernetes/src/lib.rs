//! Objects of a Kubernetes cluster.
