//! Pods, which nearly everything else comes down to.

use serde_json::Value;

use super::Readiness::{self, Failed, Ready};
use super::condition::Condition;
use super::{count, list, progressing, text};

/// Reasons for which a container waits and will go on waiting: the configuration must change first. An image that cannot be
/// pulled is none of them, for a registry comes back.
const HOPELESS: [&str; 4] = ["CrashLoopBackOff", "InvalidImageName", "ErrImageNeverPull", "RunContainerError"];

/// It runs and answers, or has ended well.
pub(super) fn pod(object: &Value) -> Readiness {
    match text(object, "/status/phase") {
        "Succeeded" => return Ready,
        "Failed" => return Failed(ended(object)),
        _ => {}
    }
    let waiting: Vec<Waiting<'_>> = containers(object).filter_map(Waiting::of).collect();
    if let Some(hopeless) = waiting.iter().find(|waiting| HOPELESS.contains(&waiting.reason)) {
        return Failed(hopeless.said());
    }
    if Condition::of(object, "Ready").is_some_and(Condition::is_true) {
        return Ready;
    }
    if let Some(unscheduled) = Condition::of(object, "PodScheduled").filter(|condition| condition.is_false()) {
        return progressing(unscheduled.said());
    }
    // Every container waits while a pod is being made; that says nothing.
    if let Some(waiting) =
        waiting.iter().find(|waiting| !["ContainerCreating", "PodInitializing", ""].contains(&waiting.reason))
    {
        return progressing(waiting.said());
    }
    let all = list(object, "/spec/containers").len();
    let ready = list(object, "/status/containerStatuses").iter().filter(|status| status["ready"] == true).count();
    match text(object, "/status/phase") {
        "Running" => progressing(format!("{ready} of {all} containers are ready")),
        _ => progressing("its containers are being made"),
    }
}

/// The states of all its containers, those that run before the others first.
pub(super) fn containers(pod: &Value) -> impl Iterator<Item = &Value> {
    list(pod, "/status/initContainerStatuses").iter().chain(list(pod, "/status/containerStatuses"))
}

/// A container that waits.
pub(super) struct Waiting<'v> {
    pub container: &'v str,
    pub reason: &'v str,
    message: &'v str,
    restarts: i64,
}

impl<'v> Waiting<'v> {
    pub(super) fn of(status: &'v Value) -> Option<Self> {
        status.pointer("/state/waiting").filter(|waiting| waiting.is_object())?;
        Some(Self {
            container: text(status, "/name"),
            reason: text(status, "/state/waiting/reason"),
            message: text(status, "/state/waiting/message"),
            restarts: count(status, "/restartCount"),
        })
    }

    /// In words.
    pub(super) fn said(&self) -> String {
        let restarts = match self.restarts {
            0 => String::new(),
            1 => " after 1 restart".to_owned(),
            many => format!(" after {many} restarts"),
        };
        let message = if self.message.is_empty() { String::new() } else { format!(": {}", self.message) };
        format!("container {} waits{restarts}: {}{message}", self.container, self.reason)
    }
}

/// How a container ended, if it did; `at` says whether now (`state`) or before it was started again (`lastState`).
pub(super) fn terminated(status: &Value, at: &str) -> Option<String> {
    let ended = status.get(at)?.get("terminated").filter(|ended| ended.is_object())?;
    let code = count(ended, "/exitCode");
    let reason = match text(ended, "/reason") {
        "" | "Error" | "Completed" => String::new(),
        reason => format!(" ({reason})"),
    };
    Some(format!("container {} ended with exit code {code}{reason}", text(status, "/name")))
}

fn ended(object: &Value) -> String {
    let said = match (text(object, "/status/reason"), text(object, "/status/message")) {
        ("", "") => None,
        (reason, "") => Some(reason.to_owned()),
        ("", message) => Some(message.to_owned()),
        (reason, message) => Some(format!("{reason}: {message}")),
    };
    let failed = |status: &&Value| status.pointer("/state/terminated/exitCode").and_then(Value::as_i64) != Some(0);
    let container = || containers(object).filter(failed).find_map(|status| terminated(status, "state"));
    said.or_else(container).unwrap_or_else(|| "it ended with a failure".to_owned())
}
