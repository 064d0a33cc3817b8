//! Type constraints: `string`, `list(number)`, `object({ a = optional(string, "x") })`.

use std::collections::BTreeMap;

use deployctl_sdk::{Field, Type, Value};
use hcl_edit::Span as _;
use hcl_edit::expr::{Expression as Tree, FuncCall, Object, ObjectKey};

use super::constant::evaluate_constant;
use super::expression::Expression;
use crate::diagnostic::{Diagnostic, Origin, did_you_mean};

const PLAIN: [&str; 4] = ["string", "number", "bool", "any"];
const NESTED: [&str; 5] = ["list", "set", "map", "object", "tuple"];
const HELP: &str = "types are `string`, `number`, `bool`, `any`, `list(T)`, `set(T)`, `map(T)`, `object({ name = T })` and `tuple([T, T])`";

/// Reads a type constraint.
///
/// # Errors
/// Every place that is no type.
pub fn parse_type(expr: &Expression) -> Result<Type, Vec<Diagnostic>> {
    let mut parser = Parser { origin: expr.origin, diagnostics: Vec::new() };
    let ty = parser.parse(&expr.tree);
    match ty {
        Some(ty) if parser.diagnostics.is_empty() => Ok(ty),
        _ => Err(parser.diagnostics),
    }
}

struct Parser {
    origin: Origin,
    diagnostics: Vec<Diagnostic>,
}

impl Parser {
    /// The type, or `None` after a complaint.
    fn parse(&mut self, expr: &Tree) -> Option<Type> {
        match expr {
            Tree::Variable(name) => self.plain(name.as_str(), expr),
            Tree::FuncCall(call) => self.nested(call, expr),
            Tree::Parenthesis(inner) => self.parse(inner.inner()),
            Tree::String(text) if PLAIN.contains(&text.as_str()) => {
                self.complain(expr, "a type stands without quotes", format!("write `{}`", text.as_str()))
            }
            _ => self.complain(expr, "this is not a type", "not a type"),
        }
    }

    fn plain(&mut self, name: &str, expr: &Tree) -> Option<Type> {
        Some(match name {
            "string" => Type::String,
            "number" => Type::Number,
            "bool" => Type::Bool,
            "any" => Type::Any,
            "list" | "set" | "map" => {
                return self.complain(
                    expr,
                    format!("`{name}` needs the type of what is in it"),
                    format!("`{name}(any)`?"),
                );
            }
            "object" => return self.complain(expr, "`object` needs its attributes", "`object({ … })`?"),
            "tuple" => return self.complain(expr, "`tuple` needs the types of its items", "`tuple([ … ])`?"),
            other => return self.no_type(other, expr),
        })
    }

    fn no_type(&mut self, name: &str, expr: &Tree) -> Option<Type> {
        let near = did_you_mean(name, PLAIN.into_iter().chain(NESTED));
        let label = near.map_or("not a type".to_owned(), |near| format!("did you mean `{near}`?"));
        self.complain(expr, format!("there is no type `{name}`"), label)
    }

    fn nested(&mut self, call: &FuncCall, expr: &Tree) -> Option<Type> {
        let name = call.name.name.as_str();
        if name == "optional" {
            return self.complain(expr, "`optional` stands only within `object({ … })`", "not within an object");
        }
        if !NESTED.contains(&name) {
            return self.no_type(name, expr);
        }
        let mut arguments = call.args.iter();
        let (Some(argument), None) = (arguments.next(), arguments.next()) else {
            return self.complain(expr, format!("`{name}` takes one argument"), "not one argument");
        };
        match (name, argument) {
            ("list", _) => self.parse(argument).map(|ty| Type::List(Box::new(ty))),
            ("set", _) => self.parse(argument).map(|ty| Type::Set(Box::new(ty))),
            ("map", _) => self.parse(argument).map(|ty| Type::Map(Box::new(ty))),
            ("object", Tree::Object(members)) => self.object(members),
            ("tuple", Tree::Array(items)) => {
                let types: Vec<_> = items.iter().map(|item| self.parse(item)).collect();
                types.into_iter().collect::<Option<_>>().map(Type::Tuple)
            }
            ("object", _) => self.complain(argument, "`object` takes its attributes in braces", "`{ name = type }`?"),
            _ => self.complain(argument, "`tuple` takes its types in brackets", "`[type, type]`?"),
        }
    }

    fn object(&mut self, members: &Object) -> Option<Type> {
        let mut fields = BTreeMap::new();
        let mut failed = false;
        for (key, value) in members {
            let name = match key {
                ObjectKey::Ident(name) => Some(name.as_str().to_owned()),
                ObjectKey::Expression(Tree::String(text)) => Some(text.as_str().to_owned()),
                ObjectKey::Expression(other) => {
                    self.complain(other, "an attribute's name must be a word", "not a word")
                }
            };
            match (name, self.field(value.expr())) {
                (Some(name), Some(field)) => {
                    fields.insert(name, field);
                }
                _ => failed = true,
            }
        }
        (!failed).then_some(Type::Object(fields))
    }

    fn field(&mut self, expr: &Tree) -> Option<Field> {
        let Tree::FuncCall(call) = expr else {
            return self.required(expr);
        };
        if call.name.name.as_str() != "optional" {
            return self.required(expr);
        }
        let mut arguments = call.args.iter();
        let (Some(ty), default, None) = (arguments.next(), arguments.next(), arguments.next()) else {
            return self.complain(expr, "`optional` takes a type and a default", "not one or two arguments");
        };
        let ty = self.parse(ty)?;
        let default = match default {
            Some(default) => Some(self.default(&ty, default)?),
            None => None,
        };
        Some(Field { ty, optional: true, default })
    }

    fn required(&mut self, expr: &Tree) -> Option<Field> {
        self.parse(expr).map(|ty| Field { ty, optional: false, default: None })
    }

    fn default(&mut self, ty: &Type, expr: &Tree) -> Option<Value> {
        match evaluate_constant(&Expression::new(self.origin, expr.clone())) {
            Ok(value) => match ty.convert(&value) {
                Ok(value) => Some(value),
                Err(mismatch) => self.complain(expr, format!("the default does not fit: {mismatch}"), "this default"),
            },
            Err(diagnostics) => {
                self.diagnostics.extend(diagnostics);
                None
            }
        }
    }

    fn complain<T>(&mut self, expr: &Tree, message: impl Into<String>, label: impl Into<String>) -> Option<T> {
        let span = self.origin.span(expr.span());
        self.diagnostics.push(Diagnostic::error(span, message, label).with_help(HELP));
        None
    }
}
