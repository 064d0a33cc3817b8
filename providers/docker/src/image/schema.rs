//! What a configuration may say of an image.

use deployctl_sdk::{Attribute, Nesting, ResourceSchema, Type};

/// The type's name.
pub(crate) const TYPE: &str = "docker_image";

/// The attribute with the digest of all that a build is made from. `prepare` settles it.
pub(super) const BUILD_DIGEST: &str = "build_digest";

/// The type.
pub(crate) fn schema() -> ResourceSchema {
    let doc = "An image that an engine has under a name: built from a folder, or pulled from a registry.\n\n\
        **Built** images are made by the engine's own (classic) builder from the files of the context as they were when \
        the plan was made; `.dockerignore` and `.deployctlignore` leave files out. While neither a file nor an argument \
        changes, nothing is built again, whatever became of the base image: `triggers` or `--replace` build all the same. \
        Links to files are sent as the files, links to folders are left out. Build arguments stay readable in the image's \
        history for whoever has the image, the sensitive ones too.\n\n\
        **Pulled** images are pulled again when the tag is moved at the registry. Credentials come from Docker's own \
        configuration and its credential helpers.\n\n\
        A tag is a name: building or pulling moves it, whoever's it was. Every image is also given a tag below \
        `localhost/deployctl/`, under which it is kept while the history may need it, so that going back to an earlier \
        revision builds nothing; `deployctl state prune` lets go of those that no revision refers to. So `destroy` takes \
        away the name, and the kept image stays until it is pruned.";
    let texts = || Type::Map(Box::new(Type::String));
    let mut schema = ResourceSchema::new(TYPE, doc);
    schema.example = EXAMPLE.to_owned();
    // A name stands for one image at a time; an update moves it without a gap.
    schema.create_first = false;
    schema.import_id = Some("the image's name".to_owned());
    schema.attributes = vec![
        Attribute::required(
            "name",
            Type::String,
            "The name the image is to have, like `shop/web:1.4`; without a tag, `latest`.",
        ),
        Attribute::block(
            "build",
            Nesting::Single,
            vec![
                Attribute::required("context", Type::String, "The folder to build from."),
                Attribute::optional("dockerfile", Type::String, "The Dockerfile, from the context's folder on.")
                    .with_default("Dockerfile"),
                Attribute::optional("target", Type::String, "The stage to build; without it the last one."),
                Attribute::optional("args", texts(), "Build arguments. Sensitive ones are shown nowhere by deployctl."),
                Attribute::optional("labels", texts(), "Labels on the image."),
                Attribute::optional("triggers", texts(), "Anything; when it changes, the image is built again."),
            ],
            "How to build it. Exactly one of this and `pull`.",
        ),
        Attribute::optional(
            "pull",
            Type::String,
            "What to pull, by tag (`nginx:1.27`) or digest (`nginx@sha256:…`). Exactly one of this and `build`.",
        ),
        Attribute::optional("platform", Type::String, "The platform to build or pull for, like `linux/arm64`."),
        Attribute::optional("push", Type::Bool, "Whether to push the name to its registry once the image is there.")
            .with_default(false),
        Attribute::computed(
            "id",
            Type::String,
            "The image's id. It changes with the image, so name it where it is used.",
        )
        .volatile(),
        Attribute::computed(
            "digest",
            Type::String,
            "The digest of its manifest at the registry, once pulled or pushed.",
        )
        .volatile(),
        Attribute::computed(BUILD_DIGEST, Type::String, "The digest of all that it is built from."),
    ];
    schema
}

/// The schema for planning, in which `prepare` gives what it has settled.
pub(super) fn planning(schema: &ResourceSchema) -> ResourceSchema {
    let mut schema = schema.clone();
    for attribute in schema.attributes.iter_mut().filter(|attribute| attribute.name == BUILD_DIGEST) {
        attribute.read_only = false;
    }
    schema
}

const EXAMPLE: &str = r#"resource "docker_image" "web" {
  name = "shop/web:1.4"
  build {
    context = "web"
    args    = { VERSION = "1.4" }
  }
}
"#;
