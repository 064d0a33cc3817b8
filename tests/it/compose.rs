//! Compose projects with the real program, the real Compose and a real engine (`cargo xtask engines docker compose`): the
//! example, and runs that are killed at every point.
#![cfg(target_os = "linux")]

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use crate::context::{Answer, Context};

fn docker(arguments: &[&str]) -> String {
    let output =
        Command::new("docker").args(arguments).output().expect("no `docker`: cargo xtask engines docker compose");
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "docker {arguments:?}: {error} (cargo xtask engines docker compose)");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// Docker's command line finds its plugins by these.
fn with_docker(context: &mut Context) {
    for name in ["HOME", "DOCKER_CONFIG", "DOCKER_HOST"] {
        if let Ok(value) = std::env::var(name) {
            context.set(name, &value);
        }
    }
}

#[track_caller]
fn ok(answer: Answer) -> String {
    assert_eq!(answer.code, 0, "{answer}");
    answer.stdout
}

/// A name of this test's own on the engine, and whatever a test that failed left under it goes.
struct Project(String);

impl Project {
    fn new(name: &str) -> Self {
        Self(format!("it-{name}-{}", &uuid::Uuid::new_v4().to_string()[..8]))
    }

    fn left(&self) -> String {
        let label = format!("label=com.docker.compose.project={}", self.0);
        let mut left = docker(&["ps", "-a", "--format", "{{.Names}}", "--filter", &label]);
        left += &docker(&["network", "ls", "--format", "{{.Name}}", "--filter", &label]);
        left + &docker(&["volume", "ls", "--format", "{{.Name}}", "--filter", &label])
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        let _ = Command::new("docker")
            .args(["compose", "-p", &self.0, "down", "-v", "-t", "0", "--remove-orphans"])
            .output();
    }
}

#[test]
fn the_compose_example_runs_changes_rolls_back_and_goes() {
    let project = Project::new("example");
    let mut context = crate::examples::copy_of("compose");
    with_docker(&mut context);
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    context.set("DEPLOYCTL_VAR_project_name", &project.0);
    context.set("DEPLOYCTL_VAR_port", &port.to_string());

    let plan = ok(context.run("plan"));
    assert!(plan.contains("+ compose_project.shop") && !plan.contains("only-an-example"), "{plan}");
    ok(context.run("apply --auto-approve"));
    assert!(ok(context.run("plan --detailed-exitcode")).contains("No changes"));
    assert_eq!(ok(context.run("output front")).trim(), format!("127.0.0.1:{port}"));

    let plan = ok(context.run("plan --out later.plan --var tag=1.1 --var workers=3"));
    assert!(plan.contains("recreated: configuration changed"), "{plan}");
    assert!(plan.contains("environment.TAG") && plan.contains("scaled 1 → 3"), "{plan}");
    // What was reviewed is what is deployed, whatever the checkout holds by then.
    context.write("shop/index.html", "<h1>Something else.</h1>\n");
    ok(context.run("apply later.plan"));
    let front = format!("{}-front-1", project.0);
    assert_eq!(docker(&["exec", &front, "cat", "/www/index.html"]), "<h1>Open.</h1>");
    let plan = ok(context.run("plan --var tag=1.1 --var workers=3"));
    assert!(plan.contains("recreated: configuration changed") && plan.contains("index.html as captured"), "{plan}");
    ok(context.run("apply --auto-approve --var tag=1.1 --var workers=3"));
    assert_eq!(docker(&["exec", &front, "cat", "/www/index.html"]), "<h1>Something else.</h1>");

    ok(context.run("rollback --auto-approve --to 1"));
    assert_eq!(docker(&["exec", &front, "sh", "-c", "cat /www/index.html; echo $TAG"]), "<h1>Open.</h1>\n1.0");
    let status = ok(context.run("status"));
    assert!(status.contains("compose_project.shop"), "{status}");
    let plan = ok(context.run("plan --destroy"));
    assert!(plan.contains("DATA LOSS"), "{plan}");
    ok(context.run("destroy --auto-approve"));
    assert_eq!(project.left(), "");
}

#[test]
fn a_project_of_others_is_refused_and_can_be_imported() {
    let project = Project::new("import");
    let mut context = Context::new();
    with_docker(&mut context);
    context.write("shop/compose.yaml", COMPOSE);
    let same = format!(
        "resource \"compose_project\" \"shop\" {{\n  path = \"shop\"\n  project_name = \"{}\"\n}}\n",
        project.0
    );
    context.write("main.hcl", &same);
    let folder = context.file("shop").display().to_string();
    docker(&["compose", "-p", &project.0, "--project-directory", &folder, "up", "-d"]);
    let refused = context.run("plan");
    assert_eq!(refused.code, 1, "{refused}");
    assert!(refused.stderr.contains("deployctl import"), "{refused}");
    ok(context.run(&format!("import compose_project.shop {}", project.0)));
    assert!(ok(context.run("plan --detailed-exitcode")).contains("No changes"));
    ok(context.run("destroy --auto-approve"));
    assert!(project.left().contains("data"), "its volumes stay, for nobody said that they may go");
}

const COMPOSE: &str = r#"
services:
  first:
    image: deployctl-test/busybox:1
    command: ["sleep", "1000"]
    stop_signal: SIGKILL
    environment: { ROUND: "${ROUND:-0}" }
  second:
    image: deployctl-test/busybox:1
    command: ["sleep", "1000"]
    stop_signal: SIGKILL
    volumes: ["data:/data"]
    depends_on: [first]
volumes: { data: }
"#;

fn configuration(project: &Project, round: u32) -> String {
    format!(
        "resource \"compose_project\" \"shop\" {{\n  path = \"shop\"\n  project_name = \"{}\"\n  env = {{ ROUND = \"{round}\" }}\n  \
         remove_volumes = true\n}}\n",
        project.0
    )
}

#[test]
fn volumes_that_go_with_a_project_are_removed_though_nothing_else_of_it_is_left() {
    let bench = Bench::new("volumes");
    bench.configure(1);
    ok(bench.context.run("apply --auto-approve"));
    // What a removal leaves that was killed after the network went and before the volume did.
    docker(&["compose", "-p", &bench.project.0, "down", "--timeout", "0"]);
    assert_eq!(bench.project.left(), format!("{}_data", bench.project.0));
    ok(bench.context.run("destroy --auto-approve"));
    assert_eq!(bench.project.left(), "");
}

/// Compose behind a program that kills deployctl, and what it is itself, at a line of what it says.
const WRAPPER: &str = r#"#!/bin/sh
case " $* " in *" up "*|*" down "*) ;; *) exec docker "$@" ;; esac
test -e ROOT/kill-at || exec docker "$@"
at=$(cat ROOT/kill-at)
parent=$PPID
docker "$@" 2>&1 | {
    line=0
    while read -r said; do
        line=$((line + 1))
        echo "$said" >&2
        if test "$line" -eq "$at"; then rm ROOT/kill-at; kill -9 "$parent"; exit 1; fi
    done
}
"#;

struct Bench {
    context: Context,
    project: Project,
}

impl Bench {
    fn new(name: &str) -> Self {
        let (mut context, project) = (Context::new(), Project::new(name));
        with_docker(&mut context);
        context.write("shop/compose.yaml", COMPOSE);
        let root = context.path().display().to_string();
        context.write("tools/docker", &WRAPPER.replace("ROOT", &root));
        std::fs::set_permissions(context.file("tools/docker"), std::fs::Permissions::from_mode(0o755)).unwrap();
        Self { context, project }
    }

    fn configure(&self, round: u32) {
        let provider = "provider \"compose\" {\n  binary = \"tools/docker\"\n}\n";
        self.context.write("main.hcl", &format!("{provider}{}", configuration(&self.project, round)));
    }

    /// Compose ends when nobody reads what it says any more; the next run comes after that.
    fn until_compose_has_ended(&self) {
        for _ in 0..200 {
            let output = Command::new("pgrep").args(["-f", &self.project.0]).output().unwrap();
            if output.stdout.is_empty() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        panic!("Compose goes on");
    }

    fn settled(&self, round: u32) {
        let plan = self.context.run("plan --detailed-exitcode");
        assert_eq!(plan.code, 0, "there is still something to do: {plan}");
        let value = docker(&["exec", &format!("{}-first-1", self.project.0), "sh", "-c", "echo $ROUND"]);
        assert_eq!(value, round.to_string());
        let label = format!("label=com.docker.compose.project={}", self.project.0);
        assert_eq!(docker(&["ps", "-aq", "--filter", &label]).lines().count(), 2);
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Kill {
    /// At a write of the journal or the state, or a call of the provider.
    Program,
    /// At a line of what Compose says, that is between two calls of the engine.
    Compose,
}

/// Runs a command that is killed at one point, and then the command alone, which must bring it to its end. Whether there
/// was such a point.
fn killed_and_finished(bench: &mut Bench, kill: Kill, command: &str, point: usize) -> bool {
    match kill {
        Kill::Program => bench.context.set("DEPLOYCTL_TEST_CRASH_AT", &(point - 1).to_string()),
        Kill::Compose => bench.context.write("kill-at", &point.to_string()),
    }
    let killed = bench.context.run(command);
    bench.context.set("DEPLOYCTL_TEST_CRASH_AT", "");
    let _ = std::fs::remove_file(bench.context.file("kill-at"));
    if killed.code != -1 {
        ok(killed);
        return false;
    }
    bench.until_compose_has_ended();
    ok(bench.context.run(command));
    true
}

/// A creation, a change and a removal, one after the other in one place, each killed at its first point in the first round,
/// at a later one in the next, until none has a point left. The program has nearly thirty of each, of which a short run takes
/// every second one, and with `DEPLOYCTL_TEST_LONG=1` all. How many there were.
fn killed_everywhere(kill: Kill) -> usize {
    let mut bench = Bench::new(if kill == Kill::Program { "killed" } else { "killed-up" });
    let mut points = 0;
    let long = std::env::var_os("DEPLOYCTL_TEST_LONG").is_some();
    for point in (1..).step_by(if long || kill == Kill::Compose { 1 } else { 2 }) {
        let mut killed = 0;
        for round in [1, 2] {
            bench.configure(round);
            killed += usize::from(killed_and_finished(&mut bench, kill, "apply --auto-approve", point));
            bench.settled(round);
        }
        killed += usize::from(killed_and_finished(&mut bench, kill, "destroy --auto-approve", point));
        assert_eq!(bench.project.left(), "", "something is left after point {point}");
        points += killed;
        if killed == 0 {
            break;
        }
    }
    points
}

/// Side by side: Compose is mostly waited for.
#[test]
fn runs_killed_at_any_write_or_call_or_in_the_middle_of_compose_can_be_done_again() {
    let other = std::thread::spawn(|| killed_everywhere(Kill::Compose));
    let own = killed_everywhere(Kill::Program);
    let lines = other.join().unwrap();
    println!("{own} points of the program's own, and {lines} of Compose's");
    assert!(own + lines >= 50, "there were only {own} + {lines} points");
}
