//! Types that values are held to: of an attribute in a provider's schema, of a variable in a configuration.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::value::{AttrPath, Map, Number, Value};

/// What values an attribute or a variable takes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Type {
    /// Anything.
    Any,
    /// `true` or `false`; the strings "true" and "false" are converted.
    Bool,
    /// A number; a string that is one is converted.
    Number,
    /// Text; a number or bool is converted.
    String,
    /// A list whose items have one type.
    List(Box<Type>),
    /// A list without repetitions, kept in order.
    Set(Box<Type>),
    /// A map whose values have one type.
    Map(Box<Type>),
    /// A map with exactly these members.
    Object(BTreeMap<String, Field>),
    /// A list with exactly these items.
    Tuple(Vec<Type>),
}

/// A member of an object type.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Field {
    /// The type of the member.
    #[serde(rename = "type")]
    pub ty: Type,
    /// Whether the member may be left out; it is then `default`, or null.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub optional: bool,
    /// What stands in for a member left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
}

/// A value that does not fit a type.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{}", self.text())]
pub struct TypeMismatch {
    /// Where in the value, from its top.
    pub path: AttrPath,
    /// What the type asks for there.
    pub expected: String,
    /// What stands there.
    pub found: String,
}

impl TypeMismatch {
    fn text(&self) -> String {
        let place = if self.path.0.is_empty() { String::new() } else { format!(" at `{}`", self.path) };
        format!("expected {}{place}, found {}", self.expected, self.found)
    }
}

impl Type {
    /// The value as this type has it: strings, numbers and bools are converted into each other where that loses nothing,
    /// members left out are filled in, sets lose their repetitions. Null and unknown fit every type; marks stay.
    ///
    /// # Errors
    /// [`TypeMismatch`] names the first place that does not fit. It never shows the value itself, only its kind.
    pub fn convert(&self, value: &Value) -> Result<Value, TypeMismatch> {
        self.convert_at(value, &AttrPath::root())
    }

    fn convert_at(&self, value: &Value, path: &AttrPath) -> Result<Value, TypeMismatch> {
        let (plain, marked) = value.unmark();
        if matches!(plain, Value::Null | Value::Unknown) || matches!(self, Self::Any) {
            return Ok(value.clone());
        }
        let converted = match (self, plain) {
            (Self::Bool, Value::Bool(_)) | (Self::Number, Value::Number(_)) | (Self::String, Value::String(_)) => {
                plain.clone()
            }
            (Self::Bool, Value::String(text)) if &**text == "true" => Value::Bool(true),
            (Self::Bool, Value::String(text)) if &**text == "false" => Value::Bool(false),
            (Self::Number, Value::String(text)) => match Number::parse(text) {
                Ok(number) => Value::Number(number),
                Err(_) => return Err(self.mismatch(value, path)),
            },
            (Self::String, Value::Number(number)) => Value::from(number.to_string()),
            (Self::String, Value::Bool(value)) => Value::from(value.to_string()),
            (Self::List(item), Value::List(items)) => Value::from(convert_items(item, items, path)?),
            (Self::Set(item), Value::List(items)) => {
                let mut unique: Vec<Value> = Vec::with_capacity(items.len());
                for item in convert_items(item, items, path)? {
                    if item.contains_unknown() || !unique.iter().any(|other| other.same(&item)) {
                        unique.push(item);
                    }
                }
                Value::from(unique)
            }
            (Self::Map(member), Value::Map(members)) => {
                let mut converted = Map::new();
                for (key, value) in members.iter() {
                    converted.insert(key.clone(), member.convert_at(value, &path.key(key.clone()))?);
                }
                Value::from(converted)
            }
            (Self::Object(fields), Value::Map(members)) => self.convert_object(fields, members, path)?,
            (Self::Tuple(types), Value::List(items)) if types.len() == items.len() => {
                let items = types.iter().zip(items.iter()).enumerate();
                Value::from(items.map(|(index, (ty, item))| ty.convert_at(item, &path.index(index))).collect::<Result<
                    Vec<_>,
                    _,
                >>(
                )?)
            }
            _ => return Err(self.mismatch(value, path)),
        };
        Ok(converted.with_mark(marked))
    }

    fn convert_object(
        &self,
        fields: &BTreeMap<String, Field>,
        members: &Map,
        path: &AttrPath,
    ) -> Result<Value, TypeMismatch> {
        let mut converted = Map::new();
        for (name, field) in fields {
            let given = members.get(name.as_str()).filter(|value| !value.is_null());
            let value = match (given, &field.default) {
                (Some(value), _) => field.ty.convert_at(value, &path.key(name.as_str()))?,
                (None, Some(default)) => default.clone(),
                (None, None) if field.optional || members.contains_key(name.as_str()) => Value::Null,
                (None, None) => {
                    return Err(TypeMismatch {
                        path: path.clone(),
                        expected: format!("the member `{name}`, {}", field.ty.described()),
                        found: "a map without it".to_owned(),
                    });
                }
            };
            converted.insert(Arc::from(name.as_str()), value);
        }
        Ok(Value::from(converted))
    }

    fn mismatch(&self, value: &Value, path: &AttrPath) -> TypeMismatch {
        TypeMismatch { path: path.clone(), expected: self.described(), found: value.kind().to_owned() }
    }

    /// The type in a sentence: `a string`, `a list of numbers`.
    pub fn described(&self) -> String {
        match self {
            Self::Any => "any value".to_owned(),
            Self::Bool => "a bool".to_owned(),
            Self::Number => "a number".to_owned(),
            Self::String => "a string".to_owned(),
            other => format!("a {other}"),
        }
    }
}

fn convert_items(ty: &Type, items: &[Value], path: &AttrPath) -> Result<Vec<Value>, TypeMismatch> {
    items.iter().enumerate().map(|(index, item)| ty.convert_at(item, &path.index(index))).collect()
}

impl fmt::Display for Type {
    /// The type as a configuration writes it: `list(string)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any"),
            Self::Bool => f.write_str("bool"),
            Self::Number => f.write_str("number"),
            Self::String => f.write_str("string"),
            Self::List(item) => write!(f, "list({item})"),
            Self::Set(item) => write!(f, "set({item})"),
            Self::Map(member) => write!(f, "map({member})"),
            Self::Object(fields) => {
                f.write_str("object({")?;
                for (position, (name, field)) in fields.iter().enumerate() {
                    let separator = if position == 0 { " " } else { ", " };
                    match field.optional {
                        true => write!(f, "{separator}{name} = optional({})", field.ty)?,
                        false => write!(f, "{separator}{name} = {}", field.ty)?,
                    }
                }
                f.write_str(if fields.is_empty() { "})" } else { " })" })
            }
            Self::Tuple(items) => {
                f.write_str("tuple([")?;
                for (position, item) in items.iter().enumerate() {
                    write!(f, "{}{item}", if position == 0 { "" } else { ", " })?;
                }
                f.write_str("])")
            }
        }
    }
}
