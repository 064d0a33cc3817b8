//! Every way a value turns into text or JSON by itself: all of them keep what is sensitive to themselves.

use std::fmt;
use std::sync::Arc;

use serde::de::{Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Map, Number, Value};

/// What stands in place of a sensitive value.
pub const SENSITIVE_TEXT: &str = "(sensitive value)";

/// What stands in place of a value that is known only after apply.
pub const UNKNOWN_TEXT: &str = "(known after apply)";

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Number(number) => write!(f, "{number}"),
            Self::String(text) => write!(f, "{text:?}"),
            Self::List(items) => f.debug_list().entries(items.iter()).finish(),
            Self::Map(members) => f.debug_map().entries(members.iter()).finish(),
            Self::Unknown => f.write_str(UNKNOWN_TEXT),
            Self::Sensitive(_) | Self::Withheld(_) => f.write_str(SENSITIVE_TEXT),
        }
    }
}

impl Serialize for Value {
    /// For documents that people and programs read: what is sensitive or unknown is replaced by its text. The state, which
    /// must read its values back, uses [`Tagged`](super::Tagged) instead.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Number(number) => number.serialize(serializer),
            Self::String(text) => serializer.serialize_str(text),
            Self::List(items) => serializer.collect_seq(items.iter()),
            Self::Map(members) => serializer.collect_map(members.iter()),
            Self::Unknown => serializer.serialize_str(UNKNOWN_TEXT),
            Self::Sensitive(_) => serializer.serialize_str(SENSITIVE_TEXT),
            // Whoever takes the mark off wants to hand the value on, and it is not there.
            Self::Withheld(_) => Err(serde::ser::Error::custom("a secret that is not kept cannot be handed on")),
        }
    }
}

impl Serialize for Number {
    /// As a JSON number where JSON's readers keep it exactly (64-bit whole numbers, short decimals), as text otherwise.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.as_json() {
            serde_json::Value::Number(number) => number.serialize(serializer),
            _ => serializer.collect_str(self),
        }
    }
}

impl Number {
    /// The number as a JSON number where that is exact, otherwise as a JSON string of its digits.
    pub fn as_json(&self) -> serde_json::Value {
        if let Some(int) = self.to_i64() {
            return int.into();
        }
        let text = self.to_string();
        if let Ok(int) = text.parse::<u64>() {
            return int.into();
        }
        let float = self.to_f64();
        match Number::from_f64(float) {
            Ok(back) if back == *self => float.into(),
            _ => text.into(),
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Plain)
    }
}

/// Reads plain JSON (or YAML) into a value.
struct Plain;

impl<'de> Visitor<'de> for Plain {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        Value::deserialize(deserializer)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(Number::from(value)))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        // A whole number past 64 bits has already been rounded by the reader; saying so beats a quietly different value.
        if value.fract() == 0.0 && value.abs() >= 18_446_744_073_709_551_615.0 {
            return Err(E::custom("a number is too large to be read exactly; write it as a string"));
        }
        Number::from_f64(value).map(Value::Number).map_err(E::custom)
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Value::from(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some(key) = access.next_key::<MapKey>()? {
            if members.insert(key.0.clone(), access.next_value()?).is_some() {
                return Err(A::Error::custom(format!("the key {:?} stands twice", key.0)));
            }
        }
        Ok(Value::from(members))
    }
}

/// A key of a map; YAML allows numbers and bools there, which become text.
struct MapKey(Arc<str>);

impl<'de> Deserialize<'de> for MapKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::String(text) => Ok(Self(text)),
            Value::Number(number) => Ok(Self(number.to_string().into())),
            Value::Bool(value) => Ok(Self(value.to_string().into())),
            Value::Null => Ok(Self("null".into())),
            _ => Err(D::Error::custom("a map's key must be a string")),
        }
    }
}
