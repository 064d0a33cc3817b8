//! What a plan shows, and when there is none.

use std::path::PathBuf;

use deployctl_sdk::{Action, PlannedChange, Reason, RiskKind, Value};

use crate::bench::{Bench, done, local, python, text};

const SITE: &str = "
- hosts: all
  gather_facts: false
  tasks:
    - name: Write the greeting
      ansible.builtin.copy:
        content: \"hello {{ who }}\\n\"
        dest: \"{{ out }}/{{ inventory_hostname }}\"
    - name: Count
      ansible.builtin.set_stats:
        data: {greeted: \"{{ who }}\"}
        aggregate: false
";

const COMMAND: &str = "
    - name: Restart it
      ansible.builtin.command: date
";

fn given(bench: &Bench, who: &str) -> Vec<(&'static str, Value)> {
    let out = bench.path("out").display().to_string();
    deployctl_sdk::fs::create_dir_all(&bench.path("out")).unwrap();
    let vars = Value::map([("who", Value::from(who)), ("out", Value::from(out))]);
    vec![("playbook", "play/site.yml".into()), ("inventory", local(&["web1", "web2"])), ("extra_vars", vars)]
}

fn changed(plan: &PlannedChange) -> Vec<&str> {
    let changed = plan.children.iter().filter(|child| child.action != Action::NoOp);
    changed.map(|child| child.name.as_str()).collect()
}

#[tokio::test]
async fn a_task_on_a_host_is_a_child_with_its_difference() {
    let bench = Bench::new().await;
    bench.write("play/site.yml", SITE);
    let plan = bench.plan(None, &given(&bench, "world")).await;
    assert_eq!(plan.action, Action::Create);
    assert_eq!(changed(&plan), ["web1: Write the greeting", "web2: Write the greeting"]);
    assert_eq!(plan.children.len(), 4, "what stays as it is, is there too");
    let diff = &plan.children[0].diffs[0];
    assert_eq!(diff.after.as_ref().and_then(Value::as_str), Some("hello world\n"));
    assert_eq!(diff.path.attribute(), Some(&*bench.path("out/web1").display().to_string()));
    assert!(!bench.path("out/web1").exists(), "a plan changed something");
    assert!(plan.risks.is_empty(), "{:?}", plan.risks);

    let object = bench.create(&given(&bench, "world")).await;
    assert_eq!(text(&bench.path("out/web2")), "hello world\n");
    assert_eq!(object.attributes.get("facts"), Some(&Value::map([("greeted", Value::from("world"))])));
    assert_eq!(object.attributes.get("hosts").and_then(|h| h.get("web1")?.get("result")), Some(&Value::from("ok")));
    assert!(bench.said().contains(&"web1: Write the greeting: changed".to_owned()), "{:?}", bench.said());
    let again = bench.plan(Some(&object), &given(&bench, "world")).await;
    assert_eq!((again.action, again.notes), (Action::NoOp, vec![]));

    let update = bench.plan(Some(&object), &given(&bench, "moon")).await;
    assert_eq!((update.action, &update.reason), (Action::Update, &Reason::Changed));
    assert_eq!(update.children[0].diffs[0].before.as_ref().and_then(Value::as_str), Some("hello world\n"));
    assert_eq!(update.planned.get("facts"), Some(&Value::Unknown));
    assert_eq!(bench.left_beside_the_state(), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn what_a_check_run_finds_while_nothing_changed_here_is_drift() {
    let bench = Bench::new().await;
    bench.write("play/site.yml", SITE);
    let object = bench.create(&given(&bench, "world")).await;
    bench.write("out/web2", "somebody else's\n");
    let plan = bench.plan(Some(&object), &given(&bench, "world")).await;
    assert_eq!((plan.action, &plan.reason), (Action::Update, &Reason::Drifted));
    assert_eq!(plan.drift.len(), 1);
    assert_eq!(plan.drift[0].path.attribute(), Some("web2"));
    assert_eq!(changed(&plan), ["web2: Write the greeting"]);
    done(bench.apply(Some(&object), &given(&bench, "world")).await);
    assert_eq!(text(&bench.path("out/web2")), "hello world\n");
}

#[tokio::test]
async fn unpredictable_tasks_are_counted_and_never_called_no_change() {
    let bench = Bench::new().await;
    bench.write("play/site.yml", &format!("{SITE}{COMMAND}"));
    let plan = bench.plan(None, &given(&bench, "world")).await;
    let risk = plan.risks.iter().find(|risk| risk.kind == RiskKind::Unpredictable).unwrap();
    assert!(risk.text.starts_with("2 tasks unpredictable: web1: Restart it (command), web2"), "{}", risk.text);
    assert!(changed(&plan).contains(&"web1: Restart it"));

    // Nothing changed here, so it is a remark.
    let object = bench.create(&given(&bench, "world")).await;
    let plan = bench.plan(Some(&object), &given(&bench, "world")).await;
    assert_eq!(plan.action, Action::NoOp);
    assert!(plan.notes[0].0.starts_with("2 tasks unpredictable"), "{:?}", plan.notes);

    // The playbook, its inventory or its variables changed, so it is run.
    bench.write("play/site.yml", &format!("{SITE}{COMMAND}      tags: [x]\n"));
    let plan = bench.plan(Some(&object), &given(&bench, "world")).await;
    assert_eq!((plan.action, plan.reason), (Action::Update, Reason::Changed));
    bench.write("play/site.yml", &format!("{SITE}{COMMAND}"));
    let mut vars = given(&bench, "world");
    let out = bench.path("out").display().to_string();
    let more = Value::map([("who", Value::from("world")), ("out", Value::from(out)), ("z", Value::from("z"))]);
    vars[2].1 = more;
    assert_eq!(bench.plan(Some(&object), &vars).await.action, Action::Update);
    let mut hosts = given(&bench, "world");
    hosts[1].1 = local(&["web1"]);
    assert_eq!(bench.plan(Some(&object), &hosts).await.action, Action::Update);
    bench.write("play/group_vars/all.yml", "x: y\n");
    assert_eq!(bench.plan(Some(&object), &given(&bench, "world")).await.action, Action::Update);
}

#[tokio::test]
async fn every_sort_of_unpredictable_task_is_known_for_one() {
    let bench = Bench::new().await;
    bench.write("play/files/s.sh", "true\n");
    bench.write(
        "play/site.yml",
        "
- hosts: all
  gather_facts: false
  tasks:
    - {name: command, command: echo a}
    - {name: shell, shell: echo a}
    - {name: raw, raw: echo a}
    - {name: script, script: s.sh}
    - {name: looped, command: echo a, loop: [1, 2]}
    - {name: switched off, command: echo a, check_mode: false, changed_when: false}
    - {name: no check mode, wait_for: {port: 1, timeout: 1}}
    - {name: conditional, command: echo a, when: false}
    - {name: created, command: {cmd: echo a, creates: /}}
    - {name: harmless, debug: {msg: a}, check_mode: false}
",
    );
    let plan = bench.plan(None, &[("playbook", "play/site.yml".into()), ("inventory", local(&["a"]))]).await;
    let unpredictable: Vec<&str> = plan
        .children
        .iter()
        .filter(|child| child.reason.starts_with("unpredictable"))
        .map(|child| child.name.trim_start_matches("a: "))
        .collect();
    assert_eq!(unpredictable, ["command", "shell", "raw", "script", "looped", "switched off", "no check mode"]);
    assert!(plan.risks[0].text.starts_with("7 tasks unpredictable"), "{:?}", plan.risks);
}

#[tokio::test]
async fn a_digest_plan_runs_nothing_and_compares() {
    let bench = Bench::new().await;
    bench.write("play/site.yml", SITE);
    let given = |who: &str| {
        let mut given = given(&bench, who);
        given.push(("plan", "digest".into()));
        given
    };
    let plan = bench.plan(None, &given("world")).await;
    assert_eq!((plan.action, plan.children.len()), (Action::Create, 0));
    assert_eq!(plan.risks[0].kind, RiskKind::Unpredictable);
    let object = bench.create(&given("world")).await;
    bench.write("out/web1", "somebody else's\n");
    assert_eq!(bench.plan(Some(&object), &given("world")).await.action, Action::NoOp);
    assert_eq!(bench.plan(Some(&object), &given("moon")).await.action, Action::Update);
    bench.write("play/templates/new.j2", "x");
    assert_eq!(bench.plan(Some(&object), &given("world")).await.action, Action::Update);
}

#[tokio::test]
async fn what_is_not_known_yet_defers_a_check_run_with_the_reason() {
    let bench = Bench::new().await;
    bench.write("play/site.yml", SITE);
    let mut waits = given(&bench, "world");
    waits[1].1 = Value::map([("all", Value::map([("hosts", Value::Unknown)]))]);
    let plan = bench.plan(None, &waits).await;
    assert_eq!(plan.action, Action::Deferred);
    assert_eq!(plan.reason, Reason::DependsOn { what: "its `inventory` is known only after apply".to_owned() });
}

#[tokio::test]
async fn settings_of_the_run_alone_are_recorded_and_run_nothing() {
    let bench = Bench::new().await;
    bench.write("play/site.yml", SITE);
    let object = bench.create(&given(&bench, "world")).await;
    let mut forks = given(&bench, "world");
    forks.push(("forks", Value::from(2)));
    let plan = bench.plan(Some(&object), &forks).await;
    assert_eq!(plan.action, Action::Update);
    bench.said.lock().unwrap().clear();
    let updated = done(bench.apply(Some(&object), &forks).await);
    assert_eq!(updated.attributes.get("forks"), Some(&Value::from(2)));
    assert_eq!(updated.attributes.get("facts"), object.attributes.get("facts"));
    assert!(bench.said().is_empty(), "something was run: {:?}", bench.said());
}

#[tokio::test]
async fn what_was_captured_is_run_whatever_the_checkout_holds_by_then() {
    let bench = Bench::new().await;
    bench.write(
        "play/site.yml",
        "
- hosts: all
  gather_facts: false
  roles: [greet]
",
    );
    bench.write("play/roles/greet/tasks/main.yml", "- {name: t, template: {src: t.j2, dest: \"{{ out }}/t\"}}\n- {name: d, copy: {content: \"{{ playbook_dir }}\", dest: \"{{ out }}/d\"}}\n");
    bench.write("play/roles/greet/templates/t.j2", "reviewed {{ who }} {{ site }}\n");
    bench.write("play/group_vars/all/site.yml", "site: here\n");
    bench.write("play/ansible.cfg", "[defaults]\nhost_key_checking = False\n");
    let given = given(&bench, "world");
    let prepared = bench.prepare(&given).unwrap();
    let plan = bench.plan_prepared(None, &prepared).await.unwrap();
    deployctl_sdk::fs::remove_dir_all(&bench.path("play")).unwrap();
    let object = done(bench.carry_out(None, &prepared, &plan).await);
    assert_eq!(text(&bench.path("out/t")), "reviewed world here\n");
    // `playbook_dir` is the copy's, and the same again: nothing is to be done.
    let again = bench.plan_prepared(Some(&object), &prepared).await.unwrap();
    assert_eq!((again.action, again.children.len()), (Action::NoOp, 0));
}

#[tokio::test]
async fn inventories_are_files_lists_of_files_or_folders_and_captured_with_what_stands_beside_them() {
    let bench = Bench::new().await;
    bench.write("site.yml", "- hosts: all\n  gather_facts: false\n  tasks:\n    - {name: n, copy: {content: \"{{ v }}\", dest: \"{{ out }}/{{ inventory_hostname }}\"}}\n");
    let host = format!("ansible_connection=local ansible_python_interpreter={}", python());
    bench.write("hosts/one.ini", &format!("one {host}\n"));
    bench.write("hosts/group_vars/all.yml", "v: beside\n");
    bench.write("more/two.ini", &format!("two {host}\n"));
    bench.write("main.hcl", "not captured");
    let out = bench.path("out").display().to_string();
    deployctl_sdk::fs::create_dir_all(&bench.path("out")).unwrap();
    let vars = Value::map([("out", Value::from(out))]);
    let given = |inventory: Value| {
        vec![("playbook", "site.yml".into()), ("inventory", inventory), ("extra_vars", vars.clone())]
    };
    let captured: Vec<String> =
        bench.prepare(&given("hosts/one.ini".into())).unwrap().captured.into_iter().map(|file| file.path).collect();
    assert_eq!(captured, ["hosts/group_vars/all.yml", "hosts/one.ini", "site.yml"]);
    bench.create(&given(Value::list(["hosts/one.ini".into(), "more/two.ini".into()]))).await;
    assert_eq!(text(&bench.path("out/one")), "beside");
    let plan = bench.try_plan(None, &given("more".into())).await.unwrap();
    assert_eq!(plan.children.len(), 1, "a folder is an inventory, too");
}

#[tokio::test]
async fn destroying_forgets_or_runs_the_playbook_that_undoes_it() {
    let bench = Bench::new().await;
    bench.write("play/site.yml", SITE);
    bench.write("play/undo.yml", "- hosts: all\n  gather_facts: false\n  tasks:\n    - {name: n, file: {path: \"{{ out }}/{{ inventory_hostname }}\", state: absent}}\n");
    let object = bench.create(&given(&bench, "world")).await;
    let removal = bench.provider.removal("ansible_playbook", &object);
    assert!(removal.forgets && removal.notes[0].0.contains("forgotten"), "{removal:?}");

    let mut undo = given(&bench, "world");
    undo.push(("destroy_playbook", "play/undo.yml".into()));
    let object = done(bench.apply(Some(&object), &undo).await);
    let removal = bench.provider.removal("ansible_playbook", &object);
    assert!(!removal.forgets && removal.risks[0].text.contains("play/undo.yml"));
    // Neither the checkout nor what was captured in this run is needed.
    deployctl_sdk::fs::remove_dir_all(&bench.path("play")).unwrap();
    bench.files.store.lock().unwrap().clear();
    let deleted = bench.delete(&object).await;
    assert!(deleted.error.is_none() && deleted.object.is_none(), "{:?}", deleted.error);
    assert!(!bench.path("out/web1").exists());
    assert_eq!(bench.left_beside_the_state(), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn what_a_playbook_writes_into_its_own_copy_is_not_lost_in_silence() {
    let bench = Bench::new().await;
    let site = "- hosts: all\n  gather_facts: false\n  tasks:\n    - {name: n, copy: {content: x, dest: made.txt}}\n";
    bench.write("play/site.yml", site);
    let given = [("playbook", "play/site.yml".into()), ("inventory", local(&["one"]))];
    let applied = bench.apply(None, &given).await;
    let error = applied.error.unwrap();
    let message = "the playbook wrote into its own folder, which is a copy that goes away: play/made.txt";
    assert_eq!(error.message, message);
    assert!(applied.object.is_some(), "what was run is recorded");
}
