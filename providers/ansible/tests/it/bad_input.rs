//! What is wrong is said with what, where and what to do next.

use std::os::unix::fs::PermissionsExt as _;

use deployctl_sdk::{ErrorKind, ProviderError, Value};

use crate::bench::{Bench, local, program};

const SITE: &str = "- hosts: all\n  gather_facts: false\n  tasks:\n    - {name: n, debug: {msg: hi}}\n";

fn at(error: &ProviderError) -> &str {
    error.attribute.as_ref().and_then(|path| path.attribute()).unwrap_or_default()
}

/// The error of planning with these attributes on top.
async fn error_of(bench: &Bench, more: &[(&'static str, Value)]) -> ProviderError {
    let mut given: Vec<(&str, Value)> = vec![("playbook", "play/site.yml".into()), ("inventory", local(&["one"]))];
    for (name, value) in more {
        given.retain(|(other, _)| other != name);
        given.push((name, value.clone()));
    }
    bench.try_plan(None, &given).await.expect_err("it should not be planned")
}

/// A program of ours in the place of Ansible's.
fn fake(bench: &Bench, script: &str) -> Value {
    bench.write("fake", &format!("#!/bin/sh\n{script}\n"));
    std::fs::set_permissions(bench.path("fake"), std::fs::Permissions::from_mode(0o755)).unwrap();
    "./fake".into()
}

#[tokio::test]
async fn a_program_that_is_not_there_or_is_another_is_named_with_how_to_install_it() {
    let bench = Bench::new().await;
    bench.write("play/site.yml", SITE);
    let error = error_of(&bench, &[("binary", "ansible-playbook-nowhere".into())]).await;
    assert_eq!((error.message.as_str(), at(&error)), ("there is no program `ansible-playbook-nowhere`", "binary"));
    assert!(error.hint.unwrap().contains("pipx install ansible-core"));

    let error = error_of(&bench, &[("binary", fake(&bench, "exit 0"))]).await;
    assert_eq!(error.message, "`./fake` ended with exit code 0 without running the playbook");

    let old = r#"echo '{"event":"start","protocol":1,"version":"2.9.27"}'; sleep 60"#;
    let error = error_of(&bench, &[("binary", fake(&bench, old))]).await;
    assert_eq!(error.message, "ansible-core 2.9.27 is too old; 2.15 or newer is needed");

    let chatty = r#"echo '{"event":"start","protocol":1,"version":"2.19.0"}'; echo 'not an event'"#;
    let error = error_of(&bench, &[("binary", fake(&bench, chatty))]).await;
    assert_eq!(error.message, "Ansible was expected to tell events as JSON, and wrote something else");
    assert_eq!(error.detail, ["not an event"]);
}

#[tokio::test]
async fn a_playbook_with_mistakes_is_shown_with_file_and_line() {
    let bench = Bench::new().await;
    bench.write("play/site.yml", "- hosts: all\n  tasks:\n    - name: n\n      debug: {msg: hi}\n   - bad\n");
    let error = error_of(&bench, &[]).await;
    assert_eq!((error.kind, at(&error)), (ErrorKind::Invalid, "playbook"));
    assert!(error.message.starts_with("play/site.yml:5:4: YAML parsing failed"), "{}", error.message);
    bench.write(
        "play/site.yml",
        "- hosts: all\n  gather_facts: false\n  tasks:\n    - name: n\n      copi: {msg: hi}\n",
    );
    let error = error_of(&bench, &[]).await;
    assert!(error.message.starts_with("play/site.yml:4:7: couldn't resolve module/action 'copi'"), "{}", error.message);
    assert!(!format!("{error:?}").contains(".deployctl"), "a path of the copy is shown: {error:?}");
}

#[tokio::test]
async fn an_inventory_without_a_host_for_the_playbook_is_an_error() {
    let bench = Bench::new().await;
    bench.write("play/site.yml", &SITE.replace("all", "db"));
    let error = error_of(&bench, &[]).await;
    assert_eq!(error.message, "no host of the inventory belongs to the playbook's hosts: `db`");
    assert_eq!(at(&error), "inventory");
    bench.write("play/site.yml", SITE);
    let error = error_of(&bench, &[("limit", "elsewhere".into())]).await;
    assert_eq!(
        (error.message.as_str(), at(&error)),
        ("no host of the inventory is left to run the playbook on", "limit")
    );
    bench.write("hosts.yml", "[unclosed\n");
    let error = error_of(&bench, &[("inventory", "hosts.yml".into())]).await;
    assert_eq!((error.kind, at(&error)), (ErrorKind::Invalid, "inventory"), "{error:?}");
}

#[tokio::test]
async fn a_wrong_vault_password_and_a_missing_one_are_told_apart() {
    let bench = Bench::new().await;
    bench.write("play/site.yml", SITE);
    bench.write("right", "right password\n");
    bench.write("wrong", "wrong password\n");
    bench.write("play/group_vars/all.yml", "inner: \"VAULTED-hunter2\"\n");
    let sealed = std::process::Command::new(program("ansible-vault"))
        .args(["encrypt", "--vault-password-file", "right", "play/group_vars/all.yml"])
        .current_dir(&bench.place.root)
        .output()
        .unwrap();
    assert!(sealed.status.success(), "{sealed:?}");
    let error = error_of(&bench, &[("vault_password_file", "wrong".into())]).await;
    assert_eq!(error.message, "the password in wrong does not open a vault that the playbook reads");
    assert_eq!(at(&error), "vault_password_file");
    let error = error_of(&bench, &[]).await;
    assert_eq!(error.message, "the playbook reads a vault, and there is no password for it");
    assert_eq!(error.hint.as_deref(), Some("set `vault_password_file`"));
    let error = error_of(&bench, &[("vault_password_file", "nowhere".into())]).await;
    assert!(error.message.starts_with("there is no file ") && at(&error) == "vault_password_file");
}

#[tokio::test]
async fn what_is_wrong_with_a_configuration_is_found_without_running_anything() {
    let bench = Bench::new().await;
    let error = error_of(&bench, &[]).await;
    assert_eq!((error.message.as_str(), at(&error)), ("cannot read play/site.yml: there is no such file", "playbook"));
    bench.write("play/site.yml", SITE);
    let wrong = bench
        .prepare(&[
            ("playbook", "play/site.yml".into()),
            ("plan", "guess".into()),
            ("forks", Value::from(0)),
            ("inventory", Value::map([("web", Value::map([("host", Value::from("a"))]))])),
            ("limit", Value::from("hunter2").into_sensitive()),
        ])
        .unwrap_err();
    let mut places: Vec<&str> = wrong.iter().map(at).collect();
    places.sort_unstable();
    assert_eq!(places, ["forks", "inventory", "limit", "plan"]);
    assert!(!format!("{wrong:?}").contains("hunter2"));
}
