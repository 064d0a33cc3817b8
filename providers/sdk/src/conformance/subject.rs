//! What a provider's own tests tell the kit: cases, and how to meddle with the real thing behind the provider's back.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;

use super::law::Law;
use crate::error::ProviderError;
use crate::files::{CapturedFile, Digest, FileError, Files};
use crate::object::Object;
use crate::provider::{Connection, Place, Provider};
use crate::value::Value;

/// How many moments of an operation are tried, unless a case says at which; those of short operations are fewer.
const MOMENTS: usize = 12;

/// A provider under examination. A hook answers whether it could do what it was asked; one that cannot be done leaves its
/// law unexamined, and the [report](super::Report) says so.
#[async_trait]
pub trait Subject: Send + Sync {
    /// The provider.
    fn provider(&self) -> Arc<dyn Provider>;

    /// A connection made anew, as after a start of deployctl.
    ///
    /// # Errors
    /// When there is no engine.
    async fn connect(&self) -> Result<Arc<dyn Connection>, ProviderError>;

    /// Where.
    fn place(&self) -> Place;

    /// The files that configurations name.
    fn files(&self) -> Arc<dyn Files> {
        Arc::new(NoFiles)
    }

    /// At least one case for each resource type.
    fn cases(&self) -> Vec<Case>;

    /// The laws that say nothing of this provider. Nothing is made in vain to find out that their hooks cannot be done.
    fn beyond(&self) -> &[Law] {
        &[]
    }

    /// Changes the real object behind our back, in something that the configuration sets.
    async fn tamper(&self, case: &Case, object: &Object) -> bool {
        let _ = (case, object);
        false
    }

    /// Removes the real object behind our back.
    async fn remove(&self, case: &Case, object: &Object) -> bool {
        let _ = (case, object);
        false
    }

    /// Gives the real object the mark of another state.
    async fn disown(&self, case: &Case, object: &Object) -> bool {
        let _ = (case, object);
        false
    }

    /// Puts something that is not ours where the case's object would stand.
    async fn occupy(&self, case: &Case) -> bool {
        let _ = case;
        false
    }

    /// Removes whatever [`disown`](Subject::disown) and [`occupy`](Subject::occupy) left.
    async fn clear_foreign(&self, case: &Case) {
        let _ = case;
    }

    /// Makes the engine stop answering, or answer again.
    async fn silence(&self, silent: bool) -> bool {
        let _ = silent;
        false
    }

    /// Makes the next operation of the case's type fail.
    async fn sabotage(&self, case: &Case, moment: Moment) -> bool {
        let _ = (case, moment);
        false
    }

    /// All there really is within the provider's reach, as text that is equal when nothing differs.
    async fn snapshot(&self) -> Option<String> {
        None
    }

    /// What is really there that bears this lineage's mark or was otherwise made by these tests; nothing once all is deleted.
    async fn leftovers(&self) -> Option<Vec<String>> {
        None
    }
}

/// When an operation fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// Before it changed anything.
    Before,
    /// After it changed something, and before it was done.
    Midway,
}

/// One resource to go through the laws with.
#[derive(Debug, Clone)]
pub struct Case {
    /// What it is called in reports.
    pub name: String,
    /// Its type.
    pub type_name: Arc<str>,
    /// Its configuration, all known, as a person would write it: defaults left out.
    pub config: Value,
    /// Configurations to change it to, one after the other.
    pub edits: Vec<Edit>,
    /// Values for random edits to choose from, by attribute (`block.attribute` in a block), where not every value of its
    /// type makes sense.
    pub samples: BTreeMap<String, Vec<Value>>,
    /// Attributes that random edits leave alone, because the edits above do them better.
    pub left_alone: Vec<String>,
    /// How many attributes one random edit may touch. What is refused together is tried one by one.
    pub together: usize,
    /// After how many waits an operation is killed and cancelled, from few to many; once it has ended before, no more is
    /// tried.
    pub moments: Vec<usize>,
}

/// A change of a configuration.
#[derive(Debug, Clone)]
pub struct Edit {
    /// The whole configuration afterwards.
    pub config: Value,
    /// What it must lead to.
    pub expected: Expected,
}

/// What an edit leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// Nothing to do.
    Nothing,
    /// An update in place.
    Update,
    /// A replacement.
    Replace,
}

impl Case {
    /// A case without edits of its own.
    pub fn new(type_name: &str, config: Value) -> Self {
        Self {
            name: type_name.to_owned(),
            type_name: type_name.into(),
            config,
            edits: Vec::new(),
            samples: BTreeMap::new(),
            left_alone: Vec::new(),
            together: 1,
            moments: (0..MOMENTS).collect(),
        }
    }

    /// With another name in reports.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    /// And then this configuration.
    #[must_use]
    pub fn then(mut self, config: Value, expected: Expected) -> Self {
        self.edits.push(Edit { config, expected });
        self
    }

    /// With values for the random edits of an attribute.
    #[must_use]
    pub fn sample(mut self, attribute: &str, values: impl IntoIterator<Item = Value>) -> Self {
        self.samples.entry(attribute.to_owned()).or_default().extend(values);
        self
    }

    /// With random edits of up to so many attributes at once, where each takes its time.
    #[must_use]
    pub fn together(mut self, attributes: usize) -> Self {
        self.together = attributes.max(1);
        self
    }

    /// Killed and cancelled after so many waits, where the first few are not in the middle of anything.
    #[must_use]
    pub fn interrupted_after(mut self, waits: impl IntoIterator<Item = usize>) -> Self {
        self.moments = waits.into_iter().collect();
        self
    }

    /// Without random edits of an attribute.
    #[must_use]
    pub fn leave(mut self, attribute: &str) -> Self {
        self.left_alone.push(attribute.to_owned());
        self
    }
}

/// For configurations that name no files.
struct NoFiles;

impl NoFiles {
    fn none(path: &std::path::Path) -> FileError {
        FileError { path: path.to_owned(), reason: "this case has no files".to_owned() }
    }
}

impl Files for NoFiles {
    fn read(&self, path: &std::path::Path) -> Result<Arc<[u8]>, FileError> {
        Err(Self::none(path))
    }

    fn capture(&self, path: &std::path::Path) -> Result<CapturedFile, FileError> {
        Err(Self::none(path))
    }

    fn list(&self, folder: &std::path::Path) -> Result<Vec<String>, FileError> {
        Err(Self::none(folder))
    }

    fn entries(&self, folder: &std::path::Path, _: &str) -> Result<Vec<String>, FileError> {
        Err(Self::none(folder))
    }

    fn content(&self, digest: &Digest) -> Result<Arc<[u8]>, FileError> {
        Err(Self::none(std::path::Path::new(&digest.to_string())))
    }
}
