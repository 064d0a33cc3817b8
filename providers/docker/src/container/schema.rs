//! What a configuration may say of a container.

use deployctl_sdk::{Attribute, ResourceSchema, Type};

/// The type's name.
pub(crate) const TYPE: &str = "docker_container";

/// The type.
pub(crate) fn schema() -> ResourceSchema {
    let mut schema = ResourceSchema::new(TYPE, "A container of an engine.");
    schema.example =
        "resource \"docker_container\" \"web\" {\n  name  = \"web\"\n  image = \"nginx:1.27\"\n}\n".to_owned();
    schema.attributes = vec![
        Attribute::required("name", Type::String, "What the container is called.").replaces(),
        Attribute::required("image", Type::String, "The image to run, by name, digest or id.").replaces(),
        Attribute::computed("id", Type::String, "The engine's id of it."),
    ];
    schema
}
