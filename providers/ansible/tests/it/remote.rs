//! Over SSH to this machine, as a user without privileges.

use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};

use deployctl_sdk::{Action, Value};

use crate::bench::{Bench, eventually, text};

/// Where `cargo xtask engines ssh` keeps the key that opens its server.
fn server() -> (String, String, PathBuf) {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|cache| cache.is_absolute());
    let cache = cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache"))).unwrap();
    let key = cache.join("deployctl/engines/data/ssh/client");
    let of = |name: &str, otherwise: &str| std::env::var(name).unwrap_or_else(|_| otherwise.to_owned());
    let port = of("SSH_ENGINE_PORT", "22622");
    let answers = std::net::TcpStream::connect(format!("127.0.0.1:{port}")).is_ok();
    assert!(answers && key.is_file(), "there is no SSH server on port {port}; run `cargo xtask engines ssh`");
    (port, of("SSH_ENGINE_USER", "deployctl-engine"), key)
}

/// An inventory with one host: the server, under that name.
pub fn host(name: &str) -> Value {
    let (port, _, key) = server();
    behind(name, &port, &[("ansible_ssh_private_key_file", Value::from(key.display().to_string()))])
}

/// The same behind a port, with more said about it.
fn behind(name: &str, port: &str, more: &[(&str, Value)]) -> Value {
    let user = server().1;
    let host = [
        ("ansible_connection", Value::from("ssh")),
        ("ansible_host", Value::from("127.0.0.1")),
        ("ansible_port", Value::from(port)),
        ("ansible_user", Value::from(user)),
        ("ansible_ssh_common_args", Value::from("-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null")),
        ("ansible_python_interpreter", Value::from("/usr/bin/python3")),
    ];
    let host = Value::map(host.into_iter().chain(more.iter().cloned()));
    Value::map([("all", Value::map([("hosts", Value::map([(name, host)]))]))])
}

/// Lets other users reach a folder of the test.
pub fn let_others_in(folder: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    let above = folder
        .ancestors()
        .skip(1)
        .take_while(|path| path.starts_with(std::env::temp_dir()) && *path != std::env::temp_dir());
    for folder in above {
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
}

#[tokio::test]
async fn a_playbook_is_checked_and_run_as_somebody_without_privileges() {
    let bench = Bench::new().await;
    bench.write(
        "play/site.yml",
        "
- hosts: all
  gather_facts: false
  tasks:
    - {name: Who, command: id -un, register: who, check_mode: false, changed_when: false}
    - {name: Write, copy: {content: \"{{ who.stdout }}\\n\", dest: \"{{ out }}/who\"}}
    - {name: Export, set_stats: {data: {who: \"{{ who.stdout }}\"}, aggregate: false}}
",
    );
    deployctl_sdk::fs::create_dir_all(&bench.path("out")).unwrap();
    let all = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    std::fs::set_permissions(bench.path("out"), all).unwrap();
    let_others_in(&bench.path("out"));
    let (port, user, key) = server();
    let vars = Value::map([("out", Value::from(bench.path("out").display().to_string()))]);
    let given = [
        ("playbook", "play/site.yml".into()),
        // The key is the configuration's alone.
        ("inventory", behind("far", &port, &[])),
        ("extra_vars", vars),
        ("private_key_file", key.display().to_string().into()),
    ];
    let plan = bench.plan(None, &given).await;
    assert_eq!(plan.action, Action::Create);
    let write = plan.children.iter().find(|child| child.name == "far: Write").unwrap();
    assert_eq!(write.diffs[0].after.as_ref().and_then(Value::as_str), Some(&*format!("{user}\n")));
    assert!(!bench.path("out/who").exists());
    let object = bench.create(&given).await;
    assert_eq!(text(&bench.path("out/who")), format!("{user}\n"));
    assert_eq!(object.attributes.get("facts").and_then(|facts| facts.get("who")), Some(&Value::from(user)));
    assert_eq!(bench.plan(Some(&object), &given).await.action, Action::NoOp);
}

/// A port behind which the server is only from the moment on at which somebody opens it.
struct Detour {
    port: u16,
}

impl Detour {
    fn closed() -> Self {
        // Nobody listens there any more once it is dropped.
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        Self { port: listener.local_addr().unwrap().port() }
    }

    fn open(&self) {
        let listener = TcpListener::bind(("127.0.0.1", self.port)).unwrap();
        let server: u16 = server().0.parse().unwrap();
        // Ends with the test.
        std::thread::spawn(move || {
            for there in listener.incoming().map_while(Result::ok) {
                let here = TcpStream::connect(("127.0.0.1", server)).unwrap();
                let back = (here.try_clone().unwrap(), there.try_clone().unwrap());
                for (mut from, mut to) in [(there, here), back] {
                    std::thread::spawn(move || {
                        let _ = std::io::copy(&mut from, &mut to);
                        let _ = to.shutdown(Shutdown::Write);
                    });
                }
            }
        });
    }
}

#[tokio::test]
async fn a_host_that_comes_back_in_the_middle_of_an_apply_is_gone_on_with() {
    let bench = Bench::new().await;
    bench.write(
        "play/site.yml",
        "- hosts: all\n  gather_facts: false\n  tasks:\n    - {name: Who, raw: id -un, register: who}\n    \
         - {name: Export, set_stats: {data: {who: \"{{ who.stdout | trim }}\"}, aggregate: false}}\n",
    );
    let (_, user, key) = server();
    let detour = Detour::closed();
    let given = [
        ("playbook", "play/site.yml".into()),
        ("inventory", behind("far", &detour.port.to_string(), &[])),
        ("private_key_file", key.display().to_string().into()),
        ("plan", "digest".into()),
        ("unreachable_retries", Value::from(3)),
    ];
    let said = bench.said.clone();
    let opened = tokio::spawn(async move {
        let again = |text: &String| text.starts_with("cannot be reached, trying again in 1 s: far");
        eventually("it is tried again", || said.lock().unwrap().iter().any(again)).await;
        detour.open();
    });
    let object = bench.create(&given).await;
    opened.await.unwrap();
    assert_eq!(object.attributes.get("facts").and_then(|facts| facts.get("who")), Some(&Value::from(user)));
    let host = object.attributes.get("hosts").and_then(|hosts| hosts.get("far")).cloned().unwrap();
    assert_eq!(host.get("result"), Some(&Value::from("ok")), "{host:?}");
    assert_eq!(bench.plan(Some(&object), &given).await.action, Action::NoOp);
}
