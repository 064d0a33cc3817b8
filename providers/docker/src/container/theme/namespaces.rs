//! Which of the machine's namespaces, control groups and runtimes the container shares or has for itself.

use bollard::models::HostConfigCgroupnsModeEnum;
use deployctl_sdk::{Attribute, Type, Value};

use super::{Described, Draft, Facts, map_of_texts};
use crate::attributes::{engine_map, text, text_or_null};
use crate::container::values::pairs;

pub(crate) fn attributes() -> Vec<Attribute> {
    let text = |name: &str, doc: &str| Attribute::optional(name, Type::String, doc).replaces();
    vec![
        text("pid_mode", "Whose processes it sees: `host` or `container:NAME`; its own without it."),
        text("ipc_mode", "Whose shared memory it has: `none`, `private`, `shareable`, `host` or `container:NAME`."),
        text("uts_mode", "`host` for the machine's host name; its own without it."),
        text("userns_mode", "`host` for the machine's users where the engine maps them."),
        text("cgroupns_mode", "Its view of control groups: `private` or `host`."),
        text("cgroup_parent", "The control group that its own is made in."),
        text("runtime", "The runtime that runs it, as the engine calls it; the engine's default without it."),
        Attribute::optional(
            "annotations",
            map_of_texts(),
            "What the runtime is told besides. It takes version 1.43 of the API.",
        )
        .replaces(),
    ]
}

pub(crate) fn request(config: &Value, draft: &mut Draft) {
    let host = &mut draft.host;
    host.pid_mode = text(config, "pid_mode");
    host.ipc_mode = text(config, "ipc_mode");
    host.uts_mode = text(config, "uts_mode");
    host.userns_mode = text(config, "userns_mode");
    host.cgroupns_mode = match text(config, "cgroupns_mode").as_deref() {
        Some("private") => Some(HostConfigCgroupnsModeEnum::PRIVATE),
        Some("host") => Some(HostConfigCgroupnsModeEnum::HOST),
        _ => None,
    };
    host.cgroup_parent = text(config, "cgroup_parent");
    host.runtime = text(config, "runtime");
    host.annotations = pairs(config, "annotations");
}

pub(crate) fn describe(facts: &Facts<'_>, described: &mut Described) {
    let host = facts.host;
    described.put_set("pid_mode", text_or_null(host.pid_mode.as_deref()));
    let ipc = host.ipc_mode.as_deref();
    described.put("ipc_mode", text_or_null(ipc), matches!(ipc, Some("private" | "shareable")));
    described.put_set("uts_mode", text_or_null(host.uts_mode.as_deref()));
    described.put_set("userns_mode", text_or_null(host.userns_mode.as_deref()));
    let cgroupns = host.cgroupns_mode.map(|mode| mode.to_string());
    described.put("cgroupns_mode", text_or_null(cgroupns.as_deref()), true);
    described.put_set("cgroup_parent", text_or_null(host.cgroup_parent.as_deref()));
    let runtime = host.runtime.as_deref();
    described.put("runtime", text_or_null(runtime), matches!(runtime, Some("runc" | "crun")));
    described.put_set("annotations", engine_map(host.annotations.as_ref()));
}
