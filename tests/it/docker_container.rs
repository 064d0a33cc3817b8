//! `docker_container` through the real program and a real engine: what plans, applies and a rollback show, and runs that
//! are killed at counted points.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use insta::assert_snapshot;
use rustix::process::{Pid, Signal, kill_process};

use crate::context::{Answer, Context};

const IMAGE: &str = "deployctl-test/busybox:1";

/// A folder, and names on the engine that nobody else has. What is left of them goes with it.
struct Place {
    context: Context,
    tag: String,
}

impl Place {
    fn new() -> Self {
        let context = Context::new();
        let tag = format!("dcc-{}", context.path().file_name().unwrap().to_str().unwrap().trim_start_matches('.'));
        Self { context, tag: tag.to_lowercase() }
    }

    fn run(&self, line: &str) -> Answer {
        self.context.run(line)
    }

    /// What the program said, with this place's own names and the engine's ids replaced.
    fn shown(&self, line: &str) -> String {
        let answer = self.context.run(line).to_string();
        let answer = answer.replace(&self.tag, "[TAG]").replace(&self.context.filtered(&self.tag), "[TAG]");
        let id = regex::Regex::new(r"(sha256:)?\b[0-9a-f]{12,64}…?\b").unwrap();
        let address = regex::Regex::new(r"\b(\d{1,3}\.){3}\d{1,3}\b").unwrap();
        let seconds = regex::Regex::new(r"\d+\.\d s\b").unwrap();
        let answer = id.replace_all(&answer, "[ID]").into_owned();
        let answer = address.replace_all(&answer, "[IP]").into_owned();
        // Folded or not, depending on how long an address the engine gave out.
        let addresses = regex::Regex::new(r"addresses   \{.*?\}( \(1 member\))? →").unwrap();
        let answer = addresses.replace_all(&answer, "addresses   [ADDRESSES] →").into_owned();
        seconds.replace_all(&answer, "[TIME]").into_owned()
    }

    fn containers(&self) -> Vec<(String, String)> {
        let filter = format!("name={}", self.tag);
        let listed = docker(&["ps", "--all", "--filter", &filter, "--format", "{{.Names}} {{.Command}} {{.State}}"]);
        let mut all: Vec<(String, String)> = listed
            .lines()
            .filter_map(|line| line.split_once(' '))
            .map(|(name, rest)| (name.replace(&self.tag, ""), rest.to_owned()))
            .collect();
        all.sort();
        all
    }

    fn networks(&self) -> String {
        docker(&["network", "ls", "--filter", &format!("name={}", self.tag), "--format", "{{.Name}}"])
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let names: Vec<String> = self.containers().into_iter().map(|(name, _)| format!("{}{name}", self.tag)).collect();
        if !names.is_empty() {
            let _ = Command::new("docker").args(["rm", "--force", "--volumes"]).args(names).output();
        }
        let networks = self.networks();
        if !networks.is_empty() {
            let _ = Command::new("docker").args(["network", "rm"]).args(networks.lines()).output();
        }
    }
}

fn docker(arguments: &[&str]) -> String {
    let output = Command::new("docker").args(arguments).output();
    let output = output.expect("`docker` is needed: cargo xtask engines docker");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "docker {arguments:?}: {said} (is there an engine? cargo xtask engines docker)");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A network, a database, and two replicas of a web server that need it.
fn configuration(tag: &str, version: u32, lifecycle: &str) -> String {
    format!(
        r#"
resource "docker_network" "net" {{
  name = "{tag}-net"
}}
resource "docker_container" "db" {{
  name         = "{tag}-db"
  image        = "{IMAGE}"
  command      = ["sleep", "1000"]
  stop_timeout = 0
  memory       = "{memory}m"
  network {{
    name    = docker_network.net.name
    aliases = ["db"]
  }}
}}
resource "docker_container" "web" {{
  name         = "{tag}-web"
  image        = "{IMAGE}"
  command      = ["sleep", "{seconds}"]
  stop_timeout = 0
  replicas     = 2
  env = {{
    DB = docker_container.db.name
  }}
  network {{
    name = docker_network.net.name
  }}
  lifecycle {{
    create_before_destroy = {lifecycle}
  }}
}}
"#,
        memory = 32 * (version + 1),
        seconds = 1000 + version,
    )
}

fn done(answer: &Answer) {
    assert_eq!(answer.code, 0, "{answer}");
}

#[test]
fn a_set_of_containers_is_planned_applied_changed_rolled_back_and_destroyed() {
    let place = Place::new();
    place.context.write("main.hcl", &configuration(&place.tag, 1, "true"));
    assert_snapshot!("docker_container_plan", place.shown("plan"));
    done(&place.run("apply --auto-approve"));
    assert_eq!(place.run("plan --detailed-exitcode").code, 0);
    place.context.write("main.hcl", &configuration(&place.tag, 2, "true"));
    assert_snapshot!("docker_container_change", place.shown("plan"));
    done(&place.run("apply --auto-approve"));
    assert_eq!(place.run("plan --detailed-exitcode").code, 0);
    let sleeping = |seconds: u32| format!("\"sleep {seconds}\" running");
    let state = |seconds: u32| {
        vec![
            ("-db".to_owned(), sleeping(1000)),
            ("-web-1".to_owned(), sleeping(seconds)),
            ("-web-2".to_owned(), sleeping(seconds)),
        ]
    };
    assert_eq!(place.containers(), state(1002));
    done(&place.run("rollback --auto-approve"));
    assert_eq!(place.containers(), state(1001));
    docker(&["stop", "--time", "0", &format!("{}-web-2", place.tag)]);
    assert_snapshot!("docker_container_drift", place.shown("plan"));
    done(&place.run("apply --auto-approve --refresh-only"));
    done(&place.run("destroy --auto-approve"));
    assert_eq!((place.containers(), place.networks()), (vec![], String::new()));
}

#[test]
fn what_a_container_says_is_shown_by_logs_and_by_a_gate_that_fails() {
    let place = Place::new();
    let text = |script: &str, more: &str| {
        format!(
            "resource \"docker_container\" \"app\" {{\n  name = \"{}-app\"\n  image = \"{IMAGE}\"\n  stop_timeout = 0\n  \
             command = [\"sh\", \"-c\", \"{script}\"]\n  {more}\n}}\n",
            place.tag
        )
    };
    place.context.write("main.hcl", &text("echo ready; exec sleep 1000", ""));
    done(&place.run("apply --auto-approve"));
    let previous = place.run("logs --previous docker_container.app");
    assert_eq!(previous.code, 64, "{previous}");
    assert!(previous.stderr.contains("docker_container.app has one log only"), "{previous}");
    let logs = place.run("logs docker_container.app");
    assert!(logs.code == 0 && logs.stdout.contains("ready"), "{logs}");
    // Its check has not passed yet when it ends.
    let gate = "healthcheck {\n    test = [\"CMD\", \"true\"]\n    interval = \"1m\"\n  }\n  health {\n    engine = true\n    \
                interval = \"200ms\"\n    retries = 20\n  }";
    place.context.write("main.hcl", &text("echo cannot reach the database; sleep 0.3; exit 7", gate));
    let failed = place.run("apply --auto-approve");
    assert_eq!(failed.code, 1, "{failed}");
    assert!(failed.stderr.contains("cannot reach the database"), "{failed}");
    assert!(failed.stderr.contains("ended with code 7"), "{failed}");
    done(&place.run("destroy --auto-approve"));
}

#[test]
fn logs_are_followed_as_they_come_until_an_interrupt() {
    let place = Place::new();
    let script = "echo first; while ! test -e /go; do sleep 0.1; done; echo second; exec sleep 1000";
    let text = format!(
        "resource \"docker_container\" \"app\" {{\n  name = \"{}-app\"\n  image = \"{IMAGE}\"\n  stop_timeout = 0\n  \
         command = [\"sh\", \"-c\", \"{script}\"]\n}}\n",
        place.tag
    );
    place.context.write("main.hcl", &text);
    done(&place.run("apply --auto-approve"));
    let mut following = Command::new(env!("CARGO_BIN_EXE_deployctl"));
    following.args(["logs", "-f", "docker_container.app"]).current_dir(place.context.path());
    following.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut following = following.spawn().unwrap();
    let mut lines = BufReader::new(following.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "stdout │ first");
    docker(&["exec", &format!("{}-app", place.tag), "touch", "/go"]);
    assert_eq!(lines.next().unwrap().unwrap(), "stdout │ second");
    kill_process(Pid::from_child(&following), Signal::INT).unwrap();
    assert!(lines.next().is_none());
    assert_eq!(following.wait().unwrap().code(), Some(0));
    done(&place.run("destroy --auto-approve"));
}

#[test]
fn a_volume_is_not_replaced_with_its_data() {
    let place = Place::new();
    let volume = |label: &str, more: &str| {
        format!(
            "resource \"docker_volume\" \"data\" {{\n  name = \"{}-data\"\n  labels = {{ round = \"{label}\" }}\n{more}}}\n",
            place.tag
        )
    };
    place.context.write("main.hcl", &volume("one", ""));
    done(&place.run("apply --auto-approve"));
    place.context.write("main.hcl", &volume("two", ""));
    let plan = place.run("plan");
    assert!(plan.code == 0 && plan.stdout.contains("PROTECTED"), "{plan}");
    let refused = place.run("apply --auto-approve");
    assert_eq!(refused.code, 6, "{refused}");
    assert!(
        refused.stderr.contains("docker_volume.data would be replaced: the old volume is not removed"),
        "{refused}"
    );
    let label = docker(&["volume", "inspect", "--format", "{{.Labels.round}}", &format!("{}-data", place.tag)]);
    assert_eq!(label, "one");
    // Its removal is no data lost without a word either: it is left where it is, or told of.
    let plan = place.run("plan --destroy");
    assert!(plan.stdout.contains("stays with what is in it") && !plan.stdout.contains("DATA LOSS"), "{plan}");
    place.context.write("main.hcl", &volume("one", "  delete_data = true\n"));
    done(&place.run("apply --auto-approve"));
    let plan = place.run("plan --destroy");
    assert!(plan.stdout.contains("DATA LOSS"), "{plan}");
    done(&place.run("destroy --auto-approve"));
}

/// Runs a command that is killed at one point, and then the command alone, which must bring it to its end. Whether there
/// was such a point.
fn killed_and_finished(place: &mut Place, command: &str, point: usize) -> bool {
    place.context.set("DEPLOYCTL_TEST_CRASH_AT", &point.to_string());
    let killed = place.run(command);
    place.context.set("DEPLOYCTL_TEST_CRASH_AT", "");
    if killed.code != -1 {
        done(&killed);
        return false;
    }
    done(&place.run(command));
    true
}

fn settled(place: &Place, version: u32) {
    let plan = place.run("plan --detailed-exitcode");
    assert_eq!(plan.code, 0, "there is still something to do: {plan}");
    let sleeping = |seconds: u32| format!("\"sleep {seconds}\" running");
    let (web, db) = (sleeping(1000 + version), sleeping(1000));
    let expected =
        [("-db", &db), ("-web-1", &web), ("-web-2", &web)].map(|(name, line)| (name.to_owned(), line.clone()));
    assert_eq!(place.containers(), expected, "exactly these containers run");
}

fn nothing_left(place: &Place) {
    assert_eq!((place.containers(), place.networks()), (vec![], String::new()), "something is left");
}

/// A creation, a hand-over and a removal, one after the other in one place, each killed at its first point in the first
/// round, at a later one in the next, until none has a point left. There are about forty of each; a short run takes every
/// second one, and with `DEPLOYCTL_TEST_LONG=1` all are taken.
#[test]
fn whatever_is_killed_at_any_point_is_finished_by_the_next_run() {
    let mut place = Place::new();
    let mut points = 0;
    let step = if std::env::var_os("DEPLOYCTL_TEST_LONG").is_some() { 1 } else { 2 };
    for point in (0..).step_by(step) {
        let mut killed = 0;
        for version in [1, 2] {
            place.context.write("main.hcl", &configuration(&place.tag, version, "true"));
            killed += usize::from(killed_and_finished(&mut place, "apply --auto-approve", point));
            settled(&place, version);
        }
        killed += usize::from(killed_and_finished(&mut place, "destroy --auto-approve", point));
        nothing_left(&place);
        points += killed;
        if killed == 0 {
            break;
        }
    }
    println!("{points} points");
    assert!(points >= 50, "there are only {points} points");
}
