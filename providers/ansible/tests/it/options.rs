//! What a configuration says of a run, and what becomes of it on the hosts.

use deployctl_sdk::{Object, Value};

use crate::bench::{Bench, local, text};

/// Writes who did what where, and tells.
const SITE: &str = "
- hosts: all
  gather_facts: false
  roles: [{role: acme.shop.hello, tags: role}]
  tasks:
    - {name: First, raw: \"id -un > {{ out }}/{{ inventory_hostname }}.first\", tags: first}
    - {name: Second, raw: \"id -un > {{ out }}/{{ inventory_hostname }}.second\", tags: second}
    - {name: Each, set_stats: {data: {is: \"{{ inventory_hostname }}\"}, per_host: true, aggregate: false}, tags: always}
    - {name: Sum, set_stats: {data: {count: 1, said: \"{{ said | default('nothing') }}\"}}, tags: always}
";

struct World {
    bench: Bench,
}

impl World {
    async fn new() -> Self {
        let bench = Bench::new().await;
        bench.write("play/site.yml", SITE);
        let role = "collections/ansible_collections/acme/shop/roles/hello/tasks/main.yml";
        bench.write(role, "- set_fact: {said: \"{{ greeting | default('hello') }}\"}\n");
        deployctl_sdk::fs::create_dir_all(&bench.path("out")).unwrap();
        // Another user writes here too.
        let all = std::os::unix::fs::PermissionsExt::from_mode(0o777);
        std::fs::set_permissions(bench.path("out"), all).unwrap();
        crate::remote::let_others_in(&bench.path("out"));
        Self { bench }
    }

    async fn applied(&self, vars: &[(&str, &str)], more: &[(&'static str, Value)]) -> Object {
        let out = self.bench.path("out").display().to_string();
        let vars = vars.iter().map(|(name, value)| (*name, Value::from(*value)));
        let mut given = vec![
            ("playbook", "play/site.yml".into()),
            ("inventory", local(&["one", "two"])),
            ("extra_vars", Value::map(vars.chain([("out", Value::from(out))]))),
            ("collections_path", "collections".into()),
            ("plan", "digest".into()),
        ];
        given.extend(more.iter().cloned());
        self.bench.create(&given).await
    }

    /// What was written since the last look.
    fn written(&self) -> Vec<String> {
        let files = crate::bench::files_below(&self.bench.path("out"));
        let mut names: Vec<String> = files
            .iter()
            .map(|path| format!("{} by {}", path.file_name().unwrap().to_string_lossy(), text(path).trim()))
            .collect();
        files.iter().for_each(|path| deployctl_sdk::fs::remove_file(path).unwrap());
        names.sort();
        names
    }
}

fn fact<'o>(object: &'o Object, name: &str) -> Option<&'o Value> {
    object.attributes.get("facts")?.get(name)
}

#[tokio::test]
async fn a_limit_and_tags_choose_hosts_and_tasks() {
    let world = World::new().await;
    let me = whoami();
    let all = world.applied(&[], &[]).await;
    assert_eq!(world.written().len(), 4);
    // What is exported for the run is the sum over its hosts, and beside it stands what is exported host by host.
    assert_eq!(fact(&all, "count"), Some(&Value::from(2)));
    let host = |name: &str| all.attributes.get("host_facts").unwrap().get(name).unwrap().get("is").cloned();
    assert_eq!((host("one"), host("two")), (Some("one".into()), Some("two".into())));

    let chosen = [("limit", Value::from("two")), ("tags", Value::list(["second".into()]))];
    let object = world.applied(&[], &chosen).await;
    assert_eq!(world.written(), [format!("two.second by {me}")]);
    assert_eq!(fact(&object, "count"), Some(&Value::from(1)));
    let hosts: Vec<&str> =
        object.attributes.get("hosts").unwrap().as_map().unwrap().keys().map(|host| &**host).collect();
    assert_eq!(hosts, ["two"]);
}

#[tokio::test]
async fn collections_are_found_where_they_are_said_to_be_and_variables_overrule_what_is_there() {
    let world = World::new().await;
    let role = [("limit", Value::from("one")), ("tags", Value::list(["role".into()]))];
    let object = world.applied(&[], &role).await;
    assert_eq!(fact(&object, "said"), Some(&Value::from("hello")));
    assert!(object.captured.iter().any(|file| file.path.ends_with("hello/tasks/main.yml")), "{:?}", object.captured);
    let object = world.applied(&[("greeting", "good morning")], &role).await;
    assert_eq!(fact(&object, "said"), Some(&Value::from("good morning")));
}

#[tokio::test]
async fn tasks_are_run_as_another_user_if_that_is_asked_for() {
    let world = World::new().await;
    // Of a user without a login shell too.
    let other =
        [("ansible_become_method", "su"), ("ansible_become_user", "nobody"), ("ansible_become_flags", "-s /bin/sh")];
    let one = [("limit", Value::from("one")), ("tags", Value::list(["first".into()]))];
    world.applied(&other, &one).await;
    assert_eq!(world.written(), [format!("one.first by {}", whoami())]);
    let [limit, tags] = one;
    world.applied(&other, &[limit, tags, ("become", true.into())]).await;
    assert_eq!(world.written(), ["one.first by nobody"]);
}

fn whoami() -> String {
    let output = std::process::Command::new("id").arg("-un").output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
