//! What to do with an image, and why: which files changed, whether the tag was moved, whether one is kept already.

use std::collections::BTreeMap;

use bollard::models::ImageSummary;
use deployctl_sdk::{
    Action, CapturedFile, Note, Object, PlanRequest, PlannedChange, ProviderError, Reason, Value, default_plan,
};

use super::prepare::relative;
use super::{keep, observe, schema};
use crate::attributes::{text, truth, with};
use crate::provider::Site;

/// How many files of a kind a plan names.
const NAMED: usize = 10;

/// What to do with one image.
///
/// # Errors
/// When the engine does not answer.
pub(crate) async fn plan(site: &Site, request: &PlanRequest<'_>) -> Result<PlannedChange, ProviderError> {
    let schema = schema::planning(&site.schemas.image);
    let config = &request.desired.config;
    let mut planned = default_plan::plan(&PlanRequest { schema: &schema, ..*request })?;
    if let (Some(recorded), Some(observed)) = (request.recorded, request.observed)
        && planned.action == Action::NoOp
        && let Some(reason) = moved(recorded, observed)
    {
        let attributes = default_plan::planned_update(&schema, config, &observed.attributes);
        let diffs = default_plan::compare(&observed.attributes, &attributes);
        planned =
            PlannedChange { diffs, drift: planned.drift, ..PlannedChange::new(Action::Update, reason, attributes) };
    }
    if planned.action == Action::NoOp {
        return Ok(planned);
    }
    if config.get("build").is_some() {
        // What an engine that cannot be asked has kept is found out when the image is put in place.
        let images = observe::list(site).await?;
        let key = keep::build_key(config, &keep::salt(request.recorded));
        match key.and_then(|key| kept(site, &images, &key)) {
            Some(image) => put_known(&mut planned, request, image),
            None => explain(&mut planned, request),
        }
    }
    Ok(planned)
}

/// The image that is kept under a key in this state, if one is.
pub(super) fn kept<'i>(site: &Site, images: &'i [ImageSummary], key: &str) -> Option<&'i ImageSummary> {
    let is_it = |tag: &String| keep::parse(tag, site.place.lineage).is_some_and(|(_, found)| found == key);
    images.iter().find(|image| image.repo_tags.iter().any(is_it))
}

/// Why an image is put in place again though its configuration did not change.
fn moved(recorded: &Object, observed: &Object) -> Option<Reason> {
    let differs = |name: &str| text(&recorded.attributes, name) != text(&observed.attributes, name);
    let other = |text: &str| Some(Reason::Other { text: text.to_owned() });
    if differs("id") {
        return other("the name was moved to another image outside deployctl");
    }
    if truth(&observed.attributes, "push") && text(&observed.attributes, "digest").is_none() {
        return other("it is not at the registry");
    }
    if differs("digest") {
        return other("the tag was moved at the registry");
    }
    None
}

/// With the image there already, its id is known beforehand, and so is what depends on it.
fn put_known(planned: &mut PlannedChange, request: &PlanRequest<'_>, image: &ImageSummary) {
    let nothing = Value::map::<&str>([]);
    let before = request.observed.map_or(&nothing, |observed| &observed.attributes);
    planned.planned = with(&planned.planned, vec![("id", Value::from(image.id.as_str()))]);
    if observe::at_registry(&planned.planned).is_none() {
        planned.planned = with(&planned.planned, vec![("digest", Value::Null)]);
    }
    planned.diffs = default_plan::compare(before, &planned.planned);
    planned.notes.push(Note("an image built from exactly this is kept, so nothing is built".to_owned()));
}

/// Says which files are the reason for a build.
fn explain(planned: &mut PlannedChange, request: &PlanRequest<'_>) {
    let Some(recorded) = request.recorded.filter(|recorded| !recorded.captured.is_empty()) else { return };
    let before = by_path(&recorded.captured, &recorded.attributes);
    let after = by_path(&request.desired.captured, &request.desired.config);
    let changed: Vec<&str> = after
        .iter()
        .filter(|(path, file)| {
            before.get(*path).is_some_and(|old| (old.digest, old.executable) != (file.digest, file.executable))
        })
        .map(|(path, _)| path.as_str())
        .collect();
    let added: Vec<&str> = after.keys().filter(|path| !before.contains_key(*path)).map(String::as_str).collect();
    let removed: Vec<&str> = before.keys().filter(|path| !after.contains_key(*path)).map(String::as_str).collect();
    let kinds = [("changed", changed), ("added", added), ("removed", removed)];
    let said: Vec<String> = kinds
        .iter()
        .filter(|(_, paths)| !paths.is_empty())
        .map(|(kind, paths)| {
            let more = paths.len().saturating_sub(NAMED);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            format!("{kind}: {}{more}", paths.iter().take(NAMED).copied().collect::<Vec<_>>().join(", "))
        })
        .collect();
    if !said.is_empty() && planned.action == Action::Update {
        planned.reason = Reason::Other { text: format!("files of the build context {}", said.join("; ")) };
    }
}

fn by_path<'f>(files: &'f [CapturedFile], attributes: &Value) -> BTreeMap<String, &'f CapturedFile> {
    let context = attributes.get("build").and_then(|build| text(build, "context")).unwrap_or_default();
    files.iter().map(|file| (relative(file, &context).to_string_lossy().into_owned(), file)).collect()
}
