//! JSON to documents: one, or several one after the other.

use std::fmt;

use deployctl_sdk::ProviderError;
use serde::de::{Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::complaint::Source;
use super::node::{At, Entry, Kind, Node};
use super::scalar;

/// The documents of a text, without the empty ones. JSON's reader keeps no places, so each part has its document's.
pub(super) fn documents(source: &Source<'_>) -> Result<Vec<Node>, ProviderError> {
    let mut stream = serde_json::Deserializer::from_str(source.text).into_iter::<Read>();
    let mut documents = Vec::new();
    loop {
        let begun = source.text.len() - source.text[stream.byte_offset()..].trim_start().len();
        match stream.next() {
            None => return Ok(documents),
            Some(Ok(Read(kind))) => {
                let node = Node { at: At::new(&(begun..begun + 1)), kind };
                if !node.is_null() {
                    documents.push(node);
                }
            }
            Some(Err(error)) => {
                let at = offset(source.text, error.line(), error.column());
                let said = error.to_string();
                let said = said.rsplit_once(" at line ").map_or(&*said, |(said, _)| said);
                return Err(source.complaint(&(at..at + 1), &format!("this is not JSON: {said}"), "here"));
            }
        }
    }
}

/// The place in bytes of a line and a column, both counted from 1, the column in bytes.
fn offset(text: &str, line: usize, column: usize) -> usize {
    let before: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    (before + column.saturating_sub(1)).min(text.len())
}

struct Read(Kind);

impl<'de> Deserialize<'de> for Read {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader).map(Self)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Kind;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Kind, E> {
        Ok(Kind::Scalar(Value::Null))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Kind, E> {
        Ok(Kind::Scalar(Value::Bool(value)))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Kind, E> {
        Ok(Kind::Scalar(Value::from(value)))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Kind, E> {
        Ok(Kind::Scalar(Value::from(value)))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Kind, E> {
        scalar::from_float(value).map(Kind::Scalar).ok_or_else(|| E::custom("a number that is too large"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Kind, E> {
        Ok(Kind::Scalar(Value::from(value)))
    }

    fn visit_string<E>(self, value: String) -> Result<Kind, E> {
        Ok(Kind::Scalar(Value::from(value)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Kind, A::Error> {
        let mut items = Vec::new();
        while let Some(Read(kind)) = access.next_element()? {
            items.push(Node { at: At::default(), kind });
        }
        Ok(Kind::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Kind, A::Error> {
        let (mut entries, mut keys) = (Vec::new(), std::collections::HashSet::new());
        while let Some(key) = access.next_key::<String>()? {
            if !keys.insert(key.clone()) {
                return Err(A::Error::custom(format_args!("`{key}` stands a second time in one map")));
            }
            let Read(kind) = access.next_value()?;
            entries.push(Entry { key, at: At::default(), value: Node { at: At::default(), kind } });
        }
        Ok(Kind::Map(entries))
    }
}
