//! Where the engine keeps what the container writes to its standard streams.

use std::collections::HashMap;

use bollard::models::HostConfigLogConfig;
use deployctl_sdk::{Attribute, Nesting, Type, Value};

use super::{Described, Draft, Facts, map_of_texts};
use crate::attributes::{engine_map, text, text_or_null};
use crate::container::values::pairs;

pub(crate) fn attributes() -> Vec<Attribute> {
    vec![
        Attribute::block(
            "log",
            Nesting::Single,
            vec![
                Attribute::optional("driver", Type::String, "`json-file`, `local`, `journald`, `none`, …; the engine's without it."),
                Attribute::optional("options", map_of_texts(), "Options of the driver: `max-size`, `max-file`, …."),
            ],
            "Where the engine keeps its output. `deployctl logs` can show what `json-file`, `local` and `journald` keep.",
        )
        .replaces(),
    ]
}

pub(crate) fn request(config: &Value, draft: &mut Draft) {
    let Some(block) = config.get("log") else { return };
    draft.host.log_config = Some(HostConfigLogConfig { typ: text(block, "driver"), config: pairs(block, "options") });
}

pub(crate) fn describe(facts: &Facts<'_>, described: &mut Described) {
    let Some(log) = &facts.host.log_config else { return };
    let plain = log.config.as_ref().is_none_or(HashMap::is_empty);
    let block =
        Value::map([("driver", text_or_null(log.typ.as_deref())), ("options", engine_map(log.config.as_ref()))]);
    described.put("log", block, plain && matches!(log.typ.as_deref(), Some("json-file" | "local")));
}
