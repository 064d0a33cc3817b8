#![allow(clippy::needless_pass_by_value)] // Literals read better than references to them.

use serde_json::{Value, json};

use super::{Readiness, WaitFor, readiness};

fn object(api_version: &str, kind: &str, rest: Value) -> Value {
    let mut object = json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": "a", "generation": 2}});
    for (key, value) in rest.as_object().unwrap() {
        match key.as_str() {
            "metadata" => object["metadata"].as_object_mut().unwrap().extend(value.as_object().unwrap().clone()),
            key => object[key] = value.clone(),
        }
    }
    object
}

#[track_caller]
fn ready(api_version: &str, kind: &str, rest: Value) {
    assert_eq!(readiness(&object(api_version, kind, rest)), Readiness::Ready);
}

#[track_caller]
fn progressing(api_version: &str, kind: &str, rest: Value, expected: &str) {
    match readiness(&object(api_version, kind, rest)) {
        Readiness::Progressing(text) => assert!(text.contains(expected), "{text}"),
        other => panic!("{other:?}, and not progressing: {expected}"),
    }
}

#[track_caller]
fn failed(api_version: &str, kind: &str, rest: Value, expected: &str) {
    match readiness(&object(api_version, kind, rest)) {
        Readiness::Failed(text) => assert!(text.contains(expected), "{text}"),
        other => panic!("{other:?}, and not failed: {expected}"),
    }
}

#[test]
fn a_deployment_is_ready_when_only_its_latest_version_is_there_and_available() {
    let deployment = |status: Value| json!({"spec": {"replicas": 2}, "status": status});
    let all = |seen, total, updated, available| {
        deployment(
            json!({"observedGeneration": seen, "replicas": total, "updatedReplicas": updated, "availableReplicas": available}),
        )
    };
    ready("apps/v1", "Deployment", all(2, 2, 2, 2));
    ready("apps/v1", "Deployment", json!({"spec": {"replicas": 0}, "status": {"observedGeneration": 2}}));
    ready("apps/v1", "Deployment", json!({"spec": {"paused": true}, "status": {"observedGeneration": 2}}));
    progressing("apps/v1", "Deployment", all(1, 2, 2, 2), "has not looked at the latest change");
    progressing("apps/v1", "Deployment", deployment(json!(null)), "has not looked");
    progressing("apps/v1", "Deployment", all(2, 2, 1, 2), "1 of 2 replicas are of the latest version");
    progressing("apps/v1", "Deployment", all(2, 3, 2, 2), "1 replica of an earlier version are still there");
    progressing("apps/v1", "Deployment", all(2, 2, 2, 1), "1 of 2 replicas are available");
    let quota = json!({"observedGeneration": 2, "conditions": [
        {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "exceeded quota: q"}]});
    progressing("apps/v1", "Deployment", deployment(quota), "(FailedCreate: exceeded quota: q)");
    let late = json!({"observedGeneration": 2, "updatedReplicas": 2, "replicas": 2, "conditions": [
        {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "timed out"}]});
    failed("apps/v1", "Deployment", deployment(late), "ProgressDeadlineExceeded: timed out");
}

#[test]
fn a_stateful_set_is_ready_when_the_replicas_that_are_to_be_updated_are() {
    let set = |spec: Value, ready: i64, updated: i64, same: bool| {
        json!({"spec": spec, "status": {"observedGeneration": 2, "replicas": 3, "readyReplicas": ready,
            "updatedReplicas": updated, "currentRevision": "a", "updateRevision": if same { "a" } else { "b" }}})
    };
    let three = json!({"replicas": 3});
    ready("apps/v1", "StatefulSet", set(three.clone(), 3, 3, true));
    progressing("apps/v1", "StatefulSet", set(three.clone(), 2, 3, true), "2 of 3 replicas are ready");
    progressing("apps/v1", "StatefulSet", set(three, 3, 1, false), "1 of 3 replicas are of the latest version");
    let kept = json!({"replicas": 3, "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}});
    ready("apps/v1", "StatefulSet", set(kept.clone(), 3, 1, false));
    progressing("apps/v1", "StatefulSet", set(kept, 3, 0, false), "0 of 1 replicas are of the latest version");
    ready("apps/v1", "StatefulSet", set(json!({"replicas": 3, "updateStrategy": {"type": "OnDelete"}}), 3, 0, false));
    progressing("apps/v1", "StatefulSet", set(json!({"replicas": 2}), 3, 3, true), "1 replica too many");
}

#[test]
fn a_daemon_set_is_ready_when_each_node_has_its_pod() {
    let set = |wanted: i64, updated: i64, available: i64| {
        json!({"status": {"observedGeneration": 2, "desiredNumberScheduled": wanted,
            "updatedNumberScheduled": updated, "numberAvailable": available}})
    };
    ready("apps/v1", "DaemonSet", set(2, 2, 2));
    ready("apps/v1", "DaemonSet", set(0, 0, 0));
    progressing("apps/v1", "DaemonSet", set(2, 1, 2), "1 of 2 pods are of the latest version");
    progressing("apps/v1", "DaemonSet", set(2, 2, 1), "1 of 2 pods are available");
    progressing("apps/v1", "DaemonSet", json!({}), "has not looked");
}

#[test]
fn a_job_is_ready_when_it_has_ended_well() {
    let condition = |name: &str| {
        json!({"status": {"conditions": [{"type": name, "status": "True",
        "reason": "BackoffLimitExceeded", "message": "Job has reached the specified backoff limit"}]}})
    };
    ready("batch/v1", "Job", condition("Complete"));
    ready("batch/v1", "Job", json!({"spec": {"suspend": true}}));
    failed("batch/v1", "Job", condition("Failed"), "BackoffLimitExceeded: Job has reached");
    let running = json!({"spec": {"completions": 3}, "status": {"active": 1, "succeeded": 1, "failed": 2}});
    progressing("batch/v1", "Job", running, "1 of 3 done, 1 running, 2 failed");
    ready("batch/v1", "CronJob", json!({}));
}

#[test]
fn a_pod_says_why_it_waits_and_fails_when_waiting_does_not_help() {
    let pod = |status: Value| json!({"spec": {"containers": [{}, {}]}, "status": status});
    let waiting = |reason: &str, message: &str| {
        pod(json!({"phase": "Pending", "containerStatuses": [{"name": "app", "restartCount": 3, "ready": false,
            "state": {"waiting": {"reason": reason, "message": message}}}]}))
    };
    ready("v1", "Pod", pod(json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]})));
    ready("v1", "Pod", pod(json!({"phase": "Succeeded"})));
    failed(
        "v1",
        "Pod",
        waiting("CrashLoopBackOff", "back-off"),
        "app waits after 3 restarts: CrashLoopBackOff: back-off",
    );
    failed("v1", "Pod", waiting("InvalidImageName", ""), "InvalidImageName");
    progressing("v1", "Pod", waiting("ImagePullBackOff", "no such image"), "ImagePullBackOff: no such image");
    progressing("v1", "Pod", waiting("ContainerCreating", ""), "its containers are being made");
    let unscheduled = json!({"phase": "Pending", "conditions": [
        {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes are available"}]});
    progressing("v1", "Pod", pod(unscheduled), "Unschedulable: 0/1 nodes are available");
    let ended = json!({"phase": "Failed", "containerStatuses": [
        {"name": "app", "state": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}}]});
    failed("v1", "Pod", pod(ended), "container app ended with exit code 137 (OOMKilled)");
    failed(
        "v1",
        "Pod",
        pod(json!({"phase": "Failed", "reason": "Evicted", "message": "low on memory"})),
        "Evicted: low on",
    );
    let running =
        json!({"phase": "Running", "containerStatuses": [{"name": "a", "ready": true}, {"name": "b", "ready": false}]});
    progressing("v1", "Pod", pod(running), "1 of 2 containers are ready");
}

#[test]
fn claims_services_and_ingresses_have_what_they_promise() {
    ready("v1", "PersistentVolumeClaim", json!({"status": {"phase": "Bound"}}));
    let pending = json!({"spec": {"storageClassName": "fast"}, "status": {"phase": "Pending"}});
    progressing("v1", "PersistentVolumeClaim", pending, "no volume yet (class fast)");
    failed(
        "v1",
        "PersistentVolumeClaim",
        json!({"spec": {"volumeName": "v"}, "status": {"phase": "Lost"}}),
        "volume v is gone",
    );

    ready("v1", "Service", json!({"spec": {"type": "ClusterIP", "clusterIP": "10.0.0.1"}}));
    ready("v1", "Service", json!({"spec": {"clusterIP": "None"}}));
    ready("v1", "Service", json!({"spec": {"type": "ExternalName"}}));
    let balanced = |status: Value| json!({"spec": {"type": "LoadBalancer", "clusterIP": "10.0.0.1"}, "status": status});
    progressing("v1", "Service", balanced(json!({"loadBalancer": {}})), "no load balancer has an address");
    ready("v1", "Service", balanced(json!({"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}})));
    // Of another group: judged by its conditions.
    let knative = json!({"status": {"conditions": [{"type": "Ready", "status": "Unknown", "message": "deploying"}]}});
    progressing("serving.knative.dev/v1", "Service", knative, "deploying");

    ready("networking.k8s.io/v1", "Ingress", json!({"status": {"loadBalancer": {"ingress": [{"hostname": "lb"}]}}}));
    progressing("networking.k8s.io/v1", "Ingress", json!({"spec": {"ingressClassName": "nginx"}}), "of class nginx");
}

#[test]
fn autoscalers_and_budgets_say_what_they_lack() {
    let scaler = |able: &str, active: &str, reason: &str| {
        json!({"status": {"conditions": [{"type": "AbleToScale", "status": able, "reason": "FailedGetScale"},
            {"type": "ScalingActive", "status": active, "reason": reason, "message": "m"}]}})
    };
    let kind = "HorizontalPodAutoscaler";
    ready("autoscaling/v2", kind, scaler("True", "True", "ValidMetricFound"));
    ready("autoscaling/v2", kind, scaler("True", "False", "ScalingDisabled"));
    progressing(
        "autoscaling/v2",
        kind,
        scaler("True", "False", "FailedGetResourceMetric"),
        "FailedGetResourceMetric: m",
    );
    progressing("autoscaling/v2", kind, scaler("False", "False", ""), "FailedGetScale");
    failed("autoscaling/v2", kind, scaler("True", "False", "InvalidSelector"), "InvalidSelector: m");
    progressing("autoscaling/v2", kind, json!({}), "has not looked at it yet");
    let old = json!({"metadata": {"annotations": {"autoscaling.alpha.kubernetes.io/conditions":
        "[{\"type\":\"AbleToScale\",\"status\":\"True\"},{\"type\":\"ScalingActive\",\"status\":\"True\"}]"}}});
    ready("autoscaling/v1", kind, old);

    let budget =
        |healthy: i64| json!({"status": {"observedGeneration": 2, "currentHealthy": healthy, "desiredHealthy": 1}});
    ready("policy/v1", "PodDisruptionBudget", budget(1));
    ready("policy/v1", "PodDisruptionBudget", budget(0));
    let unseen = json!({"status": {"observedGeneration": 1, "currentHealthy": 1, "desiredHealthy": 1}});
    progressing("policy/v1", "PodDisruptionBudget", unseen, "its controller has not looked");
    let broken = json!({"status": {"observedGeneration": 2, "conditions": [
        {"type": "DisruptionAllowed", "status": "False", "reason": "SyncFailed", "message": "no controller"}]}});
    failed("policy/v1", "PodDisruptionBudget", broken, "SyncFailed: no controller");
}

#[test]
fn namespaces_definitions_and_services_of_the_api_are_judged_by_what_they_offer() {
    ready("v1", "Namespace", json!({"status": {"phase": "Active"}}));
    failed("v1", "Namespace", json!({"status": {"phase": "Terminating"}}), "being deleted");
    let leaving =
        json!({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": ["example.org/keep"]}});
    failed("v1", "Namespace", leaving.clone(), "waits for example.org/keep");
    progressing("v1", "ConfigMap", leaving, "it is being deleted, and waits for example.org/keep");

    let definition =
        |name: &str, status: &str| json!({"status": {"conditions": [{"type": name, "status": status, "reason": "R"}]}});
    let (group, kind) = ("apiextensions.k8s.io/v1", "CustomResourceDefinition");
    ready(group, kind, definition("Established", "True"));
    progressing(group, kind, definition("Established", "False"), "R");
    progressing(group, kind, json!({}), "not served yet");
    failed(group, kind, definition("NamesAccepted", "False"), "R");

    let (group, kind) = ("apiregistration.k8s.io/v1", "APIService");
    ready(group, kind, definition("Available", "True"));
    progressing(group, kind, definition("Available", "False"), "R");
}

#[test]
fn kinds_that_nobody_knows_are_judged_by_convention() {
    let (group, kind) = ("example.org/v1", "Widget");
    let status = |status: Value| json!({"status": status});
    let condition = |name: &str, value: &str| json!({"type": name, "status": value, "reason": "R", "message": "m"});
    ready(group, kind, json!({}));
    ready("v1", "ConfigMap", json!({}));
    ready(group, kind, status(json!({"observedGeneration": 2, "conditions": [condition("Ready", "True")]})));
    progressing(
        group,
        kind,
        status(json!({"observedGeneration": 1, "conditions": [condition("Ready", "True")]})),
        "has not looked",
    );
    progressing(group, kind, status(json!({"conditions": [condition("Ready", "False")]})), "R: m");
    progressing(group, kind, status(json!({"conditions": [condition("Reconciling", "True")]})), "R: m");
    failed(
        group,
        kind,
        status(json!({"conditions": [condition("Stalled", "True"), condition("Ready", "False")]})),
        "R: m",
    );
    let mut earlier = condition("Ready", "True");
    earlier["observedGeneration"] = json!(1);
    progressing(group, kind, status(json!({"conditions": [earlier]})), "has not looked at the latest change");
}

#[test]
fn an_expression_says_when_to_go_on() {
    let object = json!({
        "metadata": {"generation": 3, "annotations": {"example.org/done": "yes"}},
        "spec": {"replicas": 2},
        "status": {
            "phase": "Bound", "count": 0, "ready": 2, "observedGeneration": 3, "done": true, "url": "",
            "conditions": [{"type": "Synced", "status": "True"}, {"type": "Ready", "status": "False"}],
            "parents": [{"name": "a"}, {"name": "b"}],
        },
    });
    for holds in [
        "status.phase == \"Bound\"",
        "{.status.phase}=='Bound'",
        ".status.phase != \"Lost\"",
        "status.ready >= spec.replicas && status.observedGeneration == metadata.generation",
        "status.conditions[type=Synced].status == \"True\"",
        "status.conditions[type=\"Synced\"].status == 'True'",
        "status.parents[0].name == 'a' && status.parents[-1].name == \"b\"",
        "metadata.annotations[\"example.org/done\"] == \"yes\"",
        "status.done",
        "status.done == true",
        "!status.url && !status.count && !status.missing",
        "status.missing == null",
        "!(status.phase == \"Lost\") || status.missing",
        "status.ready == 2.0 && status.ready > 1 && status.ready < 3 && status.ready <= 2",
    ] {
        assert!(WaitFor::parse(holds).unwrap().holds(&object), "{holds}");
    }
    for fails in [
        "status.phase == \"Lost\"",
        "status.missing > 0",
        "status.missing < 1",
        "status.conditions[type=Other].status == \"True\"",
        "status.phase == 'Bound' && status.url",
        "status.parents[2].name",
        "status.parents[-3].name",
        "status.phase > 1",
    ] {
        assert!(!WaitFor::parse(fails).unwrap().holds(&object), "{fails}");
    }
    let waits = WaitFor::parse(" status.phase == \"Ready\" ").unwrap().readiness(&object);
    let expected = "it waits for status.phase == \"Ready\" (status.phase is \"Bound\")";
    assert_eq!(waits, Readiness::Progressing(expected.to_owned()));
    let secret = json!({"kind": "Secret", "data": {"p": "aHVudGVyMg=="}});
    let waits = WaitFor::parse("data.p == 'x'").unwrap().readiness(&secret);
    assert_eq!(waits, Readiness::Progressing("it waits for data.p == 'x'".to_owned()));
}

#[test]
fn what_is_no_expression_is_refused_with_the_place() {
    for (text, at, said) in [
        ("", 0, "a path or a value"),
        ("status.", 7, "the name of a field"),
        ("status.phase == ", 16, "a path or a value"),
        ("status.phase = \"a\"", 13, "nothing more"),
        ("status.phase == \"a", 16, "has no end"),
        ("(status.a", 9, "`)` is expected"),
        ("status.a[b]", 10, "`=` is expected"),
        ("status.a[1.5]", 12, "whole number"),
        ("status.a == 1-2", 12, "not a number"),
        ("a && && b", 5, "a path or a value"),
    ] {
        let error = WaitFor::parse(text).unwrap_err();
        assert!(error.message.contains(said), "{text}: {}", error.message);
        assert_eq!(error.detail[1].find('^'), Some(at), "{text}");
    }
    let deep = "(".repeat(10_000);
    assert!(WaitFor::parse(&deep).unwrap_err().message.contains("too many brackets"));
    assert!(WaitFor::parse(&"!".repeat(10_000)).unwrap_err().message.contains("too many brackets"));
}
