//! One engine with its Compose, seen from one configuration's folder: what reading, planning and applying share.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use deployctl_docker_client::Engine;
use deployctl_sdk::{Digest, Files, Place, Prepared, ProviderError, value};
use tokio_util::sync::CancellationToken;

use crate::assemble::{self, Assembled, assemble};
use crate::compose::{Compose, Resolution, resolve};
use crate::decide;
use crate::engine::{self, World};
use crate::predict::{Prediction, Question, Why, predict};
use crate::record::Record;
use crate::store::Store;

/// An engine with its Compose.
pub(crate) struct Site {
    pub place: Place,
    pub engine: Engine,
    pub compose: Compose,
    pub store: Store,
    /// What was seen last, until something is changed: a plan need not ask again what was just read.
    seen: Mutex<Seen>,
    /// The projects resolved in this run, by what they were resolved from: an apply need not ask Compose again what the plan
    /// asked it.
    resolutions: Mutex<BTreeMap<Digest, Arc<Resolution>>>,
}

/// What was seen last.
#[derive(Default)]
struct Seen {
    world: Option<Arc<World>>,
    /// How often something was changed. Projects are worked on side by side, so a look may have begun before a change and
    /// end after it.
    changes: u64,
}

/// All that is known of a project before something is done.
pub(crate) struct Outlook {
    pub assembled: Assembled,
    pub world: Arc<World>,
    pub builds: BTreeMap<String, Why>,
    pub pulls: BTreeSet<String>,
    pub prediction: Prediction,
}

impl Site {
    pub(crate) fn new(place: Place, engine: Engine, compose: Compose) -> Self {
        let store = Store::of(&place);
        Self { place, engine, compose, store, seen: Mutex::default(), resolutions: Mutex::default() }
    }

    /// Where things are.
    pub(crate) fn places(&self) -> assemble::Site<'_> {
        assemble::Site { root: &self.place.root, store: &self.store }
    }

    /// What there is, asked anew.
    ///
    /// # Errors
    /// When the engine does not answer.
    pub(crate) async fn look(&self) -> Result<Arc<World>, ProviderError> {
        let before = lock(&self.seen).changes;
        let world = Arc::new(engine::list(&self.engine).await?);
        let mut seen = lock(&self.seen);
        if seen.changes == before {
            seen.world = Some(world.clone());
        }
        Ok(world)
    }

    /// What there is, as it was last seen.
    ///
    /// # Errors
    /// When the engine does not answer.
    pub(crate) async fn seen(&self) -> Result<Arc<World>, ProviderError> {
        let seen = lock(&self.seen).world.clone();
        match seen {
            Some(world) => Ok(world),
            None => self.look().await,
        }
    }

    /// What was seen is not so any more.
    pub(crate) fn forget_seen(&self) {
        let mut seen = lock(&self.seen);
        seen.world = None;
        seen.changes += 1;
    }

    /// Works out what Compose would do for a prepared configuration, all known.
    ///
    /// # Errors
    /// When Compose refuses the project, or the engine does not answer.
    pub(crate) async fn outlook(
        &self,
        prepared: &Prepared,
        files: &dyn Files,
        record: &Record,
        recorded_files: &[deployctl_sdk::CapturedFile],
        cancel: &CancellationToken,
    ) -> Result<Outlook, ProviderError> {
        let (resolution, world) = tokio::join!(self.resolution(prepared, files, cancel), self.seen());
        let (resolution, world) = (resolution?, world?);
        let assembled = assemble((*resolution).clone(), &prepared.config, &self.places(), &world, record)?;
        let project = assembled.resolved.name().to_owned();
        let names = assembled.resolved.services().map(|service| service.image(&project)).collect();
        let images = engine::images(&self.engine, names).await?;
        let decided = decide::decide(&decide::Case {
            assembled: &assembled,
            config: &prepared.config,
            record,
            recorded_files,
            images: &images,
            is_new: !world.has(&project),
        });
        let other_contents = decide::other_contents(&assembled, record);
        let ask = |builds: &BTreeMap<String, Why>, pulls: &BTreeSet<String>| {
            predict(&Question {
                resolved: &assembled.resolved,
                world: &world,
                images: &images,
                builds,
                pulls,
                other_contents: &other_contents,
                live_files: &assembled.live_files,
                remove_orphans: crate::settings::Settings::new(&prepared.config).remove_orphans(),
            })
        };
        let (mut builds, mut pulls) = (decided.builds, decided.pulls);
        let mut prediction = ask(&builds, &pulls);
        if prediction.is_change() && (!decided.builds_always.is_empty() || !decided.pulls_always.is_empty()) {
            decided.builds_always.into_iter().for_each(|name| _ = builds.entry(name).or_insert(Why::BuiltAlways));
            pulls.extend(decided.pulls_always);
            prediction = ask(&builds, &pulls);
        }
        Ok(Outlook { assembled, world, builds, pulls, prediction })
    }

    async fn resolution(
        &self,
        prepared: &Prepared,
        files: &dyn Files,
        cancel: &CancellationToken,
    ) -> Result<Arc<Resolution>, ProviderError> {
        let key = key_of(prepared);
        if let Some(known) = lock(&self.resolutions).get(&key) {
            return Ok(known.clone());
        }
        let resolution = resolve(&self.compose, &self.place.root, prepared, files, cancel).await?;
        let resolution = Arc::new(resolution);
        lock(&self.resolutions).insert(key, resolution.clone());
        Ok(resolution)
    }
}

/// What a project is resolved from.
fn key_of(prepared: &Prepared) -> Digest {
    let config = serde_json::to_vec(&value::Tagged::new(&prepared.config, &value::Clear)).unwrap_or_default();
    let files = prepared.captured.iter().map(|file| format!("{}\0{}\n", file.path, file.digest));
    let mut bytes = config;
    bytes.extend(files.collect::<String>().into_bytes());
    Digest::of(&bytes)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
