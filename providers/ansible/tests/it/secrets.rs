//! What is secret is searched for wherever it might have gone.

use std::io::Write as _;
use std::process::Stdio;

use base64::Engine as _;
use deployctl_sdk::{Action, Value};

use crate::bench::{Bench, done, files_below, local, program, text};

const VAULTED: &str = "VAULTED-9f2c41d7";
const INLINE: &str = "INLINE-77ab03e1";
const VARIABLE: &str = "VARIABLE-c0ffee42";
const HIDDEN: &str = "HIDDEN-5ca1ab1e";
const HOST: &str = "HOSTVAR-0ddba115";
const ALL: [&str; 5] = [VAULTED, INLINE, VARIABLE, HIDDEN, HOST];

const SITE: &str = "
- hosts: all
  gather_facts: false
  vars: {hidden: HIDDEN-5ca1ab1e}
  tasks:
    - name: \"Write {{ vaulted }} and {{ password }}\"
      copy:
        content: \"{{ vaulted }} {{ inline }} {{ password }} {{ host_secret }} {{ password | b64encode }} {{ vaulted | b64encode }}\\n\"
        dest: \"{{ out }}/file\"
    - {name: Copied, copy: {src: sealed.txt, dest: \"{{ out }}/sealed\"}}
    - {name: Quiet, copy: {content: \"{{ hidden }}\", dest: \"{{ out }}/quiet\"}, no_log: true}
    - {name: Quiet loop, copy: {content: \"{{ item }}\", dest: \"{{ out }}/quiet-loop\"}, no_log: true, loop: [\"{{ hidden }}\"]}
    - {name: Export, set_stats: {data: {token: \"{{ hidden }}\"}}, no_log: true}
    - {name: Export more, set_stats: {data: {from_vault: \"x{{ vaulted }}x\", from_variable: \"{{ password }}\", plain: yes}}}
    - {name: Fail, fail: {msg: \"it is {{ password }} and {{ vaulted }} and {{ inline }}\"}, when: fail_now | bool}
    - {name: Fail quietly, fail: {msg: \"{{ hidden }}\"}, no_log: true, when: fail_quietly | bool}
";

struct Planted {
    bench: Bench,
}

/// What is to be sealed is never an argument: other tests look at those.
fn vault(bench: &Bench, arguments: &[&str], plain: &str) -> String {
    let mut started = std::process::Command::new(program("ansible-vault"))
        .args(arguments)
        .args(["--vault-password-file", "password"])
        .current_dir(&bench.place.root)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    started.stdin.take().unwrap().write_all(plain.as_bytes()).unwrap();
    let done = started.wait_with_output().unwrap();
    assert!(done.status.success(), "{done:?}");
    String::from_utf8(done.stdout).unwrap()
}

/// Seals a file.
fn seal(bench: &Bench, path: &str) {
    vault(bench, &["encrypt", path], "");
}

impl Planted {
    async fn new() -> Self {
        let bench = Bench::new().await;
        deployctl_sdk::fs::create_dir_all(&bench.path("out")).unwrap();
        bench.write("password", "a password of vaults\n");
        bench.write("play/site.yml", SITE);
        bench.write("play/group_vars/all/vault.yml", &format!("vaulted: {VAULTED}\n"));
        seal(&bench, "play/group_vars/all/vault.yml");
        bench.write("play/files/sealed.txt", &format!("first line\n{VAULTED}\n"));
        seal(&bench, "play/files/sealed.txt");
        let inline = vault(&bench, &["encrypt_string", "--stdin-name", "inline"], INLINE);
        bench.write("play/group_vars/all/inline.yml", &inline);
        Self { bench }
    }

    fn given(&self, fail: bool, quietly: bool) -> Vec<(&'static str, Value)> {
        let vars = Value::map([
            ("out", Value::from(self.bench.path("out").display().to_string())),
            ("password", Value::from(VARIABLE).into_sensitive()),
            ("fail_now", Value::from(fail)),
            ("fail_quietly", Value::from(quietly)),
        ]);
        let mut inventory = local(&["one"]).as_map().unwrap().clone();
        let group = Value::map([
            ("vars", Value::map([("host_secret", Value::from(HOST).into_sensitive())])),
            ("hosts", Value::list(["one".into()])),
        ]);
        inventory.insert("group".into(), group);
        vec![
            ("playbook", "play/site.yml".into()),
            ("inventory", Value::from(inventory)),
            ("extra_vars", vars),
            ("vault_password_file", "password".into()),
        ]
    }
}

/// Where a secret stands, as it is or encoded.
fn found_in(text: &str) -> Vec<&'static str> {
    let encoded = |secret: &str| base64::engine::general_purpose::STANDARD.encode(secret);
    ALL.into_iter().filter(|secret| text.contains(secret) || text.contains(&encoded(secret))).collect()
}

#[tokio::test]
async fn no_secret_is_seen_in_a_plan_a_record_a_message_or_on_a_command_line() {
    let planted = Planted::new().await;
    let bench = &planted.bench;
    let given = planted.given(false, false);
    let watcher = CommandLines::watch();
    let plan = bench.plan(None, &given).await;
    assert_eq!(plan.action, Action::Create);
    assert_eq!(plan.children.iter().filter(|child| child.action == Action::Update).count(), 4);
    let masked = format!("{plan:?}");
    // Every line of a file that a vault seals is secret.
    assert!(masked.contains("(sensitive value)") && !masked.contains("first line"), "{masked}");
    assert_eq!(found_in(&masked), Vec::<&str>::new());

    let object = bench.create(&given).await;
    assert!(text(&bench.path("out/file")).contains(VAULTED), "the real thing is written");
    assert_eq!(text(&bench.path("out/quiet")), HIDDEN);
    assert_eq!(found_in(&format!("{object:?}")), Vec::<&str>::new());
    let facts = object.attributes.get("facts").unwrap();
    assert_eq!(facts.get("token"), Some(&Value::from(HIDDEN).into_sensitive()));
    assert_eq!(facts.get("from_vault"), Some(&Value::from(format!("x{VAULTED}x")).into_sensitive()));
    assert_eq!(facts.get("from_variable"), Some(&Value::from(VARIABLE).into_sensitive()));
    assert_eq!(facts.get("plain"), Some(&Value::from(true)));

    for (fail, quietly) in [(true, false), (false, true)] {
        let given = planted.given(fail, quietly);
        let applied = bench.apply(Some(&object), &given).await;
        let error = format!("{:?}", applied.error.unwrap());
        assert_eq!(found_in(&error), Vec::<&str>::new());
        assert!(error.contains(if quietly { "hidden by no_log" } else { "it is (sensitive value) and" }), "{error}");
    }
    assert_eq!(found_in(&bench.said().join("\n")), Vec::<&str>::new());
    for file in files_below(&bench.place.data) {
        assert_eq!(found_in(&text(&file)), Vec::<&str>::new(), "{}", file.display());
    }
    let lines = watcher.stop();
    assert!(lines.iter().any(|line| line.contains("ansible-playbook")), "nothing was watched");
    assert_eq!(found_in(&lines.join("\n")), Vec::<&str>::new());
}

#[tokio::test]
async fn what_was_secret_in_the_run_before_is_not_shown_as_what_is_there() {
    let planted = Planted::new().await;
    let bench = &planted.bench;
    let mut given = planted.given(false, false);
    let object = bench.create(&given).await;
    assert_eq!(found_in(&text(&bench.path("out/file"))), [VAULTED, INLINE, VARIABLE, HOST]);

    // Everything is another now, and nothing of the configuration tells any more what it was.
    bench.write("play/group_vars/all/vault.yml", "vaulted: another one\n");
    seal(bench, "play/group_vars/all/vault.yml");
    bench.write("play/files/sealed.txt", "another one\n");
    seal(bench, "play/files/sealed.txt");
    bench.write("play/group_vars/all/inline.yml", "inline: nothing secret\n");
    for (name, value) in &mut given {
        let members = value.as_map().cloned().unwrap_or_default();
        let replaced: Vec<(std::sync::Arc<str>, Value)> = match *name {
            "extra_vars" => members.into_iter().chain([("password".into(), Value::from("in clear"))]).collect(),
            "inventory" => members.into_iter().chain([("group".into(), group_of("one", "in clear"))]).collect(),
            _ => continue,
        };
        *value = Value::map(replaced);
    }
    let plan = bench.plan(Some(&object), &given).await;
    assert_eq!(plan.action, Action::Update);
    let changed = plan.children.iter().filter(|child| !child.diffs.is_empty()).count();
    assert!(changed >= 2, "{:?}", plan.children);
    let shown = format!("{plan:?}");
    assert!(shown.contains("nothing secret") && shown.contains("(sensitive value)"), "{shown}");
    assert_eq!(found_in(&shown), Vec::<&str>::new(), "{shown}");
    let object = done(bench.carry_out(Some(&object), &bench.prepare(&given).unwrap(), &plan).await);
    assert_eq!(found_in(&bench.said().join("\n")), Vec::<&str>::new());
    assert_eq!(bench.plan(Some(&object), &given).await.action, Action::NoOp);
}

/// A group of one host with a variable.
fn group_of(host: &str, secret: &str) -> Value {
    Value::map([("hosts", Value::list([host.into()])), ("vars", Value::map([("host_secret", Value::from(secret))]))])
}

/// Every command line that was seen while it watched.
struct CommandLines {
    stop: std::sync::mpsc::Sender<()>,
    seen: std::thread::JoinHandle<Vec<String>>,
}

impl CommandLines {
    fn watch() -> Self {
        let (stop, stopped) = std::sync::mpsc::channel();
        let seen = std::thread::spawn(move || {
            let mut lines = std::collections::BTreeSet::new();
            while stopped.try_recv() == Err(std::sync::mpsc::TryRecvError::Empty) {
                for path in deployctl_sdk::fs::read_dir("/proc".as_ref()).unwrap_or_default() {
                    let line = deployctl_sdk::fs::read(&path.join("cmdline")).unwrap_or_default();
                    lines.insert(String::from_utf8_lossy(&line).replace('\0', " "));
                }
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
            lines.into_iter().collect()
        });
        Self { stop, seen }
    }

    fn stop(self) -> Vec<String> {
        self.stop.send(()).unwrap();
        self.seen.join().unwrap()
    }
}
