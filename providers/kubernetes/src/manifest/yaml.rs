//! YAML to documents.

use std::collections::HashMap;

use deployctl_sdk::{ErrorKind, ProviderError};
use granit_parser::{Event, Parser, ScalarStyle, Span, StrInput, Tag};
use serde_json::Value;

use super::complaint::Source;
use super::node::{At, Entry, Kind, Node, repeated};
use super::scalar;

/// How much aliases may add to one file, in bytes of memory: far more than any manifest that was written by a person, far
/// less than what a file does that is made to fill the memory.
const ALIASED: usize = 16 * 1024 * 1024;

/// Places are kept in 32 bits.
const LONGEST: usize = u32::MAX as usize - 1;

type Done<T> = Result<T, ProviderError>;

/// The documents of a text, without the empty ones.
pub(super) fn documents(source: &Source<'_>) -> Done<Vec<Node>> {
    read(source).map_err(|error| match error.hint.is_none() && source.text.contains("{{") {
        true => error
            .with_hint("this looks like a template; a Helm chart is named as one, so that `helm template` renders it"),
        false => error,
    })
}

fn read(source: &Source<'_>) -> Done<Vec<Node>> {
    if source.text.len() > LONGEST {
        return Err(ProviderError::new(ErrorKind::Invalid, format!("{}: longer than 4 GiB", source.file)));
    }
    let options = granit_parser::options! { emit_comments: false };
    let parser = Parser::new_from_str_with_options(source.text, options);
    let mut reader = Reader { source, parser, anchors: HashMap::new(), aliased: 0 };
    let mut documents = Vec::new();
    loop {
        match reader.next()? {
            (Event::StreamEnd, _) => return Ok(documents),
            (Event::StreamStart | Event::DocumentEnd, _) => {}
            // Anchors are known in their own document alone.
            (Event::DocumentStart(..), _) => reader.anchors.clear(),
            (event, span) => {
                let node = reader.node(event, &span)?;
                if !node.is_null() {
                    documents.push(node);
                }
            }
        }
    }
}

struct Reader<'s, 't> {
    source: &'s Source<'t>,
    parser: Parser<'t, StrInput<'t>>,
    /// `None` while the node is not whole.
    anchors: HashMap<usize, Option<Node>>,
    aliased: usize,
}

impl<'t> Reader<'_, 't> {
    fn next(&mut self) -> Done<(Event<'t>, Span)> {
        match self.parser.next_event() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => {
                let at = error.marker().byte_offset().unwrap_or(self.source.text.len());
                let said = error.info().to_owned();
                Err(self.source.complaint(&(at..at + 1), &format!("this is not YAML: {said}"), "here"))
            }
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn node(&mut self, event: Event<'t>, span: &Span) -> Done<Node> {
        let begun = At::new(&range(span));
        let (anchor, kind) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                (anchor, Kind::Scalar(self.scalar(&text, style, tag.as_deref(), span)?))
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.collection(tag.as_deref(), "seq", span)?;
                self.begin(anchor);
                (anchor, self.list()?)
            }
            Event::MappingStart(_, anchor, tag) => {
                self.collection(tag.as_deref(), "map", span)?;
                self.begin(anchor);
                (anchor, self.map()?)
            }
            Event::Alias(anchor) => return self.alias(anchor, span),
            _ => return Err(self.source.complaint(&range(span), "this is not YAML: a value is missing", "here")),
        };
        let node = Node { at: begun, kind };
        if anchor != 0 {
            self.anchors.insert(anchor, Some(node.clone()));
        }
        Ok(node)
    }

    fn begin(&mut self, anchor: usize) {
        if anchor != 0 {
            self.anchors.insert(anchor, None);
        }
    }

    fn alias(&mut self, anchor: usize, span: &Span) -> Done<Node> {
        let Some(Some(node)) = self.anchors.get(&anchor) else {
            return Err(self.source.complaint(&range(span), "this alias stands inside of what it names", "endless"));
        };
        self.aliased = self.aliased.saturating_add(node.weight());
        if self.aliased > ALIASED {
            let limit = ALIASED / 1024 / 1024;
            let message = format!("the aliases of this file stand for more than {limit} MiB");
            return Err(self.source.complaint(&range(span), &message, "too much from here on").with_hint(
                "aliases of aliases grow like this; write the values out, or take them apart into several files",
            ));
        }
        Ok(Node { at: At::new(&range(span)), kind: node.kind.clone() })
    }

    fn list(&mut self) -> Done<Kind> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(Kind::List(items)),
                (event, span) => items.push(self.node(event, &span)?),
            }
        }
    }

    fn map(&mut self) -> Done<Kind> {
        let (mut entries, mut merged) = (Vec::new(), Vec::new());
        loop {
            let (event, span) = self.next()?;
            let at = At::new(&range(&span));
            let merges = match &event {
                Event::MappingEnd => break,
                Event::Scalar(text, ScalarStyle::Plain, _, None) => text == "<<",
                _ => false,
            };
            let key = if merges { String::new() } else { self.key(event, &span)? };
            let (event, span) = self.next()?;
            let value = self.node(event, &span)?;
            match merges {
                true => merged.push((entries.len(), value)),
                false => entries.push(Entry { key, at, value }),
            }
        }
        if let Some((first, again)) = repeated(&entries) {
            let line = self.source.line(first.at.range().start);
            let message = format!("`{}` stands here a second time; it stands on line {line} too", again.key);
            return Err(self.source.complaint(&again.at.range(), &message, "again"));
        }
        let own = entries.len();
        for (before, value) in merged {
            self.merge(value, &mut entries, before.min(own))?;
        }
        Ok(Kind::Map(entries))
    }

    /// What `<<` names fills in what the map itself does not say. `before` is how many of the map's own keys stand above.
    fn merge(&self, value: Node, entries: &mut Vec<Entry>, before: usize) -> Done<()> {
        match value.kind {
            Kind::Map(more) => {
                let own: HashMap<&str, usize> =
                    entries.iter().enumerate().map(|(index, entry)| (entry.key.as_str(), index)).collect();
                let above = |entry: &&Entry| own.get(entry.key.as_str()).is_some_and(|index| *index < before);
                if let Some(entry) = more.iter().find(above) {
                    let message = format!("`<<` brings a `{}`, and another stands above it", entry.key);
                    return Err(self.source.complaint(&value.at.range(), &message, "which of them is meant?").with_hint(
                        "YAML keeps the one above, and `kubectl` the one that `<<` brings; write `<<` first, where both agree",
                    ));
                }
                let fresh: Vec<bool> = more.iter().map(|entry| !own.contains_key(entry.key.as_str())).collect();
                entries.extend(more.into_iter().zip(fresh).filter(|(_, fresh)| *fresh).map(|(entry, _)| entry));
                Ok(())
            }
            Kind::List(maps) => maps.into_iter().try_for_each(|one| match one.kind {
                Kind::Map(_) => self.merge(one, entries, before),
                _ => Err(self.unmergeable(one.at)),
            }),
            Kind::Scalar(_) => Err(self.unmergeable(value.at)),
        }
    }

    fn unmergeable(&self, at: At) -> ProviderError {
        self.source.complaint(&at.range(), "`<<` takes a map, or a list of maps", "neither")
    }

    fn key(&mut self, event: Event<'t>, span: &Span) -> Done<String> {
        let node = self.node(event, span)?;
        match node.kind {
            Kind::Scalar(Value::String(text)) => Ok(text),
            Kind::Scalar(Value::Null) | Kind::List(_) | Kind::Map(_) => {
                let message = format!("a key is text; this is {}", node.what());
                Err(self.source.complaint(&range(span), &message, "not text"))
            }
            Kind::Scalar(other) => Ok(other.to_string()),
        }
    }

    fn scalar(&self, text: &str, style: ScalarStyle, tag: Option<&Tag>, span: &Span) -> Done<Value> {
        let read = match tag {
            None if style == ScalarStyle::Plain => scalar::plain(text),
            None => Ok(Value::from(text)),
            // `!` alone says that it is text.
            Some(tag) if tag.handle().is_empty() && tag.suffix() == "!" => Ok(Value::from(text)),
            Some(tag) => {
                let own = tag.suffix_in_namespace("tag:yaml.org,2002:");
                own.and_then(|suffix| scalar::tagged(&suffix, text)).unwrap_or(Err("this tag means nothing here"))
            }
        };
        read.map_err(|unfit| self.source.complaint(&range(span), unfit, "here"))
    }

    fn collection(&self, tag: Option<&Tag>, expected: &str, span: &Span) -> Done<()> {
        let fits = tag.is_none_or(|tag| tag.is_yaml_core_schema_tag(expected));
        if fits { Ok(()) } else { Err(self.source.complaint(&range(span), "this tag means nothing here", "here")) }
    }
}

fn range(span: &Span) -> std::ops::Range<usize> {
    span.byte_range().unwrap_or_default()
}
