//! The tags under which images are kept while the history may need them.
//!
//! Such a tag names the state, the record and what the image was made from. It is the image's mark: an image that is built
//! from the same things is the one that is there already. It lies below `localhost/`, so that no engine ever takes it for
//! something to pull or push.

use std::collections::BTreeSet;

use deployctl_sdk::{Digest, Lineage, Object, ProviderError, ResourceId, Value};

use super::schema::BUILD_DIGEST;
use super::{observe, transfer};
use crate::attributes::text;
use crate::provider::Site;

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

/// Under what a record's image is kept.
fn kept_as(object: &Object) -> Option<&str> {
    object.private.get("kept_as").and_then(Value::as_str)
}

/// Takes away the tags under which images are kept that no object needs; an image that has no other name goes with its tag.
/// Answers the tags. One that a container still uses stays.
///
/// # Errors
/// When the engine does not answer.
pub(crate) async fn let_go(site: &Site, needed: &[Object], dry_run: bool) -> Result<Vec<String>, ProviderError> {
    let needed: BTreeSet<&str> = needed.iter().filter_map(kept_as).collect();
    let images = observe::list(site).await?;
    let tags = images.iter().flat_map(|image| &image.repo_tags);
    let unneeded = tags.filter(|tag| parse(tag, site.place.lineage).is_some_and(|(_, key)| !needed.contains(key)));
    let mut gone = Vec::new();
    for tag in unneeded {
        let used = !dry_run && !transfer::untag_unused(site, tag).await?;
        if !used {
            gone.push(format!("the image {tag}"));
        }
    }
    Ok(gone)
}
