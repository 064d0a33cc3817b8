//! Reads `encryption` of a `deployctl` block: what the state is encrypted with. All of it is written out, because the state
//! must be open before there is anything to evaluate.

use std::str::FromStr as _;
use std::sync::Arc;

use super::blocks::{Encryption, KeyMethod};
use super::body::BodyBlock;
use super::fields::Fields;
use super::labels;
use super::secret::{constant, text_source};
use crate::diagnostic::{Diagnostic, Span, did_you_mean};

const METHODS: [&str; 2] = ["age", "aes_gcm"];

/// Reads the `encryption` blocks, of which there may be one.
pub(super) fn encryption(blocks: Vec<BodyBlock>, complaints: &mut Vec<Diagnostic>) -> Option<Encryption> {
    let mut blocks = blocks.into_iter();
    let block = blocks.next()?;
    for other in blocks {
        let message = "`encryption` stands twice in one `deployctl`";
        complaints.push(
            Diagnostic::error(other.body.span, message, "again here")
                .with_label(block.body.span, "first here")
                .with_help("what it was encrypted with before goes into a `previous` block"),
        );
    }
    let kind = kind(&block, "encryption \"aes_gcm\"", complaints)?;
    let mut fields = Fields::of("encryption", block.body, complaints);
    let earlier = fields.labelled_blocks("previous");
    let method = method(&kind, fields);
    let previous = earlier.into_iter().filter_map(|block| {
        let kind = self::kind(&block, "previous \"aes_gcm\"", complaints)?;
        self::method(&kind, Fields::of("previous", block.body, complaints))
    });
    let previous = previous.collect();
    Some(Encryption { method: method?, previous })
}

fn kind(block: &BodyBlock, example: &str, complaints: &mut Vec<Diagnostic>) -> Option<Arc<str>> {
    let [kind] = labels::names(block, ["a method"], example, complaints)?;
    if METHODS.contains(&&*kind.text) {
        return Some(kind.text);
    }
    let message = format!("there is no encryption `{}`", kind.text);
    let label =
        did_you_mean(&kind.text, METHODS).map_or("unknown".to_owned(), |close| format!("did you mean `{close}`?"));
    complaints.push(Diagnostic::error(kind.span, message, label).with_help("it is `age` or `aes_gcm`"));
    None
}

fn method(kind: &str, mut fields: Fields<'_>) -> Option<KeyMethod> {
    let span = fields.span();
    let (name, given) = match kind {
        "age" => ("identity", "what opens it here"),
        _ => ("key", "the key, 32 bytes"),
    };
    let recipients = if kind == "age" { recipients(&mut fields, span) } else { Some(Vec::new()) };
    let block = fields.block(name);
    if block.is_none() {
        let example = format!("write `{name} {{ env = \"NAME\" }}`: {given}, from `env`, `file` or `command`");
        let message = format!("`encryption \"{kind}\"` needs `{name}`");
        fields.complain(Diagnostic::error(span, message, format!("`{name}` is missing here")).with_help(example));
    }
    let complaints = fields.finish();
    let source = text_source(block?, name, complaints)?;
    let origin = constant(&source, complaints)?;
    Some(match kind {
        "age" => KeyMethod::Age { recipients: recipients?, identity: origin },
        _ => KeyMethod::AesGcm { key: origin },
    })
}

fn recipients(fields: &mut Fields<'_>, span: Span) -> Option<Vec<String>> {
    let texts = fields.texts("recipients");
    let mut found = Vec::new();
    for (text, place) in texts.as_deref().unwrap_or_default() {
        match age::x25519::Recipient::from_str(text) {
            Ok(recipient) => found.push(recipient.to_string()),
            Err(_) => fields.complain(
                // Somebody may have taken an identity for a recipient, and a complaint shows what it points at.
                Diagnostic::error(if text.starts_with("age1") { *place } else { span }, "this is not an age recipient", "cannot be read").with_help(
                    "a recipient begins with `age1`; `age-keygen -y` prints that of an identity, which itself must not stand here",
                ),
            ),
        }
    }
    if found.is_empty() && texts.as_ref().is_none_or(Vec::is_empty) {
        fields.complain(Diagnostic::error(span, "`encryption \"age\"` needs `recipients`", "nobody could open it"));
        return None;
    }
    Some(found)
}
