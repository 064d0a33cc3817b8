//! Checks a configuration and settles it: one spelling for each amount, and what can be known beforehand.

use deployctl_sdk::{AttrPath, Desired, Files, Map, Prepared, ProviderError, Value};

use super::theme::{healthcheck, limits, network, ports, restart, security, storage, upload};
use super::units::{parse_bytes, parse_time, show_bytes, show_time};
use super::values::{blocks, fraction, number};
use super::{names, theme};
use crate::attributes::{text, truth, with};
use crate::mark;

/// The most containers that one resource may have.
const MOST_REPLICAS: i64 = 256;

/// What finds a container again besides its mark: nothing is needed, every container we make bears one.
pub(crate) fn identity(_: &Value) -> Option<Value> {
    None
}

/// Checks and settles one configuration, and captures the sources of its uploads.
///
/// # Errors
/// Everything that is wrong with it.
pub(crate) fn prepare(desired: &Desired, files: &dyn Files) -> Result<Prepared, Vec<ProviderError>> {
    let mut settling = Settling { config: desired.config.clone(), problems: Vec::new() };
    mark::check_labels(&settling.config, &mut settling.problems);
    settling.check_general();
    settling.check_environment();
    settling.settle_amounts();
    settling.settle_words();
    settling.check_limits();
    settling.check_network();
    settling.check_ports();
    settling.check_storage();
    settling.check_replicas();
    let mut captured = Vec::new();
    let digests = upload::capture(&settling.config, files, &mut captured, &mut settling.problems);
    let status = match settling.config.get("must_run").map(|value| value.unmark().0) {
        Some(Value::Bool(false)) => Value::Null,
        Some(Value::Unknown) => Value::Unknown,
        _ => Value::from("running"),
    };
    if !settling.problems.is_empty() {
        return Err(settling.problems);
    }
    let config = with(&settling.config, vec![("upload_digests", digests), ("status", status)]);
    Ok(Prepared { config, captured })
}

/// A configuration on its way, and what is wrong with it.
struct Settling {
    config: Value,
    problems: Vec<ProviderError>,
}

impl Settling {
    fn complain(&mut self, path: AttrPath, message: impl Into<String>, hint: &str) {
        let error = ProviderError::invalid(path, message);
        self.problems.push(if hint.is_empty() { error } else { error.with_hint(hint) });
    }

    /// Rewrites an attribute that is a known text; `None` from `settle` is a complaint.
    fn settle(&mut self, name: &str, settle: impl Fn(&str) -> Option<String>, what: &str, hint: &str) {
        let Some(value) = self.config.get(name) else { return };
        let (_, marked) = value.unmark();
        let Some(text) = value.as_str().map(str::to_owned) else { return };
        match settle(&text) {
            Some(settled) => self.config = with(&self.config, vec![(name, Value::from(settled).with_mark(marked))]),
            None => self.complain(AttrPath::of(name.to_owned()), format!("{text:?} is not {what}"), hint),
        }
    }

    fn check_general(&mut self) {
        if self.config.get("name").is_some_and(Value::contains_sensitive) {
            self.complain(AttrPath::of("name"), "a name cannot be sensitive, as everybody on the engine sees it", "");
        } else if let Some(name) = text(&self.config, "name")
            && !names::is_valid(&name)
        {
            let hint = "use at least two letters, digits, `_`, `.` and `-`, and begin with a letter or digit";
            self.complain(AttrPath::of("name"), format!("{name:?} cannot be the name of a container"), hint);
        }
        if text(&self.config, "image").is_some_and(|image| image.trim().is_empty()) {
            self.complain(AttrPath::of("image"), "`image` names no image", "");
        }
        if number(&self.config, "stop_timeout").is_some_and(|seconds| seconds < 0) {
            self.complain(AttrPath::of("stop_timeout"), "`stop_timeout` cannot be negative", "0 kills it at once");
        }
    }

    fn check_environment(&mut self) {
        let env = self.config.get("env").and_then(Value::as_map).cloned().unwrap_or_default();
        for (name, value) in &env {
            let path = AttrPath::of("env").key(name.clone());
            if name.is_empty() || name.contains(['=', '\0']) {
                self.complain(path, format!("{name:?} cannot be the name of an environment variable"), "");
            } else if value.as_str().is_some_and(|text| text.contains('\0')) {
                self.complain(path, format!("the value of {name} holds a NUL character"), "");
            }
        }
    }

    fn settle_amounts(&mut self) {
        let hint = "write it like `512MiB` or `1.5GiB`";
        for name in limits::SIZES {
            let unlimited = *name == "memory_swap";
            let settle = |text: &str| match text {
                "-1" if unlimited => Some(text.to_owned()),
                text => parse_bytes(text).filter(|bytes| *bytes > 0).map(show_bytes),
            };
            self.settle(name, settle, "an amount of memory", hint);
        }
        for (block, name, what) in healthcheck::TIMES
            .iter()
            .map(|name| ("healthcheck", *name, "a length of time"))
            .chain([("mount", "size", "an amount of memory")])
        {
            self.settle_in(block, name, what);
        }
    }

    /// Rewrites a member of a block, or of every one of a repeated block.
    fn settle_in(&mut self, block: &str, name: &str, what: &str) {
        let Some(value) = self.config.get(block).cloned() else { return };
        let (plain, _) = value.unmark();
        let settled = match plain {
            Value::Map(members) => self.settled_member(members, &AttrPath::of(block.to_owned()), name, what),
            Value::List(items) => {
                let items = items.iter().enumerate().map(|(index, item)| match item.unmark().0 {
                    Value::Map(members) => {
                        self.settled_member(members, &AttrPath::of(block.to_owned()).index(index), name, what)
                    }
                    _ => item.clone(),
                });
                Value::list(items.collect::<Vec<_>>())
            }
            _ => return,
        };
        self.config = with(&self.config, vec![(block, settled)]);
    }

    fn settled_member(&mut self, members: &Map, path: &AttrPath, name: &str, what: &str) -> Value {
        let mut members = members.clone();
        if let Some(text) = members.get(name).and_then(Value::as_str).map(str::to_owned) {
            let settled = match what {
                "a length of time" => parse_time(&text).map(show_time),
                _ => parse_bytes(&text).filter(|bytes| *bytes > 0).map(show_bytes),
            };
            match settled {
                Some(settled) => {
                    members.insert(name.into(), Value::from(settled));
                }
                None => self.complain(path.key(name.to_owned()), format!("{text:?} is not {what}"), ""),
            }
        }
        Value::from(members)
    }

    fn settle_words(&mut self) {
        let hint = "it is `no`, `always`, `unless-stopped`, `on-failure` or `on-failure:N`";
        self.settle(
            "restart",
            |text| restart::parse(text).map(|policy| restart::show(Some(&policy))),
            "a restart policy",
            hint,
        );
        let hint = "it is `all`, a number, or `device=ID,ID`";
        self.settle(
            "gpus",
            |text| theme::devices::parse_gpus(text).map(|_| text.to_owned()),
            "a choice of processors",
            hint,
        );
        for name in ["cap_add", "cap_drop"] {
            let Some(Value::List(items)) = self.config.get(name) else { continue };
            let settled = items.iter().map(|item| match item.as_str() {
                Some(text) => Value::from(security::capability(text)),
                None => item.clone(),
            });
            let settled = Value::list(settled.collect::<Vec<_>>());
            self.config = with(&self.config, vec![(name, settled)]);
        }
        if let Some(check) = self.config.get("healthcheck")
            && truth(check, "disable")
            && check.get("test").is_some()
        {
            self.complain(AttrPath::of("healthcheck").key("disable"), "a check that is not made has no `test`", "");
        }
    }

    fn check_limits(&mut self) {
        let is_set = |name: &str| self.config.get(name).is_some_and(|value| !value.is_unknown());
        if is_set("cpus") && (is_set("cpu_period") || is_set("cpu_quota")) {
            let message = "`cpus` is a short way to say `cpu_period` and `cpu_quota`, so only one can be given";
            self.complain(AttrPath::of("cpus"), message, "");
        }
        if fraction(&self.config, "cpus").is_some_and(|cpus| cpus <= 0.0) {
            self.complain(AttrPath::of("cpus"), "`cpus` must be more than 0", "");
        }
        let swap = text(&self.config, "memory_swap");
        if swap.as_deref().is_some_and(|swap| swap != "-1") && self.config.get("memory").is_none() {
            self.complain(AttrPath::of("memory_swap"), "`memory_swap` is nothing without `memory`", "");
        }
        let bytes = |name: &str| text(&self.config, name).and_then(|text| parse_bytes(&text));
        if let (Some(memory), Some(swap)) = (bytes("memory"), bytes("memory_swap"))
            && swap < memory
        {
            self.complain(AttrPath::of("memory_swap"), "`memory_swap` includes `memory`, so it cannot be less", "");
        }
        if number(&self.config, "pids_limit").is_some_and(|limit| limit == 0 || limit < -1) {
            self.complain(AttrPath::of("pids_limit"), "`pids_limit` is at least 1, or -1 for no limit", "");
        }
    }

    fn check_network(&mut self) {
        let mode = text(&self.config, "network_mode");
        let attached = blocks(&self.config, "network").to_vec();
        if mode.is_some() && !attached.is_empty() {
            let hint = "leave `network_mode` out, or the `network` blocks";
            self.complain(AttrPath::of("network_mode"), "`network_mode` and `network` cannot both be given", hint);
        }
        let mut seen: Vec<String> = Vec::new();
        for (index, block) in attached.iter().enumerate() {
            let Some(name) = text(block, "name") else { continue };
            let path = AttrPath::of("network").index(index).key("name");
            if matches!(name.as_str(), "host" | "none") {
                self.complain(path, format!("{name} is no network to be attached to"), "say `network_mode` instead");
            } else if seen.contains(&name) {
                self.complain(
                    path,
                    format!("it is attached to {name} twice"),
                    "put all aliases into one `network` block",
                );
            }
            seen.push(name);
        }
        if !network::has_attachments(&self.config) && !blocks(&self.config, "port").is_empty() {
            let message = "a container without a network of its own cannot publish ports";
            self.complain(AttrPath::of("port"), message, "leave the `port` blocks out, or `network_mode`");
        }
    }

    fn check_ports(&mut self) {
        for (index, block) in blocks(&self.config, "port").to_vec().iter().enumerate() {
            let path = AttrPath::of("port").index(index);
            let in_range = |number: i64| (1..=65_535).contains(&number);
            for name in ["internal", "external"] {
                let known = block.get(name).filter(|value| !value.is_unknown());
                if known.is_some_and(|value| !value.as_i64().is_some_and(in_range)) {
                    self.complain(path.key(name), "a port's number is between 1 and 65535", "");
                }
            }
            if let Some(range) = text(block, "range") {
                if ports::parse_range(&range).is_none() {
                    self.complain(
                        path.key("range"),
                        format!("{range:?} is not a range of ports"),
                        "write it like `8000-8100`",
                    );
                }
                if block.get("external").is_some_and(|value| !value.is_unknown()) {
                    self.complain(path.key("range"), "both `external` and `range` are given", "leave one of them out");
                }
            }
            if let Some(protocol) = text(block, "protocol")
                && !matches!(protocol.as_str(), "tcp" | "udp" | "sctp")
            {
                self.complain(
                    path.key("protocol"),
                    format!("{protocol:?} is not a protocol"),
                    "it is `tcp`, `udp` or `sctp`",
                );
            }
        }
    }

    fn check_storage(&mut self) {
        for (index, block) in blocks(&self.config, "mount").to_vec().iter().enumerate() {
            let path = AttrPath::of("mount").index(index);
            if let Some(kind) = text(block, "type")
                && storage::kind_of(&kind).is_none()
            {
                let hint = "it is `volume`, `bind`, `tmpfs`, `npipe`, `cluster` or `image`";
                self.complain(path.key("type"), format!("{kind:?} is not a type of mount"), hint);
            }
            if let Some(kind) = text(block, "propagation")
                && storage::propagation(&kind).is_none()
            {
                let hint = "it is `private`, `shared`, `slave`, or one of them with an `r` in front";
                self.complain(path.key("propagation"), format!("{kind:?} is not a kind of propagation"), hint);
            }
            let kind = text(block, "type").unwrap_or_else(|| "volume".to_owned());
            match (kind.as_str(), block.get("source").is_some()) {
                ("volume", false) if truth(block, "read_only") => {
                    let message = "a volume without a name is empty, and cannot be read only";
                    self.complain(path.key("read_only"), message, "name a volume in `source`");
                }
                ("bind", false) => self.complain(path, "a mount of the machine's own files takes a `source`", ""),
                ("tmpfs", true) => self.complain(path.key("source"), "a `tmpfs` has no source", "leave it out"),
                _ => {}
            }
        }
    }

    fn check_replicas(&mut self) {
        let Some(count) = number(&self.config, "replicas") else { return };
        if !(1..=MOST_REPLICAS).contains(&count) {
            self.complain(AttrPath::of("replicas"), format!("`replicas` must be from 1 to {MOST_REPLICAS}"), "");
        }
        if count <= 1 {
            return;
        }
        for (index, block) in blocks(&self.config, "port").to_vec().iter().enumerate() {
            let path = AttrPath::of("port").index(index);
            if let Some(port) = ports::fixed(block) {
                let message = format!("{count} replicas cannot share port {port} of the machine");
                self.complain(path.key("external"), message, "give a `range`, or leave the number to the engine");
            }
            let size = text(block, "range").and_then(|range| ports::parse_range(&range));
            if size.is_some_and(|(first, last)| i64::from(last - first) + 1 < count) {
                self.complain(path.key("range"), "there are fewer ports than replicas", "give a larger range");
            }
        }
        for (index, block) in blocks(&self.config, "network").to_vec().iter().enumerate() {
            for name in ["ipv4_address", "ipv6_address", "mac_address"] {
                if block.get(name).is_some() {
                    let path = AttrPath::of("network").index(index).key(name);
                    self.complain(path, format!("{count} replicas cannot share one address"), "");
                }
            }
        }
    }
}
