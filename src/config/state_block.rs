//! `state "kind" { … }`: where a state is kept, read as far as its kind alone says. What the settings mean is the backend's
//! affair.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::body::BodyBlock;
use super::fields::Fields;
use super::{labels, state_settings};
use crate::diagnostic::{Diagnostic, Span, did_you_mean};

/// The kinds there are.
pub const STATE_KINDS: [&str; 3] = ["local", "s3", "postgres"];

/// Where a state is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StateBlock {
    /// The kind: `local`, `s3` or `postgres`.
    pub kind: Arc<str>,
    /// The settings that are texts, by name.
    pub texts: BTreeMap<&'static str, Arc<str>>,
    /// The settings that are true or false, by name.
    pub flags: BTreeMap<&'static str, bool>,
    /// The role to be assumed, where there is one.
    pub assume_role: Option<BTreeMap<&'static str, Arc<str>>>,
}

/// What a kind takes.
struct Kind {
    required: &'static [&'static str],
    texts: &'static [&'static str],
    flags: &'static [&'static str],
    assumes_roles: bool,
}

const LOCAL: Kind = Kind { required: &[], texts: &["path"], flags: &[], assumes_roles: false };

const S3: Kind = Kind {
    required: &["bucket", "key"],
    texts: &["region", "endpoint", "profile", "server_side_encryption", "kms_key_id"],
    flags: &["path_style", "allow_unconditional_writes"],
    assumes_roles: true,
};

const POSTGRES: Kind = Kind { required: &["key"], texts: &["url", "schema"], flags: &[], assumes_roles: false };

impl StateBlock {
    /// A setting that is a text.
    pub fn text(&self, name: &str) -> Option<String> {
        self.texts.get(name).map(|text| text.to_string())
    }

    /// A setting that is true or false; false where it is not set.
    pub fn flag(&self, name: &str) -> bool {
        self.flags.get(name).copied().unwrap_or(false)
    }
}

/// Reads the one `state` block among these.
pub(super) fn state(blocks: Vec<BodyBlock>, complaints: &mut Vec<Diagnostic>) -> Option<StateBlock> {
    let mut blocks = blocks.into_iter();
    let block = blocks.next()?;
    for other in blocks {
        let message = "`state` stands twice in one block";
        complaints
            .push(Diagnostic::error(other.body.span, message, "again here").with_label(block.body.span, "first here"));
    }
    let [kind] = labels::names(&block, ["a kind"], "state \"local\"", complaints)?;
    let takes = match &*kind.text {
        "local" => LOCAL,
        "s3" => S3,
        "postgres" => POSTGRES,
        other => {
            complaints.push(unknown_kind(other, kind.span));
            return None;
        }
    };
    let mut fields = Fields::of("state", block.body, complaints);
    let mut read = StateBlock { kind: kind.text, ..StateBlock::default() };
    for name in takes.required {
        match fields.attribute(name) {
            None => {
                let (kind, span) = (&read.kind, fields.span());
                let message = format!("`state \"{kind}\"` needs `{name}`");
                let missing = Diagnostic::error(span, message, format!("`{name}` is missing here"));
                fields.complain(missing.with_help(state_settings::meaning(name)));
            }
            Some(attribute) => fields.give_back(attribute),
        }
    }
    for name in takes.required.iter().chain(takes.texts) {
        let Some((text, place)) = fields.text(name) else { continue };
        if let Some(complaint) = state_settings::complaint(name, &text, place, fields.span()) {
            fields.complain(complaint);
        }
        let by_key = read.texts.get("server_side_encryption").is_some_and(|kind| kind.starts_with("aws:kms"));
        if *name == "kms_key_id" && !by_key {
            fields.complain(state_settings::key_for_nothing(place));
        }
        read.texts.insert(name, text);
    }
    for name in takes.flags {
        if let Some(flag) = fields.flag(name) {
            read.flags.insert(name, flag);
        }
    }
    let role = if takes.assumes_roles { fields.block("assume_role") } else { None };
    fields.finish();
    read.assume_role = role.map(|block| assume_role(block, complaints));
    Some(read)
}

fn assume_role(block: BodyBlock, complaints: &mut Vec<Diagnostic>) -> BTreeMap<&'static str, Arc<str>> {
    let mut fields = Fields::of("assume_role", block.body, complaints);
    let mut read = BTreeMap::new();
    for name in ["role_arn", "session_name", "external_id"] {
        let Some((text, place)) = fields.text(name) else { continue };
        if let Some(complaint) = state_settings::complaint(name, &text, place, fields.span()) {
            fields.complain(complaint);
        }
        read.insert(name, text);
    }
    if !read.contains_key("role_arn") {
        let span = fields.span();
        let missing = Diagnostic::error(span, "`assume_role` needs `role_arn`", "`role_arn` is missing here");
        fields.complain(missing.with_help(state_settings::meaning("role_arn")));
    }
    fields.finish();
    read
}

fn unknown_kind(kind: &str, span: Span) -> Diagnostic {
    let message = format!("there is no state backend `{kind}`");
    match did_you_mean(kind, STATE_KINDS) {
        Some(close) => Diagnostic::error(span, message, format!("did you mean `{close}`?")),
        None => Diagnostic::error(span, message, "unknown backend").with_help("it is `local`, `s3` or `postgres`"),
    }
}
