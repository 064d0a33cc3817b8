//! Reading an expression.

use deployctl_sdk::{ErrorKind, ProviderError};
use serde_json::Value;

use super::{Expression, Operand, Operator, Path, Step};

/// Deeper brackets are nobody's wish.
const DEEPEST: usize = 50;

const OPERATORS: [(&str, Operator); 6] = [
    ("==", Operator::Equal),
    ("!=", Operator::Unequal),
    ("<=", Operator::AtMost),
    (">=", Operator::AtLeast),
    ("<", Operator::Less),
    (">", Operator::More),
];

type Done<T> = Result<T, ProviderError>;

/// The expression of a text.
pub(super) fn expression(text: &str) -> Done<Expression> {
    let mut reader = Reader { text, at: 0, depth: 0 };
    let expression = reader.any()?;
    reader.space();
    if reader.rest().is_empty() { Ok(expression) } else { Err(reader.complaint("nothing more is expected")) }
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
    depth: usize,
}

impl<'t> Reader<'t> {
    fn any(&mut self) -> Done<Expression> {
        let mut parts = vec![self.all()?];
        while self.takes("||") {
            parts.push(self.all()?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Expression::Any(parts) })
    }

    fn all(&mut self) -> Done<Expression> {
        let mut parts = vec![self.one()?];
        while self.takes("&&") {
            parts.push(self.one()?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Expression::All(parts) })
    }

    fn one(&mut self) -> Done<Expression> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(self.complaint("too many brackets"));
        }
        let expression = self.unary();
        self.depth -= 1;
        expression
    }

    fn unary(&mut self) -> Done<Expression> {
        self.space();
        if self.rest().starts_with('!') && !self.rest().starts_with("!=") {
            self.at += 1;
            return Ok(Expression::Not(Box::new(self.one()?)));
        }
        if self.takes("(") {
            let inner = self.any()?;
            return if self.takes(")") { Ok(inner) } else { Err(self.complaint("`)` is expected")) };
        }
        let left = self.operand()?;
        match OPERATORS.into_iter().find(|(sign, _)| self.takes(sign)) {
            Some((_, operator)) => Ok(Expression::Compare(left, operator, self.operand()?)),
            None => Ok(Expression::Holds(left)),
        }
    }

    fn operand(&mut self) -> Done<Operand> {
        self.space();
        match self.rest().chars().next() {
            Some('"' | '\'') => Ok(Operand::Literal(Value::from(self.quoted()?))),
            Some('-' | '0'..='9') => self.number().map(Operand::Literal),
            // As `kubectl` writes them.
            Some('{') => {
                self.at += 1;
                let path = self.path()?;
                if self.takes("}") { Ok(Operand::Path(path)) } else { Err(self.complaint("`}` is expected")) }
            }
            Some('.' | '_' | 'a'..='z' | 'A'..='Z') => {
                let path = self.path()?;
                Ok(match &*path.text {
                    "true" => Operand::Literal(Value::Bool(true)),
                    "false" => Operand::Literal(Value::Bool(false)),
                    "null" => Operand::Literal(Value::Null),
                    _ => Operand::Path(path),
                })
            }
            _ => Err(self.complaint("a path or a value is expected")),
        }
    }

    fn path(&mut self) -> Done<Path> {
        self.space();
        let begun = self.at;
        if self.rest().starts_with('.') {
            self.at += 1;
        }
        let mut steps = vec![Step::Key(self.name()?)];
        loop {
            if self.rest().starts_with('.') {
                self.at += 1;
                steps.push(Step::Key(self.name()?));
            } else if self.rest().starts_with('[') {
                self.at += 1;
                steps.push(self.bracket()?);
            } else {
                return Ok(Path { text: self.text[begun..self.at].trim_start_matches('.').to_owned(), steps });
            }
        }
    }

    fn bracket(&mut self) -> Done<Step> {
        self.space();
        let step = match self.rest().chars().next() {
            Some('"' | '\'') => Step::Key(self.quoted()?),
            Some('-' | '0'..='9') => match self.number()?.as_i64() {
                Some(index) => Step::Index(index),
                None => return Err(self.complaint("the place in a list is a whole number")),
            },
            _ => {
                let key = self.name()?;
                if !self.takes("==") && !self.takes("=") {
                    return Err(self.complaint("`=` is expected, as in `conditions[type=Ready]`"));
                }
                self.space();
                let value = match self.rest().chars().next() {
                    Some('"' | '\'') => self.quoted()?,
                    _ => self.name()?,
                };
                Step::Where(key, value)
            }
        };
        if self.takes("]") { Ok(step) } else { Err(self.complaint("`]` is expected")) }
    }

    fn name(&mut self) -> Done<String> {
        let rest = self.rest();
        let end = rest.find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '-' | '/'))).unwrap_or(rest.len());
        if end == 0 {
            return Err(self.complaint("the name of a field is expected"));
        }
        self.at += end;
        Ok(rest[..end].to_owned())
    }

    fn quoted(&mut self) -> Done<String> {
        let rest = self.rest();
        let quote = rest.chars().next().unwrap_or('"');
        let Some(length) = rest[1..].find(quote) else { return Err(self.complaint("this text has no end")) };
        self.at += length + 2;
        Ok(rest[1..=length].to_owned())
    }

    fn number(&mut self) -> Done<Value> {
        let rest = self.rest();
        let end = rest.find(|c: char| !(c.is_ascii_digit() || matches!(c, '-' | '.'))).unwrap_or(rest.len());
        let Ok(number) = serde_json::from_str::<Value>(&rest[..end]) else {
            return Err(self.complaint("this is not a number"));
        };
        self.at += end;
        Ok(number)
    }

    fn takes(&mut self, sign: &str) -> bool {
        self.space();
        let there = self.rest().starts_with(sign);
        if there {
            self.at += sign.len();
        }
        there
    }

    fn space(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn complaint(&self, what: &str) -> ProviderError {
        let before = self.text[..self.at].chars().count();
        ProviderError::new(ErrorKind::Invalid, format!("this is no expression to wait for: {what}"))
            .with_detail([self.text.replace(['\n', '\t'], " "), format!("{}^ {what}", " ".repeat(before))])
            .with_hint("for example `status.phase == \"Bound\"` or `status.conditions[type=Ready].status == \"True\"`")
    }
}
