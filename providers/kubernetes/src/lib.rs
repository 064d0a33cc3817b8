//! Objects of a Kubernetes cluster.

// What reads manifests and judges objects comes before the provider that uses it.
#[allow(dead_code, unused_imports)]
mod manifest;
#[allow(dead_code, unused_imports)]
mod ready;
