//! What holds for every expression, tried on generated ones.

use deployctl_sdk::Value;
use proptest::prelude::*;

use super::tests::World;
use super::*;
use crate::diagnostic::FileId;

/// The text that must never get out from under its mark.
const SECRET: &str = "hunter2";

fn leaf() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        (-5_i64..50).prop_map(|n| n.to_string()),
        Just("\"a\"".to_owned()),
        Just("\"3\"".to_owned()),
        Just("[]".to_owned()),
        Just("{}".to_owned()),
        prop::sample::select(vec![
            "n",
            "s",
            "nothing",
            "unknown",
            "secret",
            "secret_list",
            "list",
            "names",
            "map",
            "mixed",
            "people",
            "nosuch",
        ])
        .prop_map(str::to_owned),
    ]
}

fn expression() -> impl Strategy<Value = String> {
    let names: Vec<&'static str> =
        functions().iter().map(|function| function.name).filter(|name| *name != "nonsensitive").collect();
    leaf().prop_recursive(5, 40, 4, move |inner| {
        let operator = prop::sample::select(vec!["+", "-", "*", "/", "%", "==", "!=", "<", ">=", "&&", "||"]);
        prop_oneof![
            (inner.clone(), operator, inner.clone()).prop_map(|(a, op, b)| format!("({a} {op} {b})")),
            (inner.clone(), inner.clone(), inner.clone()).prop_map(|(a, b, c)| format!("({a} ? {b} : {c})")),
            prop::collection::vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(", "))),
            (inner.clone(), inner.clone()).prop_map(|(k, v)| format!("{{a = {v}, ({k}) = {v}}}")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a})[{b}]")),
            inner.clone().prop_map(|a| format!("({a})[*].name")),
            inner.clone().prop_map(|a| format!("({a}).key")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("\"x${{{a}}}%{{ if {b} }}y%{{ endif }}\"")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("[for k, v in {a} : [k, v, {b}] if v != null]")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{{for k, v in {a} : \"${{v}}\" => {b}...}}")),
            inner.clone().prop_map(|a| format!("!({a})")),
            (prop::sample::select(names.clone()), prop::collection::vec(inner.clone(), 0..4), any::<bool>()).prop_map(
                |(name, args, expand)| {
                    let dots = if expand && !args.is_empty() { "..." } else { "" };
                    format!("{name}({}{dots})", args.join(", "))
                }
            ),
        ]
    })
}

/// Everything that may be shown of a value.
fn shown(value: &Value) -> String {
    format!("{value:?} {}", serde_json::to_string(value).unwrap_or_default())
}

/// Whether `known` is what `planned` said, where it said something.
fn keeps(planned: &Value, known: &Value) -> bool {
    match (planned.unmark().0, known.unmark().0) {
        (Value::Unknown, _) => true,
        (Value::List(a), Value::List(b)) => a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| keeps(a, b)),
        (Value::Map(a), Value::Map(b)) => {
            a.len() == b.len() && a.iter().zip(b.iter()).all(|((ka, a), (kb, b))| ka == kb && keeps(a, b))
        }
        (a, b) => a == b,
    }
}

fn known_later() -> Vec<Value> {
    vec![
        Value::Null,
        Value::Bool(true),
        Value::from(2),
        Value::from(""),
        Value::from("a"),
        Value::list([Value::from("b"), Value::list([])]),
        Value::map([("key", Value::from(1)), ("name", Value::from("x"))]),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(1_500), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn never_panics_and_is_deterministic(text in expression()) {
        let Ok(expr) = parse_expression(FileId(0), &text) else { return Ok(()) };
        let world = World::new();
        prop_assert_eq!(evaluate(&expr, &world), evaluate(&expr, &world));
    }

    /// What is derived from a secret differs when the secret does; whatever differs must be out of sight.
    #[test]
    fn nothing_sensitive_gets_out(text in expression()) {
        let Ok(expr) = parse_expression(FileId(0), &text) else { return Ok(()) };
        let world = World::new();
        let mut other = World::new();
        other.names.insert("secret".to_owned(), Value::from("3").into_sensitive());
        other.names.insert("secret_list".to_owned(), Value::list([Value::from("3")]).into_sensitive());
        let mut mixed = other.names["mixed"].as_map().cloned().unwrap_or_default();
        mixed.insert("key".into(), Value::from("3").into_sensitive());
        other.names.insert("mixed".to_owned(), Value::from(mixed));
        match (evaluate(&expr, &world), evaluate(&expr, &other)) {
            (Ok(one), Ok(two)) => {
                prop_assert!(!shown(&one).contains(SECRET), "{}: {}", text, shown(&one));
                prop_assert_eq!(shown(&one), shown(&two), "{}", text);
            }
            (Err(diagnostics), _) | (_, Err(diagnostics)) => {
                prop_assert!(!format!("{diagnostics:?}").contains(SECRET), "{}: {:?}", text, diagnostics);
            }
        }
    }

    /// What the plan showed as known stays known, whatever the unknown turns out to be.
    #[test]
    fn known_stays_known(text in expression(), later in prop::sample::select(known_later())) {
        let Ok(expr) = parse_expression(FileId(0), &text) else { return Ok(()) };
        let world = World::new();
        let mut after = World::new();
        after.names.insert("unknown".to_owned(), later.clone());
        let mut mixed = after.names["mixed"].as_map().cloned().unwrap_or_default();
        mixed.insert("later".into(), later);
        after.names.insert("mixed".to_owned(), Value::from(mixed));
        if let (Ok(planned), Ok(known)) = (evaluate(&expr, &world), evaluate(&expr, &after)) {
            prop_assert!(keeps(&planned, &known), "{}: planned {:?}, then {:?}", text, planned, known);
        }
    }
}
