//! Properties of values, numbers, types and diffs that hold for any of them, not only for examples.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;

use deployctl_sdk::{Address, Field, InstanceKey, Number, Type, Value, diff, patch};
use proptest::prelude::*;

const PLANTED: &str = "planted-secret";

fn text() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), "[a-z]{1,6}", ".{0,8}", Just("$unknown".to_owned()), Just("12".to_owned())]
}

fn number() -> impl Strategy<Value = Number> {
    prop_oneof![
        any::<i64>().prop_map(Number::from),
        any::<u64>().prop_map(Number::from),
        "-?[1-9][0-9]{0,30}\\.[0-9]{1,30}".prop_map(|digits| Number::parse(&digits).unwrap()),
        (-1000..1000_i64).prop_map(Number::from),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        Just(Value::Unknown),
        any::<bool>().prop_map(Value::from),
        number().prop_map(Value::from),
        text().prop_map(Value::from),
        Just(Value::from(PLANTED).into_sensitive()),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(text(), inner.clone(), 0..5).prop_map(Value::map),
            inner.prop_map(Value::into_sensitive),
        ]
    })
}

fn ty() -> impl Strategy<Value = Type> {
    let leaf = prop_oneof![Just(Type::Any), Just(Type::Bool), Just(Type::Number), Just(Type::String)];
    leaf.prop_recursive(3, 20, 4, |inner| {
        prop_oneof![
            inner.clone().prop_map(|item| Type::List(Box::new(item))),
            inner.clone().prop_map(|item| Type::Set(Box::new(item))),
            inner.clone().prop_map(|item| Type::Map(Box::new(item))),
            prop::collection::vec(inner.clone(), 0..4).prop_map(Type::Tuple),
            prop::collection::btree_map("[a-c]", (inner, any::<bool>()), 0..3).prop_map(|fields| {
                let field = |(ty, optional)| Field { ty, optional, default: None };
                Type::Object(fields.into_iter().map(|(name, made)| (name, field(made))).collect::<BTreeMap<_, _>>())
            }),
        ]
    })
}

proptest! {
    #[test]
    fn a_patch_undoes_a_diff(before in value(), after in value()) {
        let differences = diff(&before, &after);
        prop_assert_eq!(patch(&before, &differences), after.clone());
        prop_assert_eq!(differences.is_empty(), before == after);
        for difference in &differences {
            prop_assert_eq!(difference.path.look_up(&after).cloned(), difference.after.clone());
        }
    }

    #[test]
    fn nothing_shows_what_is_sensitive(value in value()) {
        let shown = format!("{value:?} {}", serde_json::to_string(&value).unwrap());
        prop_assert!(!shown.contains(PLANTED));
        let differences = format!("{:?}", diff(&Value::Null, &value));
        prop_assert!(!differences.contains(PLANTED));
    }

    #[test]
    fn marks_change_no_value(value in value()) {
        prop_assert!(value.same(&value.clone().into_sensitive()));
        prop_assert!(!value.reveal().contains_sensitive());
        prop_assert_eq!(value.clone().into_sensitive().into_sensitive(), value.into_sensitive());
    }

    #[test]
    fn conversion_settles(value in value(), ty in ty()) {
        match ty.convert(&value) {
            Ok(converted) => {
                prop_assert_eq!(ty.convert(&converted), Ok(converted.clone()), "converting twice is not once");
                prop_assert!(!value.unmark().1 || converted.unmark().1, "a mark was lost on the way");
            }
            Err(mismatch) => prop_assert!(!mismatch.to_string().contains(PLANTED)),
        }
    }

    #[test]
    fn numbers_read_back(number in number()) {
        prop_assert_eq!(Number::parse(&number.to_string()), Ok(number));
    }

    #[test]
    fn arithmetic_ends_with_a_number_or_a_reason(a in number(), b in number()) {
        if let Ok(sum) = a.add(&b) {
            prop_assert_eq!(sum.subtract(&b), Ok(a.clone()));
        }
        let _ = (a.multiply(&b), a.floor(), a.ceil());
        if let (Ok(quotient), Ok(remainder)) = (a.divide(&b), a.remainder(&b)) {
            prop_assert!(remainder.is_integer() || !a.is_integer() || !b.is_integer());
            let _ = quotient.to_f64();
        }
    }

    #[test]
    fn any_text_is_a_number_or_is_not(text in "[-+0-9.eE]{0,12}") {
        if let Ok(number) = Number::parse(&text) {
            prop_assert_eq!(Number::parse(&number.to_string()), Ok(number));
        }
    }

    #[test]
    fn addresses_read_back(name in "[a-z_][a-z0-9_-]{0,8}", key in prop::option::of(".{0,10}"), index in any::<u64>()) {
        let plain = Address::new("value", name.as_str());
        let keyed = key.map_or(InstanceKey::Index(index), |key| InstanceKey::Key(key.into()));
        for address in [plain.clone(), plain.with_key(Some(keyed))] {
            prop_assert_eq!(address.to_string().parse::<Address>(), Ok(address.clone()));
            prop_assert!(plain.covers(&address));
        }
    }

    #[test]
    fn no_text_as_an_address_is_too_much(text in ".{0,40}") {
        if let Ok(address) = text.parse::<Address>() {
            prop_assert_eq!(address.to_string().parse::<Address>(), Ok(address));
        }
    }
}
