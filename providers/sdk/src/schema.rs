//! What a provider says of its resource types. Validation, the reference documentation, completion and the default plan
//! all come from here, so a type is described once.

use serde::{Deserialize, Serialize};

use crate::types::Type;
use crate::value::Value;

/// All that one provider offers.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ProviderSchema {
    /// The provider's name, as `provider "NAME" {}` has it.
    pub name: String,
    /// One paragraph for the reference documentation, in Markdown.
    pub doc: String,
    /// What `provider "NAME" { … }` takes.
    pub settings: Vec<Attribute>,
    /// The resource types, in the order the documentation shows them.
    pub resources: Vec<ResourceSchema>,
    /// The most actions the engine should be given at once; `None` leaves it to `--parallelism`.
    pub max_parallel: Option<usize>,
}

impl ProviderSchema {
    /// The type of that name.
    pub fn resource(&self, type_name: &str) -> Option<&ResourceSchema> {
        self.resources.iter().find(|resource| resource.name == type_name)
    }
}

/// One resource type.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ResourceSchema {
    /// The type's name, as `resource "TYPE" "name" {}` has it.
    pub name: String,
    /// The version of what its records hold; an older record is passed to [`Provider::upgrade`](crate::Provider::upgrade).
    pub version: u32,
    /// A paragraph or more for the reference documentation, in Markdown.
    pub doc: String,
    /// A configuration that works as it stands, for the reference documentation.
    pub example: String,
    /// Attributes and nested blocks.
    pub attributes: Vec<Attribute>,
    /// Whether the thing lives on the host that made it, so that it cannot be checked from another.
    pub host_bound: bool,
    /// Whether deleting it loses data that deployctl cannot bring back.
    pub holds_data: bool,
    /// What of it a rollback does not bring back, in words that go on from "a rollback does not bring back"; `None` where it
    /// brings back all of it. Where `holds_data` stands, that is said in any case.
    pub not_brought_back: Option<String>,
    /// Whether deleting or replacing it interrupts a service.
    pub interrupts: bool,
    /// Whether a new one can stand beside the old one, so that `create_before_destroy` is possible.
    pub create_first: bool,
    /// Whether the provider does a replacement in one operation of its own (`Operation::Replace`) when it is asked to
    /// create first.
    pub hands_over: bool,
    /// Whether the engine does not keep the configuration that an object was made from, so that it is put aside while the
    /// object is made, for `find` after a crash.
    pub keeps_config: bool,
    /// What `import` takes as an id, in words; `None` where import is not possible.
    pub import_id: Option<String>,
    /// Whether the engine has a notion of health of its own.
    pub has_health: bool,
    /// Whether `logs` works.
    pub has_logs: bool,
    /// Whether `logs` also has what was written before the last restart.
    pub has_previous_logs: bool,
}

impl ResourceSchema {
    /// A type with nothing special about it; set the fields that differ.
    pub fn new(name: &str, doc: &str) -> Self {
        Self {
            name: name.to_owned(),
            version: 1,
            doc: doc.to_owned(),
            example: String::new(),
            attributes: Vec::new(),
            host_bound: false,
            holds_data: false,
            not_brought_back: None,
            interrupts: false,
            create_first: true,
            hands_over: false,
            keeps_config: false,
            import_id: None,
            has_health: false,
            has_logs: false,
            has_previous_logs: false,
        }
    }

    /// The attribute or block of that name.
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attributes.iter().find(|attribute| attribute.name == name)
    }
}

/// One attribute or nested block. Build with [`Attribute::required`], [`Attribute::optional`], [`Attribute::computed`] or
/// [`Attribute::block`] and refine with the methods.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Attribute {
    /// The name, in the engine's own terms.
    pub name: String,
    /// What it takes.
    pub kind: AttributeKind,
    /// Whether a configuration must give it.
    pub required: bool,
    /// Whether the engine decides it where the configuration does not (or, if also `read_only`, always).
    pub computed: bool,
    /// Whether a configuration may not give it at all.
    pub read_only: bool,
    /// For a computed attribute: whether any update may change it, so that it is unknown while one is planned.
    pub changes_on_update: bool,
    /// What stands in for it when it is left out.
    pub default: Option<Value>,
    /// Whether its value must never be shown.
    pub sensitive: bool,
    /// Whether changing it takes a new object.
    pub forces_replacement: bool,
    /// Whether taking it away takes a new object, though changing it does not: the engine can set it anew where the object
    /// stands, and has no way back to having none.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unset_replaces: bool,
    /// A sentence or two for the reference documentation, with the unit where there is one.
    pub doc: String,
}

/// What an attribute takes.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttributeKind {
    /// `name = value`.
    Value(Type),
    /// `name { … }`. In values a block is a map, a repeated one a list of maps.
    Block {
        /// How often it may stand.
        nesting: Nesting,
        /// What stands in it.
        attributes: Vec<Attribute>,
    },
}

/// How often a nested block may stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Nesting {
    /// At most once.
    Single,
    /// Any number of times, the order kept.
    List,
}

impl Attribute {
    fn new(name: &str, kind: AttributeKind, doc: &str) -> Self {
        Self {
            name: name.to_owned(),
            kind,
            required: false,
            computed: false,
            read_only: false,
            changes_on_update: false,
            default: None,
            sensitive: false,
            forces_replacement: false,
            unset_replaces: false,
            doc: doc.to_owned(),
        }
    }

    /// An attribute that must be given.
    pub fn required(name: &str, ty: Type, doc: &str) -> Self {
        Self { required: true, ..Self::new(name, AttributeKind::Value(ty), doc) }
    }

    /// An attribute that may be left out.
    pub fn optional(name: &str, ty: Type, doc: &str) -> Self {
        Self::new(name, AttributeKind::Value(ty), doc)
    }

    /// An attribute that only the engine decides.
    pub fn computed(name: &str, ty: Type, doc: &str) -> Self {
        Self { computed: true, read_only: true, ..Self::new(name, AttributeKind::Value(ty), doc) }
    }

    /// A nested block.
    pub fn block(name: &str, nesting: Nesting, attributes: Vec<Attribute>, doc: &str) -> Self {
        Self::new(name, AttributeKind::Block { nesting, attributes }, doc)
    }

    /// With a value that stands in when it is left out.
    #[must_use]
    pub fn with_default(mut self, default: impl Into<Value>) -> Self {
        self.default = Some(default.into());
        self
    }

    /// Changing it takes a new object.
    #[must_use]
    pub fn replaces(mut self) -> Self {
        self.forces_replacement = true;
        self
    }

    /// Changing it is done in place, and taking it away takes a new object.
    #[must_use]
    pub fn replaces_when_unset(mut self) -> Self {
        self.unset_replaces = true;
        self
    }

    /// Its value is never shown.
    #[must_use]
    pub fn secret(mut self) -> Self {
        self.sensitive = true;
        self
    }

    /// The engine decides it where the configuration does not.
    #[must_use]
    pub fn or_computed(mut self) -> Self {
        self.computed = true;
        self
    }

    /// Any update may change it.
    #[must_use]
    pub fn volatile(mut self) -> Self {
        self.changes_on_update = true;
        self
    }
}
