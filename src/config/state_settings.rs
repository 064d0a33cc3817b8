//! What is plainly wrong about a setting of a `state` block, as far as that can be said without asking a server.

use crate::diagnostic::{Diagnostic, Span, did_you_mean};

/// How the server may encrypt.
const ENCRYPTIONS: [&str; 3] = ["AES256", "aws:kms", "aws:kms:dsse"];

/// What a setting is, for somebody who has not written it.
pub(super) fn meaning(name: &str) -> &'static str {
    match name {
        "bucket" => "write `bucket = \"NAME\"`: the bucket that the state is kept in",
        "key" => "write `key = \"NAME\"`: what tells this configuration's state from others in the same place",
        "role_arn" => "write `role_arn = \"arn:aws:iam::ACCOUNT:role/NAME\"`: the role that is assumed",
        _ => "write what it is, or leave it out",
    }
}

/// What is wrong with a setting that is there, if anything is; `block` is the header of the block that it stands in.
pub(super) fn complaint(name: &str, text: &str, place: Span, block: Span) -> Option<Diagnostic> {
    let wrong = |label: &str, help: &str| {
        Some(Diagnostic::error(place, format!("this is no `{name}` for a state"), label).with_help(help))
    };
    match name {
        _ if text.trim().is_empty() => wrong("it is empty", meaning(name)),
        "bucket" if !is_bucket(text) => {
            wrong("not a bucket's name", "write the name alone; what comes after it is the `key`")
        }
        "endpoint" if !is_address(text) => {
            wrong("not an address", "write it as `https://HOST` or `http://HOST:PORT`, without a path")
        }
        // Who reads the report need not read the password: it points at the block and not at the text.
        "endpoint" if text.contains('@') => Some(
            Diagnostic::error(block, "`endpoint` has a user in it", "in this block")
                .with_help("credentials come from variables or a profile, and never stand in a configuration"),
        ),
        "role_arn" if !is_arn(text) => wrong("not an ARN", meaning(name)),
        "url" if !is_database(text) => wrong(
            "not a database's address",
            "write it as `postgres://user@host:5432/database`, and the password into PGPASSWORD",
        ),
        "server_side_encryption" if !ENCRYPTIONS.contains(&text) => {
            let close = did_you_mean(text, ENCRYPTIONS);
            let label = close.map_or("unknown".to_owned(), |close| format!("did you mean `{close}`?"));
            wrong(&label, "it is `AES256`, `aws:kms` or `aws:kms:dsse`; deployctl's own is the `encryption` block")
        }
        _ => None,
    }
}

/// A key is named, and nothing is encrypted with it.
pub(super) fn key_for_nothing(place: Span) -> Diagnostic {
    Diagnostic::error(place, "`kms_key_id` is a key for nothing", "nothing is encrypted with it")
        .with_help("set `server_side_encryption = \"aws:kms\"` beside it")
}

/// A name, or the ARN of an access point.
fn is_bucket(text: &str) -> bool {
    is_arn(text) || !text.contains(['/', ':']) && !text.contains(char::is_whitespace)
}

fn is_arn(text: &str) -> bool {
    text.starts_with("arn:")
}

/// A scheme and a host, and a port perhaps.
fn is_address(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    rest.is_some_and(|rest| {
        let host = rest.strip_suffix('/').unwrap_or(rest);
        !host.is_empty() && !host.contains(['/', '?', '#', ' '])
    })
}

/// An address, or settings by name as PostgreSQL's own programs take them.
fn is_database(text: &str) -> bool {
    text.starts_with("postgres://") || text.starts_with("postgresql://") || text.contains('=') && !text.contains("://")
}
