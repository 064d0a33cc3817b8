//! The form in which values rest: JSON that reads back as exactly the same value.
//!
//! Plain values are plain JSON. What JSON has no word for is a map with one key that begins with `$`: `$unknown`,
//! `$number` (digits JSON readers would round), `$sensitive` (the text that the caller's [`Seal`] made of the inner
//! value's own tagged form), `$withheld` (the keyed digest of a secret that is not kept), `$map` (a map with keys that begin with `$`) and `$nested` (a value that lies so deep that
//! JSON readers would refuse it, as the text of its tagged form). This module decides *where* a seal goes, never how one
//! is made. Both ways are streams: no tree of JSON stands between the value and the bytes.

use std::fmt;
use std::sync::Arc;

use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::ser::{Error as _, SerializeMap as _, SerializeSeq as _};
use serde::{Deserializer, Serialize, Serializer};

use super::{Map, Number, Value, Withheld};

/// The levels after which a value goes on as a text of its own; JSON readers stop at 128, and a document has some already.
const LEVELS_PER_TEXT: usize = 48;

/// The most levels that a value may have. A value so deep is an accident, and reading it back would exhaust the stack.
pub const MAX_LEVELS: usize = 480;

/// Why a sensitive value could not be sealed or opened.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub struct SealError(pub String);

/// Makes sensitive values fit to rest, and undoes it.
pub trait Seal {
    /// Turns bytes into a text that may lie on a disk.
    ///
    /// # Errors
    /// [`SealError`] when there is no key.
    fn seal(&self, plain: &[u8]) -> Result<String, SealError>;

    /// Turns such a text into the bytes again.
    ///
    /// # Errors
    /// [`SealError`] without the key, with another key, or for a damaged text.
    fn open(&self, sealed: &str) -> Result<Vec<u8>, SealError>;

    /// The keyed digest that is to rest in place of a text, if the text must not rest at all, not even sealed; `sensitive`
    /// says whether it stands under a sensitive mark.
    fn withhold(&self, text: &str, sensitive: bool) -> Option<String> {
        let _ = (text, sensitive);
        None
    }

    /// What stands for the text of which [`Seal::withhold`] made this digest.
    ///
    /// # Errors
    /// [`SealError`] without the key.
    fn recall(&self, digest: &str) -> Result<Withheld, SealError> {
        let _ = digest;
        Err(SealError("there is no data key to compare it by".to_owned()))
    }
}

/// No seal at all: for what is sealed as a whole afterwards.
#[derive(Debug, Clone, Copy)]
pub struct Clear;

impl Seal for Clear {
    fn seal(&self, plain: &[u8]) -> Result<String, SealError> {
        String::from_utf8(plain.to_vec()).map_err(|_| SealError("not a text".to_owned()))
    }

    fn open(&self, sealed: &str) -> Result<Vec<u8>, SealError> {
        Ok(sealed.as_bytes().to_vec())
    }
}

/// A value to be written in the form in which it rests.
#[derive(Clone, Copy)]
pub struct Tagged<'v> {
    value: &'v Value,
    seal: &'v dyn Seal,
    level: usize,
    sensitive: bool,
}

impl<'v> Tagged<'v> {
    /// The value, with what is sensitive in it sealed.
    pub fn new(value: &'v Value, seal: &'v dyn Seal) -> Self {
        Self { value, seal, level: 0, sensitive: false }
    }

    fn below(&self, value: &'v Value) -> Self {
        Self { value, level: self.level + 1, ..*self }
    }

    /// The digest that stands in place of a text that must not rest.
    fn withheld(&self) -> Option<String> {
        match self.value {
            Value::String(text) => self.seal.withhold(text, self.sensitive),
            Value::Number(number) if self.sensitive => self.seal.withhold(&number.to_string(), true),
            _ => None,
        }
    }

    fn text(&self) -> Result<Vec<u8>, String> {
        serde_json::to_vec(self).map_err(|error| error.to_string())
    }

    fn members<S: Serializer>(&self, members: &'v Map, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(members.len()))?;
        for (key, member) in members {
            map.serialize_entry(&**key, &self.below(member))?;
        }
        map.end()
    }
}

impl Serialize for Tagged<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let nested = matches!(self.value, Value::List(_) | Value::Map(_) | Value::Sensitive(_));
        if nested && self.level > MAX_LEVELS {
            return Err(S::Error::custom(format!("a value has more than {MAX_LEVELS} levels")));
        }
        if nested && self.level % LEVELS_PER_TEXT == LEVELS_PER_TEXT - 1 {
            let text = Tagged { level: self.level + 1, ..*self }.text().map_err(S::Error::custom)?;
            let text = String::from_utf8(text).map_err(S::Error::custom)?;
            return tag(serializer, "$nested", &text);
        }
        if let Some(digest) = self.withheld() {
            return tag(serializer, "$withheld", &digest);
        }
        match self.value {
            Value::Null => serializer.serialize_unit(),
            Value::Bool(value) => serializer.serialize_bool(*value),
            Value::Withheld(withheld) => tag(serializer, "$withheld", withheld.digest()),
            Value::Number(number) => match number.to_i64() {
                Some(int) => serializer.serialize_i64(int),
                None => tag(serializer, "$number", &number.to_string()),
            },
            Value::String(text) => serializer.serialize_str(text),
            Value::List(items) => {
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                for item in items.iter() {
                    list.serialize_element(&self.below(item))?;
                }
                list.end()
            }
            Value::Map(members) if members.keys().any(|key| key.starts_with('$')) => {
                tag(serializer, "$map", &Members(*self, members))
            }
            Value::Map(members) => self.members(members, serializer),
            Value::Unknown => tag(serializer, "$unknown", &true),
            Value::Sensitive(inner) => {
                // Sealed text is read by a reader of its own, so the levels within one text are counted anew; the bound
                // on all of them is not.
                let level = (self.level / LEVELS_PER_TEXT + 1) * LEVELS_PER_TEXT;
                let plain =
                    Tagged { value: inner, level, sensitive: true, ..*self }.text().map_err(S::Error::custom)?;
                tag(serializer, "$sensitive", &self.seal.seal(&plain).map_err(S::Error::custom)?)
            }
        }
    }
}

/// The members of a map, without the look at their keys.
struct Members<'v>(Tagged<'v>, &'v Map);

impl Serialize for Members<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.members(self.1, serializer)
    }
}

fn tag<S: Serializer>(serializer: S, name: &str, content: &(impl Serialize + ?Sized)) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(1))?;
    map.serialize_entry(name, content)?;
    map.end()
}

/// Reads a value in the form in which it rests.
#[derive(Clone, Copy)]
pub struct TaggedSeed<'s> {
    seal: &'s dyn Seal,
    level: usize,
}

impl<'s> TaggedSeed<'s> {
    /// Reads with what is sensitive opened by `seal`.
    pub fn new(seal: &'s dyn Seal) -> Self {
        Self { seal, level: 0 }
    }

    /// Reads a whole text.
    ///
    /// # Errors
    /// What is wrong with the text, or what the seal answers.
    pub fn read(self, text: &[u8]) -> Result<Value, serde_json::Error> {
        let mut deserializer = serde_json::Deserializer::from_slice(text);
        let value = self.deserialize(&mut deserializer)?;
        deserializer.end()?;
        Ok(value)
    }

    fn below(self) -> Self {
        Self { level: self.level + 1, ..self }
    }

    fn members<'de, A: MapAccess<'de>>(self, first: Option<Arc<str>>, mut access: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        let mut next = first;
        while let Some(key) = next {
            let member = access.next_value_seed(self.below())?;
            if members.insert(key, member).is_some() {
                return Err(A::Error::custom("a key stands twice"));
            }
            next = access.next_key_seed(Key)?;
        }
        Ok(Value::from(members))
    }

    fn tagged<'de, A: MapAccess<'de>>(self, name: &str, mut access: A) -> Result<Value, A::Error> {
        let value = match name {
            "$unknown" if access.next_value::<bool>()? => Value::Unknown,
            "$number" => {
                let digits = access.next_value::<String>()?;
                Value::Number(Number::parse(&digits).map_err(A::Error::custom)?)
            }
            "$sensitive" => {
                let plain = self.seal.open(&access.next_value::<String>()?).map_err(A::Error::custom)?;
                // The reader's own words could quote the secret.
                let inner = self.next_text().read(&plain);
                inner.map_err(|_| A::Error::custom("what was sealed is not a value"))?.into_sensitive()
            }
            "$nested" => {
                let text = access.next_value::<String>()?;
                self.next_text().read(text.as_bytes()).map_err(A::Error::custom)?
            }
            "$withheld" => {
                let withheld = self.seal.recall(&access.next_value::<String>()?).map_err(A::Error::custom)?;
                Value::Withheld(withheld).into_sensitive()
            }
            "$map" => access.next_value_seed(TaggedMembers(self))?,
            _ => return Err(A::Error::custom(format!("unreadable value tag {name:?}"))),
        };
        match access.next_key::<IgnoredAny>()? {
            None => Ok(value),
            Some(_) => Err(A::Error::custom(format!("the value tag {name:?} is not alone"))),
        }
    }

    fn next_text(self) -> Self {
        Self { level: (self.level / LEVELS_PER_TEXT + 1) * LEVELS_PER_TEXT, ..self }
    }
}

impl<'de> DeserializeSeed<'de> for TaggedSeed<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        if self.level > MAX_LEVELS + LEVELS_PER_TEXT {
            return Err(D::Error::custom(format!("a value has more than {MAX_LEVELS} levels")));
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for TaggedSeed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
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

    fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<Value, E> {
        Err(E::custom("a number with a fraction must be written as `$number`, where it is not rounded"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element_seed(self.below())? {
            items.push(item);
        }
        Ok(Value::from(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        match access.next_key_seed(Key)? {
            Some(name) if name.starts_with('$') => self.tagged(&name, access),
            first => self.members(first, access),
        }
    }
}

/// Reads the members of a map whose keys may begin with `$`.
struct TaggedMembers<'s>(TaggedSeed<'s>);

impl<'de> DeserializeSeed<'de> for TaggedMembers<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for TaggedMembers<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let first = access.next_key_seed(Key)?;
        self.0.members(first, access)
    }
}

/// Reads a key without an owned text in between.
struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Arc<str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Arc<str>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key {
    type Value = Arc<str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Arc<str>, E> {
        Ok(Arc::from(key))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Not a seal: it only hides the text from a plain search.
    struct Backwards;

    impl Seal for Backwards {
        fn seal(&self, plain: &[u8]) -> Result<String, SealError> {
            Ok(plain.iter().rev().map(|byte| format!("{byte:02x}")).collect())
        }

        fn open(&self, sealed: &str) -> Result<Vec<u8>, SealError> {
            let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
            Ok(sealed.as_bytes().chunks(2).rev().map(byte).collect())
        }
    }

    fn there_and_back(value: &Value) -> (String, Value) {
        let written = serde_json::to_string(&Tagged::new(value, &Backwards)).unwrap();
        let read = TaggedSeed::new(&Backwards).read(written.as_bytes()).unwrap();
        (written, read)
    }

    #[test]
    fn what_is_written_reads_back() {
        let value = Value::map([
            ("big", Value::Number(Number::parse("123456789012345678901234567890.5").unwrap())),
            ("fraction", Value::Number(Number::parse("0.1").unwrap())),
            ("secret", Value::map([("inner", Value::from("hunter2"))]).into_sensitive()),
            ("later", Value::Unknown),
            ("dollar", Value::map([("$unknown", Value::Bool(true))])),
            ("list", Value::list([Value::from(1), Value::Null, Value::from("x")])),
        ]);
        let (written, read) = there_and_back(&value);
        assert!(!written.contains("hunter2"));
        assert_eq!(read, value);
    }

    #[test]
    fn depth_is_no_obstacle_up_to_the_bound() {
        for levels in [1, 47, 48, 49, 96, 130, 400] {
            let value = (0..levels).fold(Value::from("x"), |value, level| match level % 3 {
                0 => Value::list([value]),
                1 => Value::map([("$k", value)]),
                _ => Value::map([("k", value)]),
            });
            assert_eq!(there_and_back(&value).1, value, "{levels}");
        }
        let too_deep = (0..600).fold(Value::Null, |value, _| Value::list([value]));
        let error = serde_json::to_string(&Tagged::new(&too_deep, &Backwards)).unwrap_err();
        assert!(error.to_string().contains("levels"), "{error}");
    }

    #[test]
    fn what_was_never_written_is_refused() {
        for text in [
            r#"{"$unknown":false}"#,
            r#"{"$unknown":true,"a":1}"#,
            r#"{"$new":1}"#,
            r#"{"$number":"x"}"#,
            r#"{"a":1,"a":2}"#,
            "0.5",
            "1 2",
        ] {
            assert!(TaggedSeed::new(&Backwards).read(text.as_bytes()).is_err(), "{text}");
        }
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            Just(Value::Unknown),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "-?[1-9][0-9]{0,30}\\.[0-9]{1,5}".prop_map(|digits| Value::Number(Number::parse(&digits).unwrap())),
            ".*".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::btree_map("[$a-z]{0,3}", inner.clone(), 0..5).prop_map(Value::map),
                inner.prop_map(Value::into_sensitive),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_value_reads_back(value in values()) {
            prop_assert_eq!(there_and_back(&value).1, value);
        }
    }
}
