//! Which images are built and pulled.

use std::collections::{BTreeMap, BTreeSet};

use deployctl_sdk::{CapturedFile, Value};

use crate::assemble::Assembled;
use crate::model::Service;
use crate::predict::Why;
use crate::record::{ImageNote, Record};
use crate::settings::{BuildWhen, PullWhen, Settings};

/// How many files that differ are named.
const NAMED: usize = 5;

/// What the decision is made from.
pub(crate) struct Case<'c> {
    pub assembled: &'c Assembled,
    pub config: &'c Value,
    pub record: &'c Record,
    pub recorded_files: &'c [CapturedFile],
    pub images: &'c BTreeMap<String, String>,
    pub is_new: bool,
}

/// Which images are built and pulled.
#[derive(Default)]
pub(crate) struct Decided {
    /// Built, and why.
    pub builds: BTreeMap<String, Why>,
    /// Built if something is done at all.
    pub builds_always: BTreeSet<String>,
    /// Pulled.
    pub pulls: BTreeSet<String>,
    /// Pulled if something is done at all.
    pub pulls_always: BTreeSet<String>,
}

/// Decides.
pub(crate) fn decide(case: &Case<'_>) -> Decided {
    let settings = Settings::new(case.config);
    let project = case.assembled.resolved.name();
    let mut decided = Decided::default();
    for service in case.assembled.resolved.services() {
        let name = service.name.to_owned();
        let image = case.images.get(&service.image(project));
        if service.build().is_some() {
            match settings.build() {
                BuildWhen::Never => {}
                when => match why_built(case, &service, image) {
                    Some(why) => _ = decided.builds.insert(name, why),
                    None if when == BuildWhen::Always || service.pull_policy() == Some("build") => {
                        decided.builds_always.insert(name);
                    }
                    None => {}
                },
            }
            continue;
        }
        let always = match service.pull_policy() {
            Some(policy) => policy == "always",
            None => settings.pull() == PullWhen::Always,
        };
        if always {
            decided.pulls_always.insert(name);
        } else if image.is_none() && service.pull_policy() != Some("never") {
            decided.pulls.insert(name);
        }
    }
    decided
}

fn why_built(case: &Case<'_>, service: &Service<'_>, image: Option<&String>) -> Option<Why> {
    let Some(image) = image else { return Some(Why::ImageMissing) };
    let now = case.assembled.builds.get(service.name)?;
    let Some(before) = case.record.images.get(service.name) else {
        // Who built the image of a project that was taken over cannot be told; what runs is left alone.
        return (!case.record.imported || case.is_new).then(|| Why::ContextChanged { files: Vec::new() });
    };
    before.build.as_ref()?;
    if before.context != now.context {
        return Some(Why::ContextChanged { files: differing(case) });
    }
    if before.build != now.build {
        return Some(Why::BuildChanged);
    }
    moved(before, image)
}

fn moved(before: &ImageNote, image: &str) -> Option<Why> {
    let differs = !before.id.is_empty() && before.id != image;
    differs.then(|| Why::RebuiltOutside { from: before.id.clone(), to: image.to_owned() })
}

/// The files of build contexts that are others than those recorded.
fn differing(case: &Case<'_>) -> Vec<String> {
    let recorded: BTreeMap<&str, &CapturedFile> =
        case.recorded_files.iter().map(|file| (file.path.as_str(), file)).collect();
    let now: BTreeMap<&str, &CapturedFile> = case
        .assembled
        .sources
        .contexts
        .iter()
        .flat_map(|context| &context.files)
        .map(|file| (file.path.as_str(), file))
        .collect();
    let changed =
        now.iter().filter(|(path, file)| recorded.get(*path).is_none_or(|before| before.digest != file.digest));
    let mut names: Vec<String> = changed.map(|(path, _)| (*path).to_owned()).collect();
    let folders: Vec<String> =
        case.assembled.sources.contexts.iter().map(|context| format!("{}/", context.folder)).collect();
    let gone = recorded
        .keys()
        .filter(|path| !now.contains_key(*path) && folders.iter().any(|folder| path.starts_with(folder)));
    names.extend(gone.map(|path| (*path).to_owned()));
    let more = names.len().saturating_sub(NAMED);
    names.truncate(NAMED);
    if more > 0 {
        names.push(format!("{more} more"));
    }
    names
}

/// The services whose configs and secrets hold something else than their containers were given, where that is no file.
pub(crate) fn other_contents(assembled: &Assembled, record: &Record) -> BTreeSet<String> {
    let differs = |(name, now): &(&String, &String)| record.contents.get(*name).is_some_and(|before| before != *now);
    assembled.contents.iter().filter(differs).map(|(name, _)| name.clone()).collect()
}
