//! `local_file`: one file on this machine, with exactly the content and the mode it is to have.

mod apply;
mod disk;
mod folders;
mod observe;
mod prepare;

use deployctl_sdk::{Attribute, ResourceSchema, Type};

pub(crate) use apply::{create, delete, replace, update};
#[cfg(unix)]
pub(crate) use disk::{make_folders, missing_folders, remove_empty_folders};
pub(crate) use observe::{find, find_all, import, read};
pub(crate) use prepare::prepare;

/// The type's name.
pub(crate) const TYPE: &str = "local_file";

/// Computed attributes that `prepare` settles where it can.
pub(crate) const SETTLED: &[&str] = &["digest", "size"];

/// What a configuration may say of a file.
pub(crate) fn schema() -> ResourceSchema {
    let doc = "A file on this machine. It is written whole or not at all, and put back when somebody changes it. \
        A file that is there already is left alone: it has to be imported first. Folders above it are made, and removed \
        with it if they are then empty.";
    let mut schema = ResourceSchema::new(TYPE, doc);
    schema.example = EXAMPLE.to_owned();
    schema.host_bound = true;
    schema.hands_over = true;
    schema.import_id = Some("the file's path, as the configuration will name it".to_owned());
    schema.attributes = vec![
        Attribute::required(
            "path",
            Type::String,
            "Where the file is. A relative path starts at the configuration's folder.",
        )
        .replaces(),
        Attribute::optional("content", Type::String, "What the file holds. Either this or `source` must be given."),
        Attribute::optional(
            "source",
            Type::String,
            "The path of a file to copy. It is captured when the plan is made, so what was reviewed is what is written.",
        ),
        Attribute::optional(
            "mode",
            Type::String,
            "Who may read and write it, in octal. Without it `0644`, or `0600` when the content is sensitive.",
        )
        .or_computed(),
        Attribute::computed("digest", Type::String, "The SHA-256 of what the file holds, in hexadecimal."),
        Attribute::computed("size", Type::Number, "The file's length in bytes."),
    ];
    schema
}

const EXAMPLE: &str = r#"resource "local_file" "settings" {
  path    = "build/settings.ini"
  content = "workers = 4\n"
  mode    = "0640"
}
"#;
