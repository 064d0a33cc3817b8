//! What is kept of a project besides its attributes.

use std::collections::BTreeMap;

use deployctl_sdk::{Map, Object, Value};

/// The notes of one record.
#[derive(Clone, Default)]
pub(crate) struct Record {
    /// The services, networks, volumes, configs and secrets as they were resolved, for saying what changed. Sensitive texts
    /// bear their mark.
    pub config: Value,
    /// What is known of the services' images.
    pub images: BTreeMap<String, ImageNote>,
    /// What identifies the contents of each service's configs and secrets that are not files. Sensitive: a short content
    /// could be found by trying.
    pub contents: BTreeMap<String, String>,
    /// Whether others made the containers, and may have mounted files from the project's folder.
    pub imported: bool,
    /// The version of Compose that did the work.
    pub version: String,
}

/// What is known of a service's image.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ImageNote {
    /// The image.
    pub id: String,
    /// What identifies the files and settings that it was built from, where it was built.
    pub build: Option<String>,
    /// The same for the files alone.
    pub context: Option<String>,
}

impl Record {
    /// Reads an object's notes; what is not there is empty.
    pub(crate) fn of(object: &Object) -> Self {
        let private = &object.private;
        let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
        let members = |name: &str| private.get(name).and_then(Value::as_map).into_iter().flat_map(Map::iter);
        let image = |value: &Value| ImageNote {
            id: text(value, "id").unwrap_or_default(),
            build: text(value, "build"),
            context: text(value, "context"),
        };
        Self {
            config: private.get("config").cloned().unwrap_or_default(),
            images: members("images").map(|(name, value)| (name.to_string(), image(value))).collect(),
            contents: members("contents")
                .filter_map(|(name, value)| Some((name.to_string(), value.as_str()?.to_owned())))
                .collect(),
            imported: private.get("imported").and_then(Value::as_bool).unwrap_or(false),
            version: text(private, "version").unwrap_or_default(),
        }
    }

    /// The notes as they are kept.
    pub(crate) fn to_value(&self) -> Value {
        let optional = |text: &Option<String>| text.as_deref().map_or(Value::Null, Value::from);
        let image = |note: &ImageNote| {
            Value::map([
                ("id", Value::from(note.id.as_str())),
                ("build", optional(&note.build)),
                ("context", optional(&note.context)),
            ])
        };
        let images = self.images.iter().map(|(name, note)| (name.as_str(), image(note)));
        let contents = self.contents.iter().map(|(name, digest)| (name.as_str(), Value::from(digest.as_str())));
        Value::map([
            ("config", self.config.clone()),
            ("images", Value::map(images)),
            ("contents", Value::map(contents).into_sensitive()),
            ("imported", Value::from(self.imported)),
            ("version", Value::from(self.version.as_str())),
        ])
    }
}
