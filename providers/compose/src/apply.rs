//! Doing it: `docker compose up`, with what Compose needs to be told besides.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use bollard::models::NetworkDisconnectRequest;
use deployctl_sdk::capture::lay_out;
use deployctl_sdk::{
    Applied, Change, ErrorKind, Object, Operation, Prepared, ProviderError, Run, Value, default_plan, fs,
};

use crate::compose::{Asked, ComplaintContext, absolute, failed, progress_of};
use crate::engine::World;
use crate::failure;
use crate::model::{Node, Taint};
use crate::observe::{self, is_ours};
use crate::plan::refuse_foreign;
use crate::predict::{Fate, Prediction, Why};
use crate::record::{ImageNote, Record};
use crate::schema;
use crate::settings::{PullWhen, Settings};
use crate::site::{Outlook, Site};
use crate::store::mark_in;

/// How often Compose is run until nothing is left to do. It needs a second time where it started a container before it
/// could see that it must be made anew.
const ROUNDS: usize = 3;

/// How often it is looked whether the engine has come to rest.
const SETTLING: usize = 8;

/// How long something else that goes on at the engine is given to end.
pub(crate) const MOMENT: std::time::Duration = std::time::Duration::from_secs(2);

/// Does one change.
pub(crate) async fn apply(site: &Site, change: &Change, run: &Run) -> Applied {
    if run.cancel.is_cancelled() {
        return Applied::failed(change.prior.clone(), ProviderError::new(ErrorKind::Cancelled, "cancelled"));
    }
    let applied = match change.operation {
        Operation::Create | Operation::Update => up(site, change, run).await,
        Operation::Delete => crate::destroy::destroy(site, change, run).await,
        Operation::Replace => {
            let error = ProviderError::new(ErrorKind::Internal, "a project is not replaced in one operation");
            Applied::failed(change.prior.clone(), error)
        }
    };
    site.forget_seen();
    applied
}

async fn up(site: &Site, change: &Change, run: &Run) -> Applied {
    let prior = change.prior.clone();
    let prepared = Prepared { config: change.config.clone(), captured: change.captured.clone() };
    let record = prior.as_ref().map(Record::of).unwrap_or_default();
    let recorded_files = prior.as_ref().map(|object| object.captured.clone()).unwrap_or_default();
    site.forget_seen();
    let outlook = site.outlook(&prepared, &*run.files, &record, &recorded_files, &run.cancel).await;
    let outlook = match outlook {
        Ok(outlook) => outlook,
        Err(error) => return Applied::failed(prior, cancelled_or(error, run)),
    };
    let names = [prior.as_ref().and_then(project_of), Some(outlook.assembled.resolved.name())];
    let refusal = names.into_iter().flatten().find_map(|name| refuse_others(&outlook.world, change, name).err());
    if let Some(error) = refusal.or_else(|| refuse_another_name(names)) {
        return Applied::failed(prior, error);
    }
    let work = Work { site, change, run, outlook: &outlook, project: outlook.assembled.resolved.name() };
    let before = record;
    let error = work.carry_out(&prepared, &before, &recorded_files).await.err();
    let error = error.map(|error| cancelled_or(error, run));
    work.conclude(prior, &before, error).await
}

/// A failure after a cancellation is the cancellation.
fn cancelled_or(error: ProviderError, run: &Run) -> ProviderError {
    match run.cancel.is_cancelled() {
        true => ProviderError::new(ErrorKind::Cancelled, "cancelled"),
        false => error,
    }
}

/// The name of a recorded project.
fn project_of(object: &Object) -> Option<&str> {
    object.attributes.get("project_name")?.as_str()
}

/// A project under another name is another project.
fn refuse_another_name(names: [Option<&str>; 2]) -> Option<ProviderError> {
    let [Some(before), Some(after)] = names else { return None };
    let message = format!("the project {before} cannot be made into {after}: it is replaced");
    (before != after).then(|| ProviderError::new(ErrorKind::Internal, message))
}

/// Refuses what belongs to another state, or to nobody.
fn refuse_others(world: &World, change: &Change, name: &str) -> Result<(), ProviderError> {
    let (lineage, id) = observe::mark_texts(&change.mark);
    let address = change.mark.address.to_string();
    let others = World {
        containers: world
            .of(name)
            .filter(|container| match change.prior {
                Some(_) => !is_ours(container, &lineage, &id),
                None => mark_in(&container.config_files) != Some((&lineage, &id)),
            })
            .cloned()
            .collect(),
        ..World::default()
    };
    refuse_foreign(&others, name, &address)
}

/// One run of Compose's.
struct Work<'w> {
    site: &'w Site,
    change: &'w Change,
    run: &'w Run,
    outlook: &'w Outlook,
    project: &'w str,
}

impl Work<'_> {
    async fn carry_out(
        &self,
        prepared: &Prepared,
        record: &Record,
        recorded_files: &[deployctl_sdk::CapturedFile],
    ) -> Result<(), ProviderError> {
        let assembled = &self.outlook.assembled;
        self.site.store.put(&assembled.mounted, &*self.run.files)?;
        let document = self.write_document()?;
        if !self.outlook.prediction.is_change() {
            return Ok(());
        }
        self.build(&document).await?;
        self.pull(&document).await?;
        self.make_way(&self.outlook.prediction).await?;
        self.compose_up(&document, &[]).await?;
        self.force(&document, &self.outlook.prediction).await?;
        for _ in 1..ROUNDS {
            let built = self.built_record(record).await?;
            let again = self.site.outlook(prepared, &*self.run.files, &built, recorded_files, &self.run.cancel).await?;
            if !recreates(&again.prediction) {
                break;
            }
            self.compose_up(&document, &[]).await?;
        }
        Ok(())
    }

    /// Writes the project as Compose is given it. Nothing sensitive is in it.
    fn write_document(&self) -> Result<PathBuf, ProviderError> {
        let (shown, _) = self.outlook.assembled.taint.without_secrets(self.outlook.assembled.resolved.root());
        let path = self.site.store.document(&self.change.mark);
        write_json(&path, &shown)?;
        Ok(path)
    }

    /// The variables that the document leaves open, and those that secrets and configs are made from.
    fn variables(&self) -> Vec<(String, String)> {
        let assembled = &self.outlook.assembled;
        let mut variables: Vec<(String, String)> = assembled.sources.variables.clone().into_iter().collect();
        variables.extend(Settings::new(&self.change.config).env_texts());
        // What decides where things are run is not a project's to say.
        variables.retain(|(name, _)| !name.starts_with("COMPOSE_") && !name.starts_with("DOCKER_") && name != "PATH");
        variables.extend(assembled.taint.without_secrets(assembled.resolved.root()).1);
        variables
    }

    fn arguments(&self, document: &Path, rest: &[&str]) -> Vec<String> {
        let folder = absolute(&self.site.place.root, Settings::new(&self.change.config).path());
        let base = ["--progress", "plain", "-p", self.project, "--project-directory", &folder, "-f"];
        let mut arguments: Vec<String> = base.map(str::to_owned).to_vec();
        arguments.push(document.display().to_string());
        // Without this Compose would read the `.env` that is in the checkout now.
        arguments.extend(["--env-file".to_owned(), "/dev/null".to_owned()]);
        arguments.extend(rest.iter().map(|argument| (*argument).to_owned()));
        arguments
    }

    async fn compose(&self, document: &Path, rest: &[&str], what: &str) -> Result<(), ProviderError> {
        let asked = Asked { arguments: self.arguments(document, rest), variables: self.variables() };
        let context = ComplaintContext::new(&self.site.place.root, None, &self.outlook.assembled.taint);
        let ended = self
            .site
            .compose
            .run(asked, &self.run.cancel, |_, line| {
                if let Some(progress) = progress_of(line, self.project) {
                    self.run.progress.say(context.clean(&progress));
                }
            })
            .await?;
        if ended.success() {
            return Ok(());
        }
        Err(failed(what, &ended, &context))
    }

    async fn build(&self, document: &Path) -> Result<(), ProviderError> {
        let services: Vec<&str> = self.outlook.builds.keys().map(String::as_str).collect();
        if services.is_empty() {
            return Ok(());
        }
        let folder = tempfile::Builder::new().prefix("compose-build-").tempdir().map_err(refused)?;
        let below = |path: &str| format!("{}{}", folder.path().display(), absolute(&self.site.place.root, path));
        let mut folders: BTreeMap<String, String> = BTreeMap::new();
        for context in &self.outlook.assembled.sources.contexts {
            let place = |path: &str| Some(PathBuf::from(absolute(&self.site.place.root, path).trim_start_matches('/')));
            lay_out(&*self.run.files, &context.files, folder.path(), place)?;
            folders.insert(absolute(&self.site.place.root, &context.folder), below(&context.folder));
        }
        let mut root = self.outlook.assembled.resolved.root().clone();
        for (_, service) in root.get_mut("services").map(Node::members_mut).unwrap_or_default() {
            let Some(build) = service.get_mut("build") else { continue };
            build.each_text(false, &mut |text| {
                if let Some(laid_out) = folders.get(text) {
                    text.clone_from(laid_out);
                }
            });
        }
        let (shown, _) = self.outlook.assembled.taint.without_secrets(&root);
        let at = document.with_file_name("build.json");
        write_json(&at, &shown)?;
        self.run.progress.say(format!("building {}", services.join(", ")));
        let mut arguments = vec!["build"];
        arguments.extend(&services);
        let built = self.compose(&at, &arguments, "an image cannot be built").await;
        fs::remove_file(&at).map_err(refused)?;
        built
    }

    async fn pull(&self, document: &Path) -> Result<(), ProviderError> {
        let services: Vec<&str> = self.outlook.pulls.iter().map(String::as_str).collect();
        if services.is_empty() || Settings::new(&self.change.config).pull() == PullWhen::Never {
            return Ok(());
        }
        let mut arguments = vec!["pull", "--policy", "always", "--quiet"];
        arguments.extend(&services);
        self.compose(document, &arguments, "an image cannot be pulled").await
    }

    /// Takes the project's containers off networks that are made anew. Compose then sees that they are not on their network
    /// and makes them anew; by itself it would put the old ones on the new network without their aliases.
    async fn make_way(&self, prediction: &Prediction) -> Result<(), ProviderError> {
        for network in prediction.networks.iter().filter(|network| network.fate == Fate::Recreate) {
            let Some(id) = &network.id else { continue };
            for container in self.outlook.world.of(self.project).filter(|container| container.networks.contains(id)) {
                let request = NetworkDisconnectRequest { container: container.id.clone(), force: Some(true) };
                let answer =
                    self.site.engine.call(|docker| async move { docker.disconnect_network(id, request).await }).await;
                match answer {
                    Err(error) if !error.is_not_found() => {
                        return Err(error.doing(&format!("taking {} off {}", container.name, network.name)));
                    }
                    _ => {}
                }
            }
            let answer = self.site.engine.call(|docker| async move { docker.remove_network(id).await }).await;
            if let Err(error) = answer
                && !error.is_not_found()
            {
                let error = error.doing(&format!("the network {} cannot be made anew", network.name));
                return Err(error.with_hint("containers of others are on it: stop them, or take them off it"));
            }
            self.run.progress.say(format!("network {}: removed", network.name));
        }
        let paused = self.outlook.world.of(self.project).filter(|c| c.state == crate::engine::State::Paused);
        for container in paused {
            let id = container.id.as_str();
            let answer = self.site.engine.call(|docker| async move { docker.unpause_container(id).await }).await;
            answer.map_err(|error| error.doing(&format!("going on with {}", container.name)))?;
        }
        Ok(())
    }

    async fn compose_up(&self, document: &Path, services: &[&str]) -> Result<(), ProviderError> {
        let settings = Settings::new(&self.change.config);
        let mut arguments = vec!["up", "--detach", "--no-build", "--quiet-pull", "-y"];
        if settings.remove_orphans() && services.is_empty() {
            arguments.push("--remove-orphans");
        }
        if settings.wait() {
            arguments.push("--wait");
        }
        if !services.is_empty() {
            arguments.extend(["--no-deps", "--force-recreate"]);
            arguments.extend(services);
        }
        let what = "Docker Compose could not bring the project up";
        let mut done = self.compose(document, &arguments, what).await;
        if done.as_ref().is_err_and(stands_in_the_way) {
            // What a killed run was still doing at the engine is done a moment later.
            tokio::time::sleep(MOMENT).await;
            done = self.compose(document, &arguments, what).await;
        }
        self.site.forget_seen();
        match done {
            Err(error) if error.kind == ErrorKind::Refused => {
                Err(failure::explained(self.site, self.project, error, &self.outlook.assembled.taint).await)
            }
            done => done,
        }
    }

    /// Has containers made anew whose configs or secrets hold something else: Compose does not see that.
    async fn force(&self, document: &Path, prediction: &Prediction) -> Result<(), ProviderError> {
        let forced: Vec<&str> =
            prediction.services.iter().filter(|fate| fate.forced).map(|fate| fate.service.as_str()).collect();
        if forced.is_empty() {
            return Ok(());
        }
        self.compose_up(document, &forced).await?;
        // Compose restarts dependents only where it sees for itself that a container must be made anew.
        let goes_with = |why: &Why| matches!(why, Why::DependencyRestarts(name) if forced.contains(&name.as_str()));
        let dependents = prediction.services.iter().filter(|fate| fate.why.iter().any(goes_with));
        let dependents: Vec<&str> = dependents.map(|fate| fate.service.as_str()).collect();
        if dependents.is_empty() {
            return Ok(());
        }
        let arguments = [&["restart", "--no-deps"][..], &dependents].concat();
        let restarted = self.compose(document, &arguments, "Docker Compose could not restart a service").await;
        self.site.forget_seen();
        restarted
    }

    /// The record with the images that were built.
    async fn built_record(&self, record: &Record) -> Result<Record, ProviderError> {
        let images = self.images(record, true).await?;
        let contents = self.outlook.assembled.contents.clone();
        Ok(Record { images, contents, ..record.clone() })
    }

    async fn images(&self, before: &Record, up_to_date: bool) -> Result<BTreeMap<String, ImageNote>, ProviderError> {
        let resolved = &self.outlook.assembled.resolved;
        let names: BTreeSet<String> = resolved.services().map(|service| service.image(self.project)).collect();
        let now = crate::engine::images(&self.site.engine, names).await?;
        let note = |service: crate::model::Service<'_>| {
            let id = now.get(&service.image(self.project)).cloned().unwrap_or_default();
            let old = before.images.get(service.name);
            let note = match (up_to_date, self.outlook.assembled.builds.get(service.name)) {
                (true, Some(build)) => ImageNote { id, ..build.clone() },
                (true, None) => ImageNote { id, ..ImageNote::default() },
                (false, _) => old.cloned().unwrap_or_default(),
            };
            (service.name.to_owned(), note)
        };
        Ok(resolved.services().map(note).collect())
    }

    /// The truth afterwards.
    async fn conclude(&self, prior: Option<Object>, before: &Record, error: Option<ProviderError>) -> Applied {
        let seen = match error {
            // Where Compose had nothing left to do, that was found by looking.
            None => self.site.seen().await,
            // The engine goes on with a request whose asker has been interrupted.
            Some(_) => self.when_settled().await,
        };
        let world = match seen {
            Ok(world) => world,
            Err(unseen) => {
                let object = prior.or_else(|| Some(self.object(before)));
                return Applied::failed(object, error.unwrap_or(unseen));
            }
        };
        let done = error.is_none();
        let images = self.images(before, done).await.unwrap_or_else(|_| before.images.clone());
        let assembled = &self.outlook.assembled;
        let version = self.site.compose.version().await.unwrap_or_default().to_owned();
        let record = match done {
            true => Record {
                config: assembled.described(&self.site.places()),
                images,
                contents: assembled.contents.clone(),
                imported: false,
                version,
            },
            // What was reached is seen on the containers; what was there before says what the next plan changes.
            false => Record { images, version, ..before.clone() },
        };
        let object = match (done, prior) {
            (false, Some(prior)) => Object { private: record.to_value(), ..prior },
            _ => self.object(&record),
        };
        let object = observe::object(object, &world, self.project);
        if done {
            self.sweep(&world);
            return Applied::done(object);
        }
        let there = world.has(self.project);
        let failed = Applied::failed(there.then_some(object), error.unwrap_or_else(unknown));
        // Compose brings a project that is half there to its end.
        let applied = Applied { resumes: there, ..failed };
        if !there {
            self.site.store.forget(&self.change.mark);
        }
        applied
    }

    /// What there is once nothing changes any more.
    async fn when_settled(&self) -> Result<std::sync::Arc<World>, ProviderError> {
        let shape = |world: &World| {
            let containers: Vec<_> = world.of(self.project).map(|found| (found.id.clone(), found.state)).collect();
            let volumes = world.volumes.iter().filter(|volume| volume.project.as_deref() == Some(self.project)).count();
            (containers, world.has(self.project), volumes)
        };
        let mut world = self.site.look().await?;
        for _ in 0..SETTLING {
            tokio::time::sleep(MOMENT / 4).await;
            let next = self.site.look().await?;
            let same = shape(&next) == shape(&world);
            world = next;
            if same {
                break;
            }
        }
        Ok(world)
    }

    fn object(&self, record: &Record) -> Object {
        let attributes = default_plan::planned_new(&schema_of(), &self.change.config);
        Object { attributes, private: record.to_value(), captured: self.change.captured.clone(), ..Object::default() }
    }

    /// Removes files that the project mounted before and mounts no more.
    fn sweep(&self, world: &World) {
        let mounted: BTreeSet<&String> =
            world.containers.iter().flat_map(|container| container.binds.values()).collect();
        let before = self.outlook.world.of(self.project).flat_map(|container| container.binds.values());
        before.filter(|path| !mounted.contains(path)).for_each(|path| self.site.store.drop_file(path));
    }
}

/// Whether containers would still be made anew.
fn recreates(prediction: &Prediction) -> bool {
    let again = |fate: &Fate| matches!(fate, Fate::Recreate | Fate::Create | Fate::Remove);
    prediction.services.iter().any(|service| {
        service.containers.iter().any(|(_, fate)| again(fate))
            && !service.why.iter().all(|why| matches!(why, Why::ContentChanged(_)))
    })
}

/// Whether the engine was still busy with something else of the same name.
pub(crate) fn stands_in_the_way(error: &ProviderError) -> bool {
    let said = |text: &str| {
        ["is already in use by container", "is already in progress", "has active endpoints", "No such container"]
            .iter()
            .any(|words| text.contains(words))
    };
    said(&error.message) || error.detail.iter().any(|line| said(line))
}

fn schema_of() -> deployctl_sdk::ResourceSchema {
    schema::provider().resources.remove(0)
}

fn write_json(path: &Path, node: &Node) -> Result<(), ProviderError> {
    let text = serde_json::to_vec_pretty(node).map_err(refused)?;
    if let Some(folder) = path.parent() {
        fs::create_private_dir_all(folder).map_err(refused)?;
    }
    fs::write_atomic(path, &text, 0o600).map_err(refused)
}

fn refused(error: impl std::fmt::Display) -> ProviderError {
    ProviderError::new(ErrorKind::Refused, error.to_string())
}

fn unknown() -> ProviderError {
    ProviderError::new(ErrorKind::Internal, "it failed for a reason that is not known")
}

/// A value that is only there to be masked.
pub(crate) fn taint_of(values: &[&Value]) -> Taint {
    Taint::of(&Value::list(values.iter().map(|value| (*value).clone())))
}
