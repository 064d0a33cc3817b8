//! The project as it is handed to Compose: what Compose resolved, with the captured files in the place of those in the
//! checkout, and the numbers of containers that the resource asks for.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use deployctl_sdk::{CapturedFile, Digest, ProviderError, Value};

use crate::compose::{Resolution, absolute};
use crate::engine::World;
use crate::model::{Node, Resolved, Taint};
use crate::record::{ImageNote, Record};
use crate::settings::{PullWhen, Settings};
use crate::sources::Sources;
use crate::store::Store;

/// A project that is ready to be handed to Compose.
pub(crate) struct Assembled {
    /// The project.
    pub resolved: Resolved,
    /// The files that are mounted from the store.
    pub mounted: Vec<CapturedFile>,
    /// Files of the store, and where the checkout has them; only where containers may have mounted them from there.
    pub live_files: BTreeMap<String, String>,
    /// Folders and files of the host that containers see as they are.
    pub not_captured: Vec<String>,
    /// What identifies what each service's image is built from.
    pub builds: BTreeMap<String, ImageNote>,
    /// What identifies the contents of each service's configs and secrets that are not files.
    pub contents: BTreeMap<String, String>,
    /// What is sensitive.
    pub taint: Taint,
    /// What it was made from.
    pub sources: Sources,
    /// What Compose warned of.
    pub warnings: Vec<String>,
}

/// Where things are.
pub(crate) struct Site<'s> {
    /// The configuration's folder, absolute.
    pub root: &'s Path,
    /// The files that containers mount.
    pub store: &'s Store,
}

/// Puts a project together.
///
/// # Errors
/// When `scale` names a service that is not there.
pub(crate) fn assemble(
    resolution: Resolution,
    config: &Value,
    site: &Site<'_>,
    world: &World,
    record: &Record,
) -> Result<Assembled, ProviderError> {
    let Resolution { mut resolved, sources, warnings } = resolution;
    let settings = Settings::new(config);
    set_scale(&mut resolved, &settings)?;
    set_pull_policy(&mut resolved, settings.pull());
    // The services of other profiles are left out already; Compose must not leave out these.
    for (_, service) in resolved.root_mut().get_mut("services").map(Node::members_mut).unwrap_or_default() {
        service.remove("profiles");
    }
    let builds = builds(&resolved, &sources, site.root);
    let captured: BTreeMap<String, &CapturedFile> =
        sources.mounted.iter().map(|file| (absolute(site.root, &file.path), file)).collect();
    let not_captured = not_captured(&resolved, &captured, site.root);
    let live = resolved.clone();
    mount_from_store(&mut resolved, &captured, site.store);
    if record.imported {
        keep_live_mounts(&mut resolved, &live, world);
    }
    let to_store =
        |(path, file): (&String, &&CapturedFile)| (site.store.path(file).display().to_string(), path.clone());
    let live_files = if record.imported { captured.iter().map(to_store).collect() } else { BTreeMap::new() };
    let contents = contents(&resolved, &sources, &settings);
    let taint = Taint::of(config);
    let mounted = sources.mounted.clone();
    Ok(Assembled { resolved, mounted, live_files, not_captured, builds, contents, taint, sources, warnings })
}

impl Assembled {
    /// The project for saying what changed: paths from the configuration's folder on, and what is sensitive marked.
    pub(crate) fn described(&self, site: &Site<'_>) -> Value {
        let root = format!("{}/", site.root.display());
        let mut node = self.resolved.root().clone();
        node.remove("name");
        node.each_text(false, &mut |text| {
            if let Some(digest) = site.store.digest_of(text) {
                let name = text.rsplit('/').next().unwrap_or_default();
                *text = format!("{name} as captured ({})", digest.short());
            } else if let Some(inside) = text.strip_prefix(&root) {
                *text = format!("./{inside}");
            }
        });
        self.taint.mark(&node)
    }
}

fn set_scale(resolved: &mut Resolved, settings: &Settings<'_>) -> Result<(), ProviderError> {
    for (name, count) in settings.scale() {
        let at = deployctl_sdk::AttrPath::of("scale").key(name.as_str());
        let Some(service) = resolved.root_mut().get_mut("services").and_then(|services| services.get_mut(&name)) else {
            let error = ProviderError::invalid(at, format!("the project has no service `{name}`"));
            return Err(error.with_hint("name one of its Compose files, or activate its profile"));
        };
        if count > 1
            && let Some(fixed) = service.text("container_name")
        {
            let message = format!("`{name}` has a fixed `container_name`, {fixed}, so it can have one container");
            return Err(ProviderError::invalid(at, message));
        }
        let number = || Node::Number(count.into());
        if let Some(deploy) = service.get_mut("deploy") {
            deploy.remove("replicas");
        }
        service.set("scale", number());
    }
    Ok(())
}

fn set_pull_policy(resolved: &mut Resolved, pull: PullWhen) {
    if pull != PullWhen::Never {
        return;
    }
    let services = resolved.root_mut().get_mut("services");
    for (_, service) in services.map(Node::members_mut).unwrap_or_default() {
        if service.get("pull_policy").is_none() {
            service.set("pull_policy", Node::Text("never".to_owned()));
        }
    }
}

fn builds(resolved: &Resolved, sources: &Sources, root: &Path) -> BTreeMap<String, ImageNote> {
    let contexts: BTreeMap<String, Digest> =
        sources.contexts.iter().map(|context| (absolute(root, &context.folder), context.digest())).collect();
    let mut notes = BTreeMap::new();
    for service in resolved.services() {
        let Some(build) = service.build() else { continue };
        let more = build.node.get("additional_contexts").map_or(&[][..], Node::members);
        let used = more.iter().filter_map(|(_, folder)| folder.as_str()).chain([build.context]);
        let digests: String = used.filter_map(|folder| contexts.get(folder)).map(ToString::to_string).collect();
        let context = Digest::of(digests.as_bytes()).to_string();
        let mut described = build.node.clone();
        let root = format!("{}/", root.display());
        described.each_text(false, &mut |text| *text = text.replace(&root, ""));
        let described = serde_json::to_string(&described).unwrap_or_default();
        let build = Digest::of(format!("{context}{described}").as_bytes()).to_string();
        notes.insert(
            service.name.to_owned(),
            ImageNote { id: String::new(), build: Some(build), context: Some(context) },
        );
    }
    notes
}

fn not_captured(resolved: &Resolved, captured: &BTreeMap<String, &CapturedFile>, root: &Path) -> Vec<String> {
    let root = format!("{}/", root.display());
    let sources = resolved.services().flat_map(|service| service.binds());
    let live = sources.map(|(source, _)| source).filter(|source| !captured.contains_key(*source));
    let shown = live.map(|source| source.strip_prefix(&root).unwrap_or(source).to_owned());
    shown.collect::<BTreeSet<_>>().into_iter().collect()
}

fn mount_from_store(resolved: &mut Resolved, captured: &BTreeMap<String, &CapturedFile>, store: &Store) {
    let stored = |path: &str| captured.get(path).map(|file| Node::Text(store.path(file).display().to_string()));
    for section in ["configs", "secrets"] {
        for (_, definition) in resolved.root_mut().get_mut(section).map(Node::members_mut).unwrap_or_default() {
            if let Some(path) = definition.text("file").and_then(stored) {
                definition.set("file", path);
            }
        }
    }
    for (_, service) in resolved.root_mut().get_mut("services").map(Node::members_mut).unwrap_or_default() {
        for mount in service.get_mut("volumes").map(Node::items_mut).unwrap_or_default() {
            let bind = mount.text("type") == Some("bind");
            if let Some(path) = mount.text("source").filter(|_| bind).and_then(stored) {
                mount.set("source", path);
            }
        }
    }
}

/// Leaves files mounted from the checkout for services whose containers have them from there and are up to date otherwise.
fn keep_live_mounts(resolved: &mut Resolved, live: &Resolved, world: &World) {
    let by_service = world.by_service(live.name());
    for service in live.services() {
        let containers = by_service.get(service.name).map(Vec::as_slice).unwrap_or_default();
        let first = |name: &str| {
            let others = by_service.get(name).map(Vec::as_slice).unwrap_or_default();
            others.iter().min_by(|a, b| a.name.cmp(&b.name)).map(|container| container.id.clone())
        };
        let hash = service.hash(first);
        if containers.is_empty() || !containers.iter().all(|container| Some(&container.hash) == hash.as_ref()) {
            continue;
        }
        if let Some(services) = resolved.root_mut().get_mut("services") {
            services.set(service.name, service.node().clone());
        }
    }
}

fn contents(resolved: &Resolved, sources: &Sources, settings: &Settings<'_>) -> BTreeMap<String, String> {
    let mut variables = sources.variables.clone();
    variables.extend(settings.env_texts());
    let mut contents = BTreeMap::new();
    for service in resolved.services() {
        let mut all = String::new();
        for (section, key) in service.definitions() {
            let Some(definition) = resolved.definition(section, key) else { continue };
            let content = definition.text("content");
            let variable = definition.text("environment").and_then(|name| variables.get(name)).map(String::as_str);
            if let Some(content) = content.or(variable) {
                all.push_str(&format!("{section} {key} {}\n", Digest::of(content.as_bytes())));
            }
        }
        if !all.is_empty() {
            contents.insert(service.name.to_owned(), Digest::of(all.as_bytes()).to_string());
        }
    }
    contents
}
