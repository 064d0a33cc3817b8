//! Text.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use deployctl_sdk::Value;
use regex::{Captures, Regex};

use super::super::limits::MAX_NODES;
use super::call::{Call, Complaint, Done};

/// The widest indentation, in spaces.
const MAX_INDENT: i64 = 10_000;

pub(super) fn lower(call: &mut Call) -> Done {
    Ok(Value::from(call.text(0)?.to_lowercase()))
}

pub(super) fn upper(call: &mut Call) -> Done {
    Ok(Value::from(call.text(0)?.to_uppercase()))
}

pub(super) fn title(call: &mut Call) -> Done {
    let text = call.text(0)?;
    let mut out = String::with_capacity(text.len());
    let mut in_word = false;
    for c in text.chars() {
        if in_word {
            out.push(c);
        } else {
            out.extend(c.to_uppercase());
        }
        in_word = c.is_alphanumeric() || c == '_';
    }
    Ok(Value::from(out))
}

pub(super) fn trim(call: &mut Call) -> Done {
    let (text, cut) = (call.text(0)?, call.text(1)?);
    Ok(Value::from(text.trim_matches(|c| cut.contains(c))))
}

pub(super) fn trim_prefix(call: &mut Call) -> Done {
    let (text, prefix) = (call.text(0)?, call.text(1)?);
    Ok(Value::from(text.strip_prefix(&*prefix).unwrap_or(&text)))
}

pub(super) fn trim_suffix(call: &mut Call) -> Done {
    let (text, suffix) = (call.text(0)?, call.text(1)?);
    Ok(Value::from(text.strip_suffix(&*suffix).unwrap_or(&text)))
}

pub(super) fn trim_space(call: &mut Call) -> Done {
    Ok(Value::from(call.text(0)?.trim()))
}

pub(super) fn chomp(call: &mut Call) -> Done {
    Ok(Value::from(call.text(0)?.trim_end_matches(['\r', '\n'])))
}

pub(super) fn starts_with(call: &mut Call) -> Done {
    Ok(Value::Bool(call.text(0)?.starts_with(&*call.text(1)?)))
}

pub(super) fn ends_with(call: &mut Call) -> Done {
    Ok(Value::Bool(call.text(0)?.ends_with(&*call.text(1)?)))
}

pub(super) fn reverse(call: &mut Call) -> Done {
    Ok(Value::from(call.text(0)?.chars().rev().collect::<String>()))
}

pub(super) fn indent(call: &mut Call) -> Done {
    let width = call.int(0)?;
    let text = call.text(1)?;
    if !(0..=MAX_INDENT).contains(&width) {
        return Err(Complaint::of(0, format!("the width must be between 0 and {MAX_INDENT}"), "out of bounds"));
    }
    let pad = " ".repeat(usize::try_from(width).unwrap_or(0));
    let lines = text.matches('\n').count();
    call.room(text.len().saturating_add(lines.saturating_mul(pad.len())))?;
    Ok(Value::from(text.replace('\n', &format!("\n{pad}"))))
}

/// Offset and length count characters; a negative offset counts from the end, a negative length means the rest.
pub(super) fn substr(call: &mut Call) -> Done {
    let text = call.text(0)?;
    let (offset, length) = (call.int(1)?, call.int(2)?);
    let count = text.chars().count();
    let start = match usize::try_from(offset) {
        Ok(start) => start,
        Err(_) => count.saturating_sub(usize::try_from(offset.unsigned_abs()).unwrap_or(usize::MAX)),
    };
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    Ok(Value::from(text.chars().skip(start).take(length).collect::<String>()))
}

pub(super) fn join(call: &mut Call) -> Done {
    let separator = call.text(0)?;
    call.lists(1)?;
    let mut texts = Vec::new();
    for at in 1..call.values.len() {
        texts.extend(call.texts(at)?);
    }
    let length = texts.iter().map(|text| text.len() + separator.len()).sum();
    call.room(length)?;
    Ok(Value::from(texts.join(&*separator)))
}

pub(super) fn split(call: &mut Call) -> Done {
    let (separator, text) = (call.text(0)?, call.text(1)?);
    call.items(if separator.is_empty() { text.len() } else { text.matches(&*separator).count() + 1 })?;
    if separator.is_empty() {
        return Ok(Value::list(text.chars().map(|c| Value::from(c.to_string()))));
    }
    Ok(Value::list(text.split(&*separator).map(Value::from)))
}

/// Replaces a text, or what a regular expression between slashes matches.
pub(super) fn replace(call: &mut Call) -> Done {
    let (text, searched, with) = (call.text(0)?, call.text(1)?, call.text(2)?);
    if let Some(pattern) = searched.strip_prefix('/').and_then(|rest| rest.strip_suffix('/')) {
        return replace_matches(call, &compile(pattern, 1)?, &text, &with);
    }
    let times = match searched.is_empty() {
        true => text.chars().count() + 1,
        false => text.matches(&*searched).count(),
    };
    call.room(text.len().saturating_add(times.saturating_mul(with.len())))?;
    Ok(Value::from(text.replace(&*searched, &with)))
}

fn replace_matches(call: &Call, regex: &Regex, text: &str, with: &str) -> Done {
    let mut out = String::with_capacity(text.len());
    let mut end = 0;
    for captures in regex.captures_iter(text) {
        let Some(whole) = captures.get(0) else { continue };
        out.push_str(text.get(end..whole.start()).unwrap_or_default());
        captures.expand(with, &mut out);
        end = whole.end();
        call.room(out.len())?;
    }
    out.push_str(text.get(end..).unwrap_or_default());
    Ok(Value::from(out))
}

pub(super) fn regex(call: &mut Call) -> Done {
    let (pattern, text) = (call.text(0)?, call.text(1)?);
    let regex = compile(&pattern, 0)?;
    match regex.captures(&text) {
        Some(captures) => Ok(captured(&regex, &captures)),
        None => Err(Complaint::of(0, "the pattern matches nothing of the string", "does not match")
            .with_help("`can(regex(…))` asks whether it matches, `regexall` gives all matches, also none")),
    }
}

pub(super) fn regex_all(call: &mut Call) -> Done {
    let (pattern, text) = (call.text(0)?, call.text(1)?);
    let regex = compile(&pattern, 0)?;
    let matches: Vec<_> =
        regex.captures_iter(&text).take(MAX_NODES + 1).map(|captures| captured(&regex, &captures)).collect();
    call.items(matches.len())?;
    Ok(Value::from(matches))
}

/// The whole match, or a list of its groups, or a map of its named groups.
fn captured(regex: &Regex, captures: &Captures) -> Value {
    let group = |found: Option<regex::Match>| found.map_or(Value::Null, |found| Value::from(found.as_str()));
    if regex.captures_len() == 1 {
        return group(captures.get(0));
    }
    let named = regex.capture_names().flatten().map(|name| (Arc::from(name), group(captures.name(name))));
    let named = Value::map::<Arc<str>>(named);
    match named.as_map() {
        Some(members) if !members.is_empty() => named,
        _ => Value::list(captures.iter().skip(1).map(group)),
    }
}

thread_local! {
    /// Expressions used lately: one in a `for` would otherwise be compiled for each item.
    static COMPILED: RefCell<HashMap<String, Regex>> = RefCell::default();
}

/// The most expressions kept compiled.
const MAX_COMPILED: usize = 32;

fn compile(pattern: &str, argument: usize) -> Done<Regex> {
    if let Some(regex) = COMPILED.with_borrow(|compiled| compiled.get(pattern).cloned()) {
        return Ok(regex);
    }
    let regex = compiled(pattern, argument)?;
    COMPILED.with_borrow_mut(|compiled| {
        if compiled.len() >= MAX_COMPILED {
            compiled.clear();
        }
        compiled.insert(pattern.to_owned(), regex.clone());
    });
    Ok(regex)
}

fn compiled(pattern: &str, argument: usize) -> Done<Regex> {
    regex::RegexBuilder::new(pattern).size_limit(1 << 20).dfa_size_limit(4 << 20).build().map_err(|error| {
        let reason = match error {
            regex::Error::Syntax(text) => text.lines().last().unwrap_or_default().trim().replace("error: ", ""),
            _ => "it is too large".to_owned(),
        };
        Complaint::of(argument, "the regular expression cannot be used", "not usable").with_detail(reason)
    })
}
