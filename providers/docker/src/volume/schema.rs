//! What a configuration may say of a volume.

use deployctl_sdk::{Attribute, ResourceSchema, Type};

/// The type's name.
pub(crate) const TYPE: &str = "docker_volume";

/// The type.
pub(crate) fn schema() -> ResourceSchema {
    let doc = "A volume that containers keep data in. A volume is never removed with what is in it unless that was asked \
        for with `delete_data = true`, applied before. Without it, taking the resource out of the configuration (or \
        `destroy`) leaves the volume where it is; when the resource comes back in the same state, it is taken up again \
        with its data. A change that takes a new volume is refused then. Whether a volume is empty cannot be asked of the \
        engine cheaply, so each one counts as holding data. A rollback does not bring data back.";
    let texts = || Type::Map(Box::new(Type::String));
    let mut schema = ResourceSchema::new(TYPE, doc);
    schema.example = EXAMPLE.to_owned();
    schema.holds_data = true;
    // The name is the volume: two of one name cannot be.
    schema.create_first = false;
    schema.import_id = Some("the volume's name".to_owned());
    schema.attributes = vec![
        Attribute::required("name", Type::String, "What the volume is called.").replaces(),
        Attribute::optional("driver", Type::String, "What keeps the data.").with_default("local").replaces(),
        Attribute::optional(
            "driver_opts",
            texts(),
            "Options of the driver, like `type`, `device` and `o` of `local`. Mark a password in them as sensitive.",
        )
        .replaces(),
        Attribute::optional("labels", texts(), "Labels on the volume, besides deployctl's own.").replaces(),
        Attribute::optional(
            "delete_data",
            Type::Bool,
            "Whether the volume may be removed with all that is in it. It must have been applied before the removal.",
        )
        .with_default(false),
        Attribute::computed("mountpoint", Type::String, "Where the engine has it on its host."),
        Attribute::computed("scope", Type::String, "How far it reaches: `local` or `global`."),
    ];
    schema
}

const EXAMPLE: &str = r#"resource "docker_volume" "data" {
  name   = "app-data"
  labels = { "com.example.backup" = "daily" }
}
"#;
