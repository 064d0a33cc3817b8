//! How the engine finds out whether the container works.

use bollard::models::HealthConfig;
use deployctl_sdk::{Attribute, Nesting, Type, Value};

use super::{Described, Draft, Facts, list_of_texts};
use crate::attributes::{text, truth};
use crate::container::units::{parse_time, show_time};
use crate::container::values::{list_or_null, number, number_or_null, texts};

/// Members of the block that hold a length of time.
pub(crate) const TIMES: &[&str] = &["interval", "timeout", "start_period", "start_interval"];

pub(crate) fn attributes() -> Vec<Attribute> {
    vec![
        Attribute::block(
            "healthcheck",
            Nesting::Single,
            vec![
                Attribute::optional(
                    "test",
                    list_of_texts(),
                    "The check: `[\"CMD\", \"program\", …]` without a shell, or `[\"CMD-SHELL\", \"line\"]`; the image's \
                     without it.",
                ),
                Attribute::optional("interval", Type::String, "The time between checks; the engine's `30s` without it."),
                Attribute::optional("timeout", Type::String, "How long a check may take; the engine's `30s` without it."),
                Attribute::optional("retries", Type::Number, "How many failures in a row make it unhealthy; the engine's 3 without it."),
                Attribute::optional("start_period", Type::String, "How long failures do not count after the start."),
                Attribute::optional(
                    "start_interval",
                    Type::String,
                    "The time between checks in the start period. It takes version 1.44 of the API.",
                ),
                Attribute::optional("disable", Type::Bool, "Whether the image's check is not made.").with_default(false),
            ],
            "How the engine finds out whether it works; the image's check without it. A replacement that makes the new one \
             first waits for it.",
        )
        .replaces(),
    ]
}

pub(crate) fn request(config: &Value, draft: &mut Draft) {
    let Some(block) = config.get("healthcheck") else { return };
    let time = |name: &str| text(block, name).and_then(|text| parse_time(&text));
    let test = if truth(block, "disable") { Some(vec!["NONE".to_owned()]) } else { texts(block, "test") };
    draft.body.healthcheck = Some(HealthConfig {
        test,
        interval: time("interval"),
        timeout: time("timeout"),
        retries: number(block, "retries"),
        start_period: time("start_period"),
        start_interval: time("start_interval"),
    });
}

pub(crate) fn describe(facts: &Facts<'_>, described: &mut Described) {
    let Some(check) = &facts.config.healthcheck else { return };
    described.put("healthcheck", block(check), Some(check) == facts.image.healthcheck.as_ref());
}

fn block(check: &HealthConfig) -> Value {
    let time =
        |value: Option<i64>| value.filter(|time| *time != 0).map_or(Value::Null, |time| Value::from(show_time(time)));
    let disabled = check.test.as_ref().is_some_and(|test| *test == ["NONE"]);
    let test = if disabled { Value::Null } else { list_or_null(check.test.as_ref()) };
    Value::map([
        ("test", test),
        ("interval", time(check.interval)),
        ("timeout", time(check.timeout)),
        ("retries", number_or_null(check.retries, &[0])),
        ("start_period", time(check.start_period)),
        ("start_interval", time(check.start_interval)),
        ("disable", Value::from(disabled)),
    ])
}
