//! What is asked of the API server: no more than is needed, and no faster than it wants.

use std::time::Instant;

use deployctl_sdk::{ErrorKind, Value};

use crate::desk::{Desk, TYPE, says};
use crate::proxy::{Mode, Proxy};

async fn desk(test: &str, proxy: &Proxy, more: &[(&str, Value)]) -> Desk {
    let host = [("host", Value::from(proxy.url.as_str()))];
    Desk::with(test, TYPE, &host.into_iter().chain(more.iter().cloned()).collect::<Vec<_>>()).await
}

fn maps(count: usize, value: &str) -> String {
    let one = |index| {
        format!("---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: map-{index}}}\ndata: {{key: {value}}}\n")
    };
    (0..count).map(one).collect()
}

fn patches(proxy: &Proxy) -> usize {
    proxy.requests().iter().filter(|request| request.starts_with("PATCH")).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_changed_somewhere_is_tried_out_on_the_server() {
    let proxy = Proxy::start().await;
    let mut desk = desk("tried", &proxy, &[]).await;
    let config = desk.manifests(&maps(12, "a"));
    desk.apply(&config).await;
    proxy.requests();
    desk.unchanged(&config).await;
    let asked = proxy.requests();
    let tried = asked.iter().filter(|request| request.starts_with("PATCH")).count();
    assert_eq!(tried, 0, "nothing changed, here or there: {asked:?}");

    desk.kubectl(&["patch", "configmap", "map-3", "--type=merge", "-p", r#"{"data":{"key":"theirs"}}"#]);
    desk.kubectl(&["patch", "configmap", "map-4", "--type=merge", "-p", r#"{"data":{"other":"theirs"}}"#]);
    proxy.requests();
    desk.plan(&config).await.unwrap();
    // The field is another manager's by now, so it is tried with force once more.
    assert_eq!(patches(&proxy), 2, "one of the two is not ours to look after");
    let other = desk.manifests(&maps(12, "a").replacen("key: a", "key: b", 1));
    desk.apply(&config).await;
    proxy.requests();
    desk.plan(&other).await.unwrap();
    assert_eq!(patches(&proxy), 1);
    assert!(desk.delete().await.error.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_busy_is_asked_again_when_it_says() {
    let proxy = Proxy::start().await;
    let mut desk = desk("busy", &proxy, &[]).await;
    let config = desk.manifests(&maps(2, "a"));
    proxy.set(Mode::Busy(2));
    let begun = Instant::now();
    desk.apply(&config).await;
    assert!(begun.elapsed().as_secs_f64() >= 1.0, "it was not waited for as long as the server said");
    proxy.requests();
    proxy.set(Mode::Busy(3));
    let applied = desk.delete().await;
    assert!(applied.error.is_none(), "{:?}", applied.error);
    assert!(!desk.exists("configmap", "map-0"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stays_busy_is_given_up_and_said_to_be() {
    let proxy = Proxy::start().await;
    let mut desk = desk("toobusy", &proxy, &[]).await;
    let config = desk.manifests(&maps(1, "a"));
    proxy.set(Mode::Busy(usize::MAX));
    let error = desk.refused(&config).await;
    proxy.set(Mode::Pass);
    says(&error, ErrorKind::Transient, &["429"]);
    assert!(!desk.exists("configmap", "map-0"));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_requests_are_sent_in_a_second_than_the_settings_allow() {
    let proxy = Proxy::start().await;
    let mut desk = desk("paced", &proxy, &[("qps", 20.into())]).await;
    let config = desk.config(&[("documents", crate::desk::texts(&[&maps(30, "a")])), ("wait", Value::from(false))]);
    let begun = Instant::now();
    desk.apply(&config).await;
    // 30 dry runs and 30 applies, at the least.
    assert!(begun.elapsed().as_secs_f64() >= 2.9, "{:?}", begun.elapsed());
    assert!(desk.delete().await.error.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_bears_our_labels_is_not_pruned_unless_we_recorded_it_nor_what_bears_them_no_more() {
    let mut desk = Desk::new("prune").await;
    let config = desk.manifests(&maps(4, "a"));
    desk.apply(&config).await;
    let labels = &desk.get("configmap", "map-0")["metadata"]["labels"];
    let label = |name: &str| format!("{name}={}", labels[name].as_str().unwrap());
    let (lineage, resource) = (label("deployctl.dev/lineage"), label("deployctl.dev/resource"));
    // A copy of an object has its labels, and nobody asked for it to go.
    desk.kubectl(&["create", "configmap", "copied", "--from-literal=key=theirs"]);
    desk.kubectl(&["label", "configmap", "copied", &lineage, &resource]);
    // One of ours was given away, and one was made anew by somebody under the same name.
    desk.kubectl(&["label", "configmap", "map-2", "deployctl.dev/lineage-", "deployctl.dev/resource-"]);
    desk.kubectl(&["delete", "configmap", "map-3"]);
    desk.kubectl(&["create", "configmap", "map-3", "--from-literal=key=theirs"]);
    let one = desk.manifests(&maps(1, "a"));
    desk.apply(&one).await;
    let left = desk.kubectl(&["get", "configmaps", "-o", "jsonpath={.items[*].metadata.name}"]);
    assert_eq!(left, "copied kube-root-ca.crt map-0 map-2 map-3", "only map-1 is pruned");
    assert!(desk.delete().await.error.is_none());
    assert!(desk.exists("configmap", "copied") && desk.exists("configmap", "map-2"));
}
