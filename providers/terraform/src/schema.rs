//! What a `terraform_module` takes and has.

use deployctl_sdk::{Attribute, Number, ProviderSchema, ResourceSchema, Type, Value};

/// The type.
pub const TYPE: &str = "terraform_module";

/// The names of the attributes; each stands here once.
pub(crate) mod attribute {
    pub(crate) const PATH: &str = "path";
    pub(crate) const BINARY: &str = "binary";
    pub(crate) const WORKSPACE: &str = "workspace";
    pub(crate) const BACKEND_CONFIG: &str = "backend_config";
    pub(crate) const VAR_FILES: &str = "var_files";
    pub(crate) const VARS: &str = "vars";
    pub(crate) const ENV: &str = "env";
    pub(crate) const TARGETS: &str = "targets";
    pub(crate) const PARALLELISM: &str = "parallelism";
    pub(crate) const LOCK_TIMEOUT: &str = "lock_timeout";
    pub(crate) const INCLUDE: &str = "include";
    pub(crate) const AUTO_APPROVE: &str = "auto_approve";
    pub(crate) const ALLOW_DESTROY: &str = "allow_destroy";
    pub(crate) const OUTPUTS: &str = "outputs";
}

const DOC: &str = "A Terraform or OpenTofu root module with its state, planned and applied as one resource. Its nested \
    changes are shown one by one in the plan, its outputs are attributes for other resources \
    (`terraform_module.NAME.outputs.OUTPUT`).\n\n\
    The module's folder is captured when it is planned, with the local modules that it calls, and the captured copy is what \
    runs. State in Terraform's local backend stays where it was, in the module's own folder; every other backend is used as \
    the module configures it. `*.tfstate`, `.terraform/` and `.git/` are not captured, nor is what a `.deployctlignore` names; \
    files that the module reads from outside its folder are named with `include`.\n\n\
    A module whose inputs are known only after another resource is applied is *deferred*: it is planned in the middle of the \
    apply. Nobody looks at such a plan, so it is carried out only with `auto_approve` (or `apply --auto-approve`), and deletes \
    nothing without `allow_destroy` (or `apply --approve-deferred`). Both mean nothing for plans that were shown beforehand.\n\n\
    A sensitive value in `vars` makes the module's variable sensitive, and with it everything that the module computes from it; \
    an output that shows such a value is sensitive too, whether the module says so or not.\n\n\
    Changing `path`, `workspace` or `backend_config` means another state: what the old one holds is destroyed.";

const EXAMPLE: &str = r#"resource "terraform_module" "network" {
  path = "infra/network"
  vars = {
    region = "eu-central-1"
    cidr   = "10.5.0.0/16"
  }
}

resource "local_file" "subnets" {
  path    = "subnets.json"
  content = jsonencode(terraform_module.network.outputs.subnet_ids)
}
"#;

/// What the provider offers.
pub(crate) fn provider() -> ProviderSchema {
    ProviderSchema {
        name: "terraform".to_owned(),
        doc: "Terraform and OpenTofu modules. It needs the program `terraform` (1.5 or newer) or `tofu` (1.6 or newer) in \
            `PATH`, and has no settings; Terraform's own (`TF_CLI_CONFIG_FILE`, `TF_PLUGIN_CACHE_DIR`, proxies, credentials \
            of clouds) are taken from the environment. Downloaded provider plugins are shared by all modules, in \
            `TF_PLUGIN_CACHE_DIR` or else below the user's cache folder."
            .to_owned(),
        settings: Vec::new(),
        resources: vec![resource()],
        max_parallel: None,
    }
}

fn resource() -> ResourceSchema {
    use attribute as name;
    let strings = || Type::Map(Box::new(Type::String));
    let list = || Type::List(Box::new(Type::String));
    ResourceSchema {
        example: EXAMPLE.to_owned(),
        attributes: vec![
            Attribute::required(name::PATH, Type::String, "The module's folder.").replaces(),
            Attribute::optional(
                name::BINARY,
                Type::String,
                "The program: `terraform` or `tofu`, looked up in `PATH`, or a path to one of them.",
            )
            .with_default("terraform"),
            Attribute::optional(
                name::WORKSPACE,
                Type::String,
                "The workspace of the module's backend. It must exist already, unless it is the default one.",
            )
            .with_default("default")
            .replaces(),
            Attribute::optional(
                name::BACKEND_CONFIG,
                strings(),
                "Settings for the module's `backend` block, as `terraform init -backend-config` takes them; passed by a \
                private file.",
            )
            .replaces(),
            Attribute::optional(
                name::VAR_FILES,
                list(),
                "Files with variables, from the configuration's folder; a later one overrules an earlier one. They are \
                captured.",
            ),
            Attribute::optional(
                name::VARS,
                Type::Map(Box::new(Type::Any)),
                "The module's variables; they overrule `var_files` and are passed by a private file.",
            ),
            Attribute::optional(
                name::ENV,
                strings(),
                "Environment variables for the program, such as a cloud's credentials.",
            ),
            Attribute::optional(
                name::TARGETS,
                list(),
                "Addresses in the module; only these, and what they depend on, are planned.",
            ),
            Attribute::optional(name::PARALLELISM, Type::Number, "The most nested operations at one time.")
                .with_default(Value::Number(Number::from(10_i64))),
            Attribute::optional(
                name::LOCK_TIMEOUT,
                Type::String,
                "How long to wait for the module's own state lock where another holds it, such as `30s`.",
            )
            .with_default("0s"),
            Attribute::optional(
                name::INCLUDE,
                list(),
                "Further files and folders that the module reads from outside its own folder; they are captured, and stand in \
                the same place relative to it.",
            ),
            Attribute::optional(
                name::AUTO_APPROVE,
                Type::Bool,
                "Whether a plan of this module that is made in the middle of an apply may be carried out without another \
                look. `apply --auto-approve` implies it.",
            )
            .with_default(false),
            Attribute::optional(
                name::ALLOW_DESTROY,
                Type::Bool,
                "Whether a plan of this module that is made in the middle of an apply may delete or replace.",
            )
            .with_default(false),
            Attribute::computed(
                name::OUTPUTS,
                Type::Map(Box::new(Type::Any)),
                "The module's outputs by name: unknown while a plan changes them, sensitive where the module marks them so.",
            )
            .volatile(),
        ],
        holds_data: true,
        create_first: false,
        keeps_config: true,
        import_id: Some("the module's folder, and `@WORKSPACE` after it where that is not the default one".to_owned()),
        ..ResourceSchema::new(TYPE, DOC)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_attribute_has_a_place_in_the_schema() {
        let schema = resource();
        for name in ["path", "vars", "env", "outputs", "allow_destroy", "lock_timeout", "include"] {
            assert!(schema.attribute(name).is_some(), "{name}");
        }
    }
}
