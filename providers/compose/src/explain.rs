//! A prediction in words.

use deployctl_sdk::{Action, AttrPath, Child, Diff, ReplaceOrder, Value, default_plan};

use crate::model::hash::NOT_IN_HASH;
use crate::predict::{Counts, Fate, Prediction, ServiceFate, Why};

/// What happens to each service, network and volume. `before` and `after` are the project's configuration.
pub(crate) fn children(prediction: &Prediction, before: &Value, after: &Value) -> Vec<Child> {
    let busy = prediction.is_change();
    let services = prediction.services.iter().map(|fate| service(fate, before, after, busy));
    let mut children: Vec<Child> = services.collect();
    children.extend(prediction.removed.iter().filter(|removed| removed.removed).map(|removed| {
        let reason = match removed.one_off {
            true => format!("removed: left over from `docker compose run {}`", removed.service),
            false => format!("removed: {} is not in the project any more", removed.service),
        };
        child("container", &removed.container, Action::Delete, reason)
    }));
    for network in &prediction.networks {
        let (action, reason) = match network.fate {
            Fate::Create => (Action::Create, String::new()),
            Fate::Recreate => (Action::Replace(ReplaceOrder::DeleteFirst), "its configuration changed".to_owned()),
            _ => (Action::NoOp, String::new()),
        };
        let diffs =
            if action == Action::NoOp { Vec::new() } else { changed(before, after, "networks", &network.key, &[]) };
        let diffs = if action == Action::Create { Vec::new() } else { diffs };
        children.push(Child { diffs, ..child("network", &network.name, action, reason) });
    }
    for volume in &prediction.volumes {
        let (action, reason) = match volume.fate {
            Fate::Create => (Action::Create, String::new()),
            Fate::Recreate => {
                let reason = "its configuration changed; its data is lost".to_owned();
                (Action::Replace(ReplaceOrder::DeleteFirst), reason)
            }
            _ => (Action::NoOp, String::new()),
        };
        let diffs = match volume.fate {
            Fate::Recreate => changed(before, after, "volumes", &volume.key, &[]),
            _ => Vec::new(),
        };
        children.push(Child { diffs, ..child("volume", &volume.name, action, reason) });
    }
    children
}

fn child(kind: &str, name: &str, action: Action, reason: String) -> Child {
    Child { kind: kind.to_owned(), name: name.to_owned(), action, reason, diffs: Vec::new() }
}

fn service(fate: &ServiceFate, before: &Value, after: &Value, busy: bool) -> Child {
    let counts = fate.counts();
    let action = if fate.from == 0 && fate.to > 0 {
        Action::Create
    } else if fate.is_change() || busy && counts.again > 0 {
        Action::Update
    } else {
        Action::NoOp
    };
    let diffs = match fate.why.contains(&Why::ConfigChanged) {
        true => changed(before, after, "services", &fate.service, &NOT_IN_HASH),
        false => Vec::new(),
    };
    let reason = if action == Action::NoOp { String::new() } else { reason(fate, counts, diffs.is_empty()) };
    Child { diffs, ..child("service", &fate.service, action, reason) }
}

/// What differs in the configuration of one thing.
fn changed(before: &Value, after: &Value, section: &str, key: &str, without: &[&str]) -> Vec<Diff> {
    let of = |value: &Value| {
        let found = value.get(section).and_then(|section| section.get(key)).cloned().unwrap_or_default();
        let kept = found.as_map().into_iter().flatten().filter(|(name, _)| !without.contains(&&***name));
        Value::map(kept.map(|(name, value)| (name.clone(), value.clone())))
    };
    if before.get(section).and_then(|section| section.get(key)).is_none() {
        return Vec::new();
    }
    let replicas = AttrPath::of("deploy").key("replicas");
    default_plan::compare(&of(before), &of(after)).into_iter().filter(|diff| diff.path != replicas).collect()
}

/// One line: what happens, and why.
fn reason(fate: &ServiceFate, counts: Counts, unexplained: bool) -> String {
    let mut said: Vec<String> = Vec::new();
    let why: Vec<String> = fate.why.iter().filter_map(|why| because(why, unexplained)).collect();
    let verb = |count: usize, word: &str| match count {
        0 => None,
        1 if fate.to.max(fate.from) == 1 => Some(word.to_owned()),
        count if count == fate.to.max(fate.from) => Some(format!("all {count} {word}")),
        count => Some(format!("{count} of {} {word}", fate.to.max(fate.from))),
    };
    let built = fate.why.iter().any(Why::is_build);
    said.extend(built.then(|| "built".to_owned()));
    said.extend(verb(counts.recreated, "recreated"));
    said.extend(verb(counts.recreated_if, "recreated if its image comes out different"));
    said.extend(verb(counts.restarted, "restarted"));
    said.extend(verb(counts.started, "started"));
    said.extend(verb(counts.again, "runs again"));
    if fate.from > 0 && fate.from != fate.to {
        said.push(format!("scaled {} → {}", fate.from, fate.to));
    } else if fate.from == 0 && fate.to > 1 {
        said.push(format!("{} containers", fate.to));
    }
    match (said.is_empty(), why.is_empty()) {
        (true, _) => why.join("; "),
        (false, true) => said.join(", "),
        (false, false) => format!("{}: {}", said.join(", "), why.join("; ")),
    }
}

fn because(why: &Why, unexplained: bool) -> Option<String> {
    Some(match why {
        Why::New | Why::Scaled => return None,
        Why::ConfigChanged if unexplained => "made from another configuration outside deployctl".to_owned(),
        Why::ConfigChanged => "configuration changed".to_owned(),
        Why::ImageMoved { from, to } if to.is_empty() => format!("its image {} is gone", short(from)),
        Why::ImageMoved { from, to } => format!("image moved {} → {}", short(from), short(to)),
        Why::Pulled => "its image is pulled".to_owned(),
        Why::PulledAlways => "its image is pulled again".to_owned(),
        Why::ImageMissing => "its image is not there yet".to_owned(),
        Why::ContextChanged { files } if files.is_empty() => "its image is built from the captured files".to_owned(),
        Why::ContextChanged { files } => format!("build context changed ({})", files.join(", ")),
        Why::BuildChanged => "its build settings changed".to_owned(),
        Why::RebuiltOutside { from, to } => {
            format!("image built outside deployctl {} → {}", short(from), short(to))
        }
        Why::BuiltAlways => "`build` is always".to_owned(),
        Why::DependencyRecreated(name) => format!("it shares with {name}, which is recreated"),
        Why::DependencyRestarts(name) => format!("{name} is recreated"),
        Why::NetworkRecreated(name) => format!("network {name} is recreated"),
        Why::NotOnNetwork(name) => format!("it is not on the network {name}"),
        Why::VolumeRecreated(name) => format!("volume {name} is recreated"),
        Why::VolumeNotMounted(name) => format!("it does not mount the volume {name}"),
        Why::ContentChanged(what) => format!("{what} changed"),
        Why::Stopped(state) => format!("it is {state}"),
    })
}

/// Enough of an image's identity to tell it from others.
fn short(id: &str) -> String {
    let digits = id.strip_prefix("sha256:").unwrap_or(id);
    match digits.get(..12) {
        Some(start) => format!("sha256:{start}…"),
        None => "none".to_owned(),
    }
}
