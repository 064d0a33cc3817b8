//! A Compose project on an engine that is killed in the middle of an apply, and comes back.
#![cfg(target_os = "linux")]

use std::os::unix::fs::PermissionsExt as _;

use crate::context::Context;
use crate::private_engine::{IMAGE, PrivateEngine};

/// Compose behind a program that kills the engine at the first container that is made, where a file says so.
const WRAPPER: &str = r#"#!/bin/sh
case " $* " in *" up "*) ;; *) exec docker "$@" ;; esac
test -e ROOT/kill-engine || exec docker "$@"
docker "$@" 2>&1 | while read -r said; do
    echo "$said" >&2
    case "$said" in *Created*) test ! -e ROOT/kill-engine || kill -9 "$(cat ROOT/kill-engine)"; rm -f ROOT/kill-engine ;; esac
done
exit 1
"#;

fn project(round: u32) -> String {
    let service = |name: &str, more: &str| {
        format!(
            "  {name}:\n    image: {IMAGE}\n    command: [\"sleep\", \"1000\"]\n    stop_signal: SIGKILL\n    \
             network_mode: none\n    environment: {{ ROUND: \"{round}\" }}\n{more}"
        )
    };
    format!("services:\n{}{}", service("first", ""), service("second", "    depends_on: [first]\n"))
}

#[test]
fn an_engine_that_is_killed_while_compose_works_is_told_of_and_taken_up_again() {
    let mut engine = PrivateEngine::new();
    engine.load_image();
    let mut context = Context::new();
    for name in ["HOME", "DOCKER_CONFIG"] {
        if let Ok(value) = std::env::var(name) {
            context.set(name, &value);
        }
    }
    context.set("DOCKER_HOST", &engine.host());
    let root = context.path().display().to_string();
    context.write("tools/docker", &WRAPPER.replace("ROOT", &root));
    std::fs::set_permissions(context.file("tools/docker"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let resource = |name: &str| format!("resource \"compose_project\" \"{name}\" {{\n  path = \"{name}\"\n}}\n");
    context
        .write("main.hcl", &format!("provider \"compose\" {{\n  binary = \"tools/docker\"\n}}\n{}", resource("shop")));
    context.write("shop/compose.yaml", &project(1));

    context.write("kill-engine", &engine.pid().to_string());
    let killed = context.run("apply --auto-approve");
    engine.wait();
    assert_eq!(killed.code, 1, "{killed}");
    assert!(!context.file("kill-engine").exists(), "the engine was not killed: {killed}");
    assert!(killed.stderr.contains("no Docker Engine answers at unix://"), "{killed}");

    // Nothing is taken for gone, and nothing is tried, while it does not answer.
    let planned = context.run("plan");
    assert_eq!(planned.code, 1, "{planned}");
    assert!(planned.stderr.contains("no Docker Engine answers at unix://"), "{planned}");
    let refused = context.run("apply --auto-approve");
    assert_eq!(refused.code, 1, "{refused}");

    engine.start();
    let done = context.run("apply --auto-approve");
    assert_eq!(done.code, 0, "{done}");
    assert_eq!(context.run("plan --detailed-exitcode").code, 0);
    let running = || engine.asked(&["ps", "--format", "{{.Names}}"]).unwrap().lines().count();
    assert_eq!(running(), 2);
    assert_eq!(context.run("destroy --auto-approve").code, 0);
    assert_eq!(engine.asked(&["ps", "--all", "--quiet"]).unwrap(), "");
}
