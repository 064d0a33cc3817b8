//! What a configuration may say of a Compose project.

use deployctl_docker_client as docker;
use deployctl_sdk::{Attribute, ProviderSchema, ResourceSchema, Type, Value};

/// The type's name.
pub(crate) const TYPE: &str = "compose_project";

/// The provider.
pub(crate) fn provider() -> ProviderSchema {
    let mut settings = vec![Attribute::optional(
        "binary",
        Type::String,
        "The program: `docker`, whose plugin is then used as `docker compose`, or a standalone `docker-compose` of version \
        2. A name is looked up in `PATH`; a path starts at the configuration's folder. Without it `docker compose`, then \
        `docker-compose`.",
    )];
    settings.extend(docker::Settings::schema());
    ProviderSchema {
        name: "compose".to_owned(),
        doc: "Docker Compose projects. The official Docker Compose (version 2.32 or later) does the work, so a project runs \
            exactly as `docker compose up` would run it; what it will do, and why, is in the plan."
            .to_owned(),
        settings,
        resources: vec![project()],
        max_parallel: None,
    }
}

fn project() -> ResourceSchema {
    let mut schema = ResourceSchema::new(TYPE, DOC);
    schema.example = EXAMPLE.to_owned();
    schema.interrupts = true;
    schema.create_first = false;
    schema.has_health = true;
    schema.has_logs = true;
    schema.import_id = Some("the name of a project that runs, as `docker compose ls` shows it".to_owned());
    schema.attributes = attributes();
    schema
}

const DOC: &str = "A Docker Compose project. The plan says for each service, network and volume what will happen and why: which \
    keys of its configuration changed, whether its image moved or its build context changed, which dependency takes it \
    along, what is stopped, missing, scaled or left over.\n\n\
    The Compose files and everything they name (`extends`, `include`, environment files, configs, secrets, single files that \
    are mounted, build contexts) are captured with the plan, so that a saved plan and a rollback deploy what was reviewed. \
    Mounted folders are not captured: containers see them as they are, and the plan lists them. A captured file is mounted \
    from deployctl's own folder beside the state, so a container that writes to it does not change the checkout.\n\n\
    Variables in Compose files come from `env`, from `env_files` or the project's `.env`, and not from deployctl's own \
    environment: what was reviewed must not depend on the shell that it is applied from. A variable of the shell is passed \
    on with `env = { TAG = env(\"TAG\") }`.\n\n\
    Services that ran to their end and that others wait for (`service_completed_successfully`) count as done. Compose runs \
    them again whenever it is run; the plan says so when there is something else to do.\n\n\
    When a network must be made anew, its containers are disconnected first, so that Compose makes them anew with their \
    aliases; by itself it would leave them on the new network without a name.";

const EXAMPLE: &str = r#"resource "compose_project" "shop" {
  path = "shop"
  env = {
    TAG         = "1.4"
    DB_PASSWORD = var.db_password
  }
  profiles = ["web"]
  scale = {
    worker = 3
  }
}
"#;

fn attributes() -> Vec<Attribute> {
    let texts = || Type::List(Box::new(Type::String));
    vec![
        Attribute::optional(
            "path",
            Type::String,
            "The project's folder, from the configuration's folder on. Relative paths in its Compose files start there.",
        )
        .with_default("."),
        Attribute::optional(
            "files",
            texts(),
            "The Compose files, from `path` on, later ones merged over earlier ones. Without it those that Compose finds: \
            `compose.yaml` or `docker-compose.yaml`, and its override.",
        )
        .or_computed(),
        Attribute::optional(
            "project_name",
            Type::String,
            "The project's name, which the names of its containers, networks and volumes begin with. Without it `name` in \
            the Compose files, then the last part of `path`, then the resource's own name.",
        )
        .or_computed()
        .replaces(),
        Attribute::optional(
            "env",
            Type::Map(Box::new(Type::String)),
            "Variables for the Compose files. The place for sensitive values: wherever Compose puts them, they are not shown.",
        ),
        Attribute::optional(
            "env_files",
            texts(),
            "Files with variables for the Compose files, from the configuration's folder on, in place of the project's \
            `.env`. `env` goes before them.",
        ),
        Attribute::optional("profiles", texts(), "The profiles whose services are to run too."),
        Attribute::optional(
            "services",
            texts(),
            "Only these services, and those that they depend on. Without it all of the active profiles.",
        ),
        Attribute::optional(
            "scale",
            Type::Map(Box::new(Type::Number)),
            "How many containers a service has, in place of what its Compose file says.",
        ),
        Attribute::optional(
            "build",
            Type::String,
            "When images with a `build` section are built: `changed` (also where there is none yet), `always` or `never`.",
        )
        .with_default("changed"),
        Attribute::optional(
            "pull",
            Type::String,
            "When images are pulled: `missing`, `always` or `never`. A service's own `pull_policy` goes before it.",
        )
        .with_default("missing"),
        Attribute::optional(
            "wait",
            Type::Bool,
            "Whether to wait until every service runs, and is healthy where it has a health check.",
        )
        .with_default(true),
        Attribute::optional(
            "remove_orphans",
            Type::Bool,
            "Whether containers of services that are not in the Compose files any more, or not selected, are removed.",
        )
        .with_default(true),
        Attribute::optional(
            "remove_volumes",
            Type::Bool,
            "Whether the project's volumes, with the data in them, are removed when the resource is deleted.",
        )
        .with_default(false),
        Attribute::computed(
            "containers",
            Type::Map(Box::new(Type::List(Box::new(Type::Any)))),
            "The containers of each service: `name`, `id`, `image`, `state`, and `ports`, a map from the container's ports \
            to addresses of the host.",
        )
        .volatile(),
    ]
}

/// What stands for an attribute that is not given.
pub(crate) fn default_of(name: &str) -> Value {
    let found = attributes().into_iter().find(|attribute| attribute.name == name);
    found.and_then(|attribute| attribute.default).unwrap_or_default()
}
