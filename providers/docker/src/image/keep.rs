//! The tags under which images are kept while the history may need them.
//!
//! Such a tag names the state, the record and what the image was made from. It is the image's mark: an image that is built
//! from the same things is the one that is there already. It lies below `localhost/`, so that no engine ever takes it for
//! something to pull or push.

use deployctl_sdk::{Digest, Lineage, Object, ResourceId, Value};

use super::schema::BUILD_DIGEST;
use crate::attributes::text;

const PREFIX: &str = "localhost/deployctl/";

/// The member of a record's private part with the random text that hides sensitive arguments in a tag.
const SALT: &str = "salt";

/// The repository of one record's kept images.
pub(super) fn repository(lineage: Lineage, id: ResourceId) -> String {
    format!("{PREFIX}{lineage}/{id}")
}

/// What one kept tag says: the record and the key, if it is a tag of this state's.
pub(super) fn parse(tag: &str, lineage: Lineage) -> Option<(ResourceId, &str)> {
    let rest = tag.strip_prefix(PREFIX)?.strip_prefix(&lineage.to_string())?.strip_prefix('/')?;
    let (id, key) = rest.split_once(':')?;
    Some((ResourceId(id.parse().ok()?), key))
}

/// What an image that is built from a configuration is kept under. Sensitive arguments go into it only with the record's
/// `salt`, for a digest of something short gives it away. `None` while not all is known.
pub(super) fn build_key(config: &Value, salt: &str) -> Option<String> {
    let digest = text(config, BUILD_DIGEST)?;
    let args = config.get("build")?.get("args").and_then(Value::as_map);
    let hidden = args.into_iter().flatten().filter(|(_, value)| value.contains_sensitive());
    let hidden: Vec<String> =
        hidden.map(|(name, value)| Some(format!("{name}={}", value.as_str()?))).collect::<Option<_>>()?;
    if hidden.is_empty() {
        return Some(digest);
    }
    Some(Digest::of(format!("{salt}\n{digest}\n{}", hidden.join("\n")).as_bytes()).to_string())
}

/// What a pulled image is kept under.
pub(super) fn pull_key(image: &str) -> String {
    format!("pulled-{}", image.strip_prefix("sha256:").unwrap_or(image))
}

/// The record's salt, or a new one.
pub(super) fn salt(recorded: Option<&Object>) -> String {
    let known = recorded.and_then(|recorded| text(&recorded.private, SALT));
    known.unwrap_or_else(|| ResourceId::random().to_string())
}

/// The private part of a record: the salt, and under what the image is kept.
pub(super) fn private(salt: &str, key: Option<&str>) -> Value {
    Value::map([(SALT, Value::from(salt).into_sensitive()), ("kept_as", key.map_or(Value::Null, Value::from))])
}
