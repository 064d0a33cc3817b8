//! What the container may do to the machine.

use deployctl_sdk::{Attribute, Type, Value};

use super::{Described, Draft, Facts, list_of_texts, map_of_texts};
use crate::attributes::engine_map;
use crate::container::values::{given, list_or_null, pairs, texts};

pub(crate) fn attributes() -> Vec<Attribute> {
    let list = |name: &str, doc: &str| Attribute::optional(name, list_of_texts(), doc).replaces();
    vec![
        Attribute::optional("privileged", Type::Bool, "Whether it may do all that root may do on the machine.")
            .with_default(false)
            .replaces(),
        list("cap_add", "Kernel capabilities that it has besides the usual: `NET_ADMIN`, `ALL`."),
        list("cap_drop", "Usual kernel capabilities that it has not: `CHOWN`, `ALL`."),
        list("security_opt", "Options for security modules: `no-new-privileges`, `seccomp=…`, `apparmor=…`."),
        list("group_add", "Further groups of the one who runs it, by name or number."),
        list("masked_paths", "Paths that it cannot see; the engine's list without it."),
        list("readonly_paths", "Paths that it cannot write; the engine's list without it."),
        Attribute::optional("read_only", Type::Bool, "Whether its root file system is read-only.")
            .with_default(false)
            .replaces(),
        Attribute::optional("sysctls", map_of_texts(), "Kernel parameters of its own: `net.ipv4.ip_forward = \"1\"`.")
            .replaces(),
    ]
}

pub(crate) fn request(config: &Value, draft: &mut Draft) {
    let host = &mut draft.host;
    host.privileged = given(config, "privileged");
    host.cap_add = texts(config, "cap_add");
    host.cap_drop = texts(config, "cap_drop");
    host.security_opt = texts(config, "security_opt");
    host.group_add = texts(config, "group_add");
    host.masked_paths = texts(config, "masked_paths");
    host.readonly_paths = texts(config, "readonly_paths");
    host.readonly_rootfs = given(config, "read_only");
    host.sysctls = pairs(config, "sysctls");
}

pub(crate) fn describe(facts: &Facts<'_>, described: &mut Described) {
    let host = facts.host;
    let privileged = host.privileged.unwrap_or(false);
    described.put_set("privileged", Value::from(privileged));
    described.put_set("cap_add", capabilities(host.cap_add.as_ref()));
    described.put_set("cap_drop", capabilities(host.cap_drop.as_ref()));
    // A privileged container is given this one by the engine.
    let by_engine = privileged && host.security_opt.as_ref().is_some_and(|all| *all == ["label=disable"]);
    described.put("security_opt", list_or_null(host.security_opt.as_ref()), by_engine);
    described.put_set("group_add", list_or_null(host.group_add.as_ref()));
    described.put("masked_paths", list_or_null(host.masked_paths.as_ref()), true);
    described.put("readonly_paths", list_or_null(host.readonly_paths.as_ref()), true);
    described.put_set("read_only", Value::from(host.readonly_rootfs.unwrap_or(false)));
    described.put_set("sysctls", engine_map(host.sysctls.as_ref()));
}

/// Capabilities as records have them: engines of different age keep the prefix or not.
fn capabilities(names: Option<&Vec<String>>) -> Value {
    let names: Option<Vec<String>> = names.map(|names| names.iter().map(|name| capability(name)).collect());
    list_or_null(names.as_ref())
}

/// One capability in the one way that records have it.
pub(crate) fn capability(name: &str) -> String {
    let upper = name.to_ascii_uppercase();
    upper.strip_prefix("CAP_").unwrap_or(&upper).to_owned()
}
