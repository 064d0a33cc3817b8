//! What a configuration may say of a playbook.

use deployctl_sdk::{Attribute, ProviderSchema, ResourceSchema, Type};

/// The type's name.
pub(crate) const TYPE: &str = "ansible_playbook";

/// How often a host that cannot be reached is tried again, unless the configuration says otherwise.
const RETRIES: i64 = 2;

/// What the provider offers.
pub(crate) fn provider() -> ProviderSchema {
    ProviderSchema {
        name: "ansible".to_owned(),
        doc:
            "Playbooks, planned by Ansible's own check run and applied by a run of exactly what was reviewed. It needs \
            `ansible-playbook` (ansible-core 2.15 or newer) on this machine and has no settings."
                .to_owned(),
        settings: Vec::new(),
        resources: vec![playbook()],
        max_parallel: None,
    }
}

fn playbook() -> ResourceSchema {
    let mut schema = ResourceSchema::new(TYPE, DOC);
    schema.example = EXAMPLE.to_owned();
    schema.create_first = false;
    schema.attributes = attributes();
    schema
}

const DOC: &str = "A playbook and the hosts that it is run on. \n\n\
    It is planned by a check run (`--check --diff`): each task on each host that would change something is shown with its \
    differences. Tasks that a check run cannot foresee (`command`, `shell`, `raw`, scripts, modules without a check mode, \
    tasks with `check_mode: false`, which Ansible runs even in a check run) are counted and listed as unpredictable. \
    Unpredictable tasks alone are a remark, and no change, while the playbook's files, its inventory and its variables are \
    those that were applied last; otherwise the playbook is run. What a check run finds while nothing was changed here is \
    drift. A host that cannot be reached is named. With `plan = \"digest\"` no check run is made: the playbook is run when its \
    files, inventory or variables changed, and not otherwise. \n\n\
    Captured, and so the same in a saved plan and in a rollback, are the playbook's folder with all in it (of the \
    configuration's own folder only YAML files and the folders that Ansible knows, such as `roles`, `group_vars` and \
    `templates`), the inventory with `group_vars` and `host_vars` beside it, `ansible.cfg`, and roles and collections in \
    relative paths; a `.deployctlignore` leaves files out. Password and key files are never captured. What is run is a copy, \
    so `playbook_dir` is not the folder of the checkout, and tasks that write on this machine need absolute paths, as of \
    `abspath(\"out\")`: what is written into the copy is an error. \n\n\
    A run that failed on some hosts is recorded host by host, and the next apply goes on. Going back to an earlier revision \
    runs the playbook as it was then; what a later one did and the earlier does not mention stays. Without \
    `destroy_playbook` nothing is undone when the resource goes: it is forgotten.";

fn attributes() -> Vec<Attribute> {
    let texts = || Type::List(Box::new(Type::String));
    let any = || Type::Map(Box::new(Type::Any));
    vec![
        Attribute::required("playbook", Type::String, "The playbook's file."),
        Attribute::optional(
            "inventory",
            Type::Any,
            "The hosts: a path, a list of paths, or a map in the form of Ansible's YAML inventories (groups with `hosts`, \
             `children` and `vars`, where `hosts` may also be a list of names). A text with a comma is a list of hosts. \
             Without it, `ansible.cfg` decides, and there is only the implicit `localhost` where it does not.",
        ),
        Attribute::optional("limit", Type::String, "Only the hosts that this pattern matches."),
        Attribute::optional("tags", texts(), "Only the tasks with one of these tags."),
        Attribute::optional(
            "extra_vars",
            any(),
            "Variables that take precedence over all others. The place for sensitive values: they reach Ansible in a \
             private file.",
        ),
        Attribute::optional(
            "vault_password_file",
            Type::String,
            "The file with the password of vaults, or a program that prints it. It is never captured.",
        ),
        Attribute::optional("private_key_file", Type::String, "The SSH key to log in with. It is never captured."),
        Attribute::optional("become", Type::Bool, "Whether tasks are run as another user, root unless Ansible is told otherwise.")
            .with_default(false),
        Attribute::optional("forks", Type::Number, "How many hosts are worked on at one time; 5 unless Ansible is told otherwise."),
        Attribute::optional(
            "destroy_playbook",
            Type::String,
            "The playbook that undoes it, run with the same inventory and variables when the resource is destroyed. \
             Without it the resource is forgotten then.",
        ),
        Attribute::optional(
            "collections_path",
            Type::String,
            "A folder with collections. A relative one is captured, an absolute one belongs to the machine.",
        ),
        Attribute::optional(
            "binary",
            Type::String,
            "The program to run. With a `/` in it, it starts at the configuration's folder; any other is looked up in \
             `PATH`.",
        )
        .with_default("ansible-playbook"),
        Attribute::optional(
            "plan",
            Type::String,
            "How it is planned: `check` by a check run, `digest` by comparing files, inventory and variables with those \
             that were applied last.",
        )
        .with_default("check"),
        Attribute::optional(
            "unreachable_retries",
            Type::Number,
            "How often hosts that cannot be reached are tried again in one apply, after 1, 2, 4 … seconds.",
        )
        .with_default(RETRIES),
        Attribute::computed(
            "source_digest",
            Type::String,
            "The SHA-256 of all captured files, as they were last applied.",
        ),
        Attribute::computed(
            "facts",
            any(),
            "What the playbook exports with `set_stats`. What a task with `no_log` exports, or what holds something from a \
             vault, is sensitive.",
        )
        .volatile(),
        Attribute::computed("host_facts", any(), "What it exports with `set_stats` and `per_host`, by host.").volatile(),
        Attribute::computed(
            "hosts",
            any(),
            "How the last run ended on each host: `result` (`ok`, `failed` or `unreachable`), and how many tasks were `ok`, \
             `changed`, `failed` and `skipped`.",
        )
        .volatile(),
    ]
}

const EXAMPLE: &str = r#"resource "ansible_playbook" "web" {
  playbook = "ansible/site.yml"
  inventory = {
    web = {
      hosts = ["web1.example.com", "web2.example.com"]
      vars  = { ansible_user = "deploy" }
    }
  }
  extra_vars = {
    release  = var.release
    password = var.database_password
  }
  private_key_file = "~/.ssh/deploy"
  become           = true
}
"#;
