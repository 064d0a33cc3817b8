//! What happened and how things are, as tables.

use deployctl_sdk::ChildObject;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::table::{Cell, table};
use super::time::{since, when};
use super::{Look, Paint};

/// One run that changed something.
#[derive(Debug, Clone, Serialize)]
pub struct Run {
    /// The state's serial after it.
    pub serial: u64,
    /// When.
    pub at: Timestamp,
    /// Who and where: `ana@ci`.
    pub who: String,
    /// What: `apply plan 3f9a-77c2`.
    pub what: String,
    /// How it ended.
    pub result: String,
}

/// How one resource is.
#[derive(Debug, Clone, Serialize)]
pub struct Condition {
    /// Where.
    pub address: String,
    /// Whether it is there, and in what shape, in a word or two.
    pub state: String,
    /// How its health is; `–` where there is none to ask for, null in documents.
    #[serde(serialize_with = "health")]
    pub health: String,
    /// Since when it is so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// More, in a few words.
    pub detail: String,
    /// Whether all is well.
    pub ok: bool,
    /// Its parts, where it has any.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<ChildObject>,
}

/// What stands for the health of what has none.
pub const NO_HEALTH: &str = "–";

fn health<S: serde::Serializer>(health: &str, serializer: S) -> Result<S::Ok, S::Error> {
    Some(health).filter(|word| *word != NO_HEALTH).serialize(serializer)
}

/// The runs, the latest first.
pub fn runs(runs: &[Run], look: Look, now: Timestamp, zone: &TimeZone) -> String {
    let row = |run: &Run| -> [Cell; 5] {
        let paint = if run.result.starts_with("ok") { Paint::Green } else { Paint::Red };
        [
            run.serial.to_string().into(),
            when(run.at, now, zone).into(),
            super::text::clean(&run.who).into(),
            super::text::clean(&run.what).into(),
            Cell::painted(super::text::clean(&run.result), paint),
        ]
    };
    table(["SERIAL", "WHEN", "WHO", "WHAT", "RESULT"], &runs.iter().map(row).collect::<Vec<_>>(), look)
}

/// So many parts of one resource are shown where nobody asked for that resource.
const PARTS: usize = 10;

/// How everything is, with the parts of what has some: all of them, or the first few.
pub fn conditions(conditions: &[Condition], all_parts: bool, look: Look, now: Timestamp) -> String {
    let row = |condition: &Condition| -> [Cell; 5] {
        let paint = if condition.ok { Paint::Green } else { Paint::Red };
        [
            condition.address.as_str().into(),
            Cell::painted(super::text::clean(&condition.state), paint),
            super::text::clean(&condition.health).into(),
            condition.since.map(|then| since(then, now)).unwrap_or_default().into(),
            super::text::clean(&condition.detail).into(),
        ]
    };
    let part = |part: &ChildObject| -> [Cell; 5] {
        let called = format!("  {} {}", super::text::clean(&part.kind), super::text::clean(&part.name));
        [called.into(), "".into(), "".into(), "".into(), super::text::clean(&part.state).into()]
    };
    let mut rows = Vec::new();
    for condition in conditions {
        rows.push(row(condition));
        let shown = if all_parts { condition.parts.len() } else { PARTS };
        rows.extend(condition.parts.iter().take(shown).map(part));
        if condition.parts.len() > shown {
            let more = format!("  … and {} more: name the resource", condition.parts.len() - shown);
            rows.push([more.into(), "".into(), "".into(), "".into(), "".into()]);
        }
    }
    table(["RESOURCE", "STATE", "HEALTH", "SINCE", "DETAIL"], &rows, look)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_and_conditions_as_tables() {
        let now: Timestamp = "2026-03-02T11:00:00Z".parse().unwrap();
        let run = |serial, at: &str, who: &str, what: &str, result: &str| Run {
            serial,
            at: at.parse().unwrap(),
            who: who.into(),
            what: what.into(),
            result: result.into(),
        };
        let all = [
            run(13, "2026-03-02T10:41:00Z", "ana@ci", "apply plan 3f9a-77c2", "failed: docker_container.api"),
            run(12, "2026-03-01T17:02:00Z", "ben@laptop", "rollback to 9", "ok, 3 updated"),
        ];
        let condition = |address: &str, state: &str, health: &str, detail: &str| Condition {
            address: address.into(),
            state: state.into(),
            health: health.into(),
            since: Some("2026-03-02T10:56:00Z".parse().unwrap()),
            detail: detail.into(),
            ok: true,
            parts: Vec::new(),
        };
        let how = [
            condition("docker_container.api", "running", "healthy", "127.0.0.1:8080"),
            condition("local_process.worker", "running", "–", "pid 4121, 0 restarts"),
        ];
        let text = format!(
            "{}\n{}",
            runs(&all, Look::plain(), now, &TimeZone::UTC),
            conditions(&how, false, Look::plain(), now)
        );
        insta::assert_snapshot!(text);
        let part = |number: usize| ChildObject {
            kind: "ConfigMap".into(),
            name: format!("shop/map-{number}"),
            state: "ready".into(),
        };
        let [api, _] = how;
        let many = [Condition { parts: (0..12).map(part).collect(), ..api }];
        let few = conditions(&many, false, Look::plain(), now);
        assert!(few.ends_with("  … and 2 more: name the resource\n"), "{few}");
        assert!(few.contains("\n  ConfigMap shop/map-9    "), "{few}");
        assert_eq!(conditions(&many, true, Look::plain(), now).lines().count(), 14);
    }
}
