//! One plan across engines: what Terraform makes out feeds a container, an object of Kubernetes, and an inventory whose playbook
//! feeds another value, all of it from nothing in one apply.
#![cfg(target_os = "linux")]

use std::process::Command;

use crate::ansible::with_ansible;
use crate::context::{Answer, Context};
use crate::kubernetes::{kubeconfig, kubectl};
use crate::terraform::engines;

/// From `cargo xtask engines docker`.
const IMAGE: &str = "deployctl-test/busybox:1";

#[track_caller]
fn ok(answer: Answer) -> String {
    assert_eq!(answer.code, 0, "{answer}");
    answer.stdout
}

fn docker(arguments: &[&str]) -> String {
    let output = Command::new("docker").args(arguments).output();
    let output = output.expect("`docker` is needed: cargo xtask engines docker");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "docker {arguments:?}: {said} (is there an engine? cargo xtask engines docker)");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// What nobody can know before Terraform made it, and something that is known from the start.
const MODULE: &str = r#"
variable "hosts" {}
resource "terraform_data" "address" { count = var.hosts }
output "hosts" { value = [for one in terraform_data.address : "host-${one.id}"] }
output "first" { value = terraform_data.address[0].id }
output "size" { value = var.hosts }
"#;

const SITE: &str = r#"
- hosts: all
  gather_facts: false
  tasks:
    - {name: Write, copy: {content: "{{ inventory_hostname }}", dest: "{{ out }}/{{ inventory_hostname }}"}}
    - {name: Tell, set_stats: {data: {configured: "{{ ansible_play_hosts | length }}"}, aggregate: false}}
"#;

fn configuration(tag: &str, engine: &str) -> String {
    format!(
        r#"
variable "hosts" {{
  type    = number
  default = 2
}}
resource "terraform_module" "net" {{
  path   = "net"
  binary = "{engine}"
  vars   = {{ hosts = var.hosts }}
}}
resource "docker_container" "web" {{
  name         = "{tag}-web"
  image        = "{IMAGE}"
  command      = ["sleep", "1000"]
  stop_timeout = 0
  env = {{
    FIRST = terraform_module.net.outputs.first
    SIZE  = terraform_module.net.outputs.size
  }}
}}
resource "kubernetes_object" "settings" {{
  manifest = {{
    apiVersion = "v1"
    kind       = "ConfigMap"
    metadata   = {{ name = "{tag}", namespace = "default" }}
    data = {{
      first = terraform_module.net.outputs.first
      size  = tostring(terraform_module.net.outputs.size)
    }}
  }}
}}
resource "ansible_playbook" "site" {{
  playbook   = "play/site.yml"
  extra_vars = {{ out = abspath("out") }}
  inventory = {{
    all = {{
      hosts = terraform_module.net.outputs.hosts
      vars  = {{ ansible_connection = "local", ansible_python_interpreter = "{{{{ ansible_playbook_python }}}}" }}
    }}
  }}
}}
resource "value" "configured" {{
  input = "${{ansible_playbook.site.facts.configured}} hosts for ${{docker_container.web.name}}"
}}
output "told" {{ value = value.configured.output }}
"#
    )
}

/// A folder, and a container and an object that go with it.
struct World {
    context: Context,
    tag: String,
}

impl World {
    fn new(engine: &str) -> Self {
        let mut context = with_ansible(Context::new());
        context.set("KUBECONFIG", &kubeconfig());
        let name = context.path().file_name().unwrap().to_str().unwrap().trim_start_matches('.').to_lowercase();
        let tag = format!("across-{name}");
        context.write("main.hcl", &configuration(&tag, engine));
        context.write("net/main.tf", MODULE);
        context.write("play/site.yml", SITE);
        context.write("out/.keep", "");
        Self { context, tag }
    }

    fn hosts(&self) -> Vec<String> {
        let state: serde_json::Value = serde_json::from_str(&self.context.read("net/terraform.tfstate")).unwrap();
        let hosts = state["outputs"]["hosts"]["value"].as_array().unwrap();
        hosts.iter().map(|host| host.as_str().unwrap().to_owned()).collect()
    }

    fn environment(&self) -> String {
        docker(&["inspect", "--format", "{{json .Config.Env}}", &format!("{}-web", self.tag)])
    }

    /// What the cluster has in one of the settings.
    fn setting(&self, name: &str) -> String {
        let path = format!("jsonpath={{.data.{name}}}");
        kubectl(&["-n", "default", "get", "configmap", &self.tag, "--ignore-not-found", "-o", &path])
    }

    fn written(&self) -> usize {
        self.hosts().iter().filter(|host| self.context.file(&format!("out/{host}")).exists()).count()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = Command::new("docker").args(["rm", "--force", &format!("{}-web", self.tag)]).output();
        let object = ["-n", "default", "delete", "configmap", &self.tag, "--ignore-not-found", "--wait=false"];
        let _ = Command::new("kubectl").args(object).output();
    }
}

#[test]
fn an_output_of_terraform_feeds_a_container_an_object_and_an_inventory_in_one_plan_from_nothing() {
    let [engine, _] = engines();
    let world = World::new(&engine);
    let context = &world.context;

    // What can be planned is; what cannot even be decided says why, and is not called no change.
    let plan = ok(context.run("plan --out plan.bin"));
    assert!(plan.contains("+ terraform_data.address[1]"), "{plan}");
    assert!(plan.contains("+ docker_container.web"), "{plan}");
    assert!(plan.contains("FIRST = (known after apply)"), "{plan}");
    assert!(plan.contains("+ kubernetes_object.settings"), "{plan}");
    assert!(plan.contains("its objects are checked when all of its configuration is known"), "{plan}");
    assert!(plan.contains("? ansible_playbook.site"), "{plan}");
    assert!(plan.contains("its `inventory` is known only after apply"), "{plan}");
    assert!(plan.contains("1 deferred") && plan.contains("nested: 2 to create"), "{plan}");

    ok(context.run("apply plan.bin"));
    let hosts = world.hosts();
    let first = hosts[0].trim_start_matches("host-");
    assert!(world.environment().contains(&format!("FIRST={first}")), "{}", world.environment());
    assert_eq!((world.setting("first"), world.setting("size")), (first.to_owned(), "2".to_owned()));
    assert_eq!(world.written(), 2);
    let told = format!("2 hosts for {}-web", world.tag);
    assert_eq!(ok(context.run("output told")).trim(), context.filtered(&told));

    // And again there is nothing to do, for any of them.
    let plan = ok(context.run("plan --detailed-exitcode"));
    assert!(plan.contains("No changes. 5 resources are as configured."), "{plan}");
    ok(context.run("apply --auto-approve"));
    assert_eq!(world.hosts(), hosts);

    // A change goes all the way through.
    let plan = ok(context.run("plan --var hosts=3"));
    assert!(plan.contains("nested: 1 to create"), "{plan}");
    ok(context.run("apply --auto-approve --var hosts=3"));
    assert_eq!(world.written(), 3);
    assert!(world.environment().contains("SIZE=3"), "{}", world.environment());
    assert_eq!((world.setting("first"), world.setting("size")), (first.to_owned(), "3".to_owned()));
    assert!(ok(context.run("output told")).starts_with("3 hosts for"));
    ok(context.run("destroy --auto-approve"));
    assert!(docker(&["ps", "--all", "--quiet", "--filter", &format!("name={}", world.tag)]).is_empty());
    assert_eq!(world.setting("first"), "", "the object is left");
}
