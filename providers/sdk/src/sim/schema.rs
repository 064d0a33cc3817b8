//! What the simulated engine offers.

use std::collections::BTreeMap;

use crate::schema::{Attribute, Nesting, ProviderSchema, ResourceSchema};
use crate::types::Type;
use crate::value::Value;

/// A thing of which any number may stand side by side.
pub const OBJECT: &str = "sim_object";

/// A thing that has its name for itself.
pub const SLOT: &str = "sim_slot";

/// The provider's schema.
pub(super) fn provider() -> ProviderSchema {
    ProviderSchema {
        name: "sim".to_owned(),
        doc: "A simulated engine for tests.".to_owned(),
        settings: vec![Attribute::optional(
            "region",
            Type::String,
            "Which part of the simulated world; changes nothing.",
        )],
        resources: vec![object(), slot()],
        max_parallel: None,
    }
}

fn object() -> ResourceSchema {
    ResourceSchema {
        example: "resource \"sim_object\" \"a\" {\n  name = \"a\"\n}\n".to_owned(),
        import_id: Some("its number".to_owned()),
        attributes: attributes(),
        ..ResourceSchema::new(OBJECT, "A simulated thing. Any number of one name may stand side by side.")
    }
}

fn slot() -> ResourceSchema {
    ResourceSchema {
        example: "resource \"sim_slot\" \"a\" {\n  name = \"a\"\n}\n".to_owned(),
        import_id: Some("its number".to_owned()),
        hands_over: true,
        interrupts: true,
        attributes: attributes(),
        ..ResourceSchema::new(
            SLOT,
            "A simulated thing that has its name for itself, and hands it over when it is replaced.",
        )
    }
}

fn attributes() -> Vec<Attribute> {
    let part = vec![
        Attribute::required("label", Type::String, "What the part is called."),
        Attribute::optional("weight", Type::Number, "How heavy it is.").with_default(1),
    ];
    vec![
        Attribute::required("name", Type::String, "What it is called."),
        Attribute::optional("input", Type::Any, "Anything; comes out as `output`."),
        Attribute::optional("size", Type::Number, "How large it is.").with_default(1),
        Attribute::optional("color", Type::String, "Its colour, which it has for life.").replaces(),
        Attribute::optional("secret", Type::String, "Something to keep quiet about.").secret(),
        Attribute::optional("tags", Type::Map(Box::new(Type::String)), "Words to find it by.")
            .with_default(Value::from(BTreeMap::new())),
        Attribute::optional("zone", Type::String, "Where it stands; the engine decides if it is left out.")
            .or_computed(),
        Attribute::block("part", Nesting::List, part, "What it is made of."),
        Attribute::computed("id", Type::String, "Its number."),
        Attribute::computed("output", Type::Any, "What went in as `input`.").volatile(),
        Attribute::computed("generation", Type::Number, "How often it was made or changed.").volatile(),
    ]
}
