//! Several machines with one state: what one did the others see.

use super::place::{ALL, Kind, Place};
use crate::context::{Answer, Context};
use crate::search::holds;

/// A site that is only values.
pub const SITE: &str = r#"
variable "text" {
  default = "first"
}
variable "password" {
  type      = string
  default   = "hunter2-of-the-team"
  sensitive = true
}
resource "value" "page" {
  input = var.text
}
resource "value" "secret" {
  input = { password = var.password, page = value.page.output }
}
output "page" {
  value = value.page.output
}
output "password" {
  value     = var.password
  sensitive = true
}
"#;

#[track_caller]
pub fn ok(answer: Answer) -> String {
    assert_eq!(answer.code, 0, "{answer}");
    answer.stdout
}

#[test]
fn what_one_machine_did_the_others_see() {
    for kind in ALL {
        let place = Place::new(kind);
        let (ana, ben) = (place.machine(SITE), place.machine(SITE));
        ok(ana.run("apply --auto-approve"));
        assert_eq!(ok(ben.run("output page")), "first\n", "{kind:?}");
        assert_eq!(ben.run("plan --detailed-exitcode").code, 0, "{kind:?}");
        ok(ben.run("apply --auto-approve --var text=second"));
        assert_eq!(ok(ana.run("output page")), "second\n", "{kind:?}");
        assert_eq!(ok(ana.run("history --json")).matches("\"run\"").count(), 2, "{kind:?}");
        ok(ana.run("rollback --auto-approve"));
        assert_eq!(ok(ben.run("output page")), "first\n", "{kind:?}");
        assert_eq!(ok(ben.run("output password")), "hunter2-of-the-team\n", "{kind:?}");
        ok(ben.run("destroy --auto-approve"));
        assert_eq!(ok(ana.run("state list")), "", "{kind:?}");
        assert!(!ana.file(".deployctl").join("default").join("state.json").exists(), "{kind:?}: nothing lies here");
    }
}

#[test]
fn a_saved_plan_is_applied_elsewhere_and_is_stale_after_another_run() {
    for kind in ALL {
        let place = Place::new(kind);
        let (ana, ben) = (place.machine(SITE), place.machine(SITE));
        ok(ana.run("apply --auto-approve"));
        ok(ana.run("plan -o plan.bin --var text=second"));
        ok(ana.run("plan -o late.bin --var text=third"));
        std::fs::copy(ana.file("plan.bin"), ben.file("plan.bin")).unwrap();
        ok(ben.run("apply plan.bin"));
        assert_eq!(ok(ana.run("output page")), "second\n", "{kind:?}");
        assert_eq!(ana.run("apply late.bin").code, 3, "{kind:?}");
    }
}

#[test]
fn no_secret_rests_in_a_shared_place_and_none_is_taken_without_a_key() {
    for kind in ALL {
        let place = Place::new(kind);
        let mut machine = place.machine(SITE);
        ok(machine.run("apply --auto-approve"));
        for (name, bytes) in place.resting() {
            let found = bytes.windows(7).any(|part| part == b"hunter2");
            assert!(!found, "{kind:?}: {name} holds the password");
        }
        machine.set("DEPLOYCTL_STATE_KEY", "");
        let answer = machine.run("apply --auto-approve --var text=second");
        assert_eq!(answer.code, 1, "{kind:?}: {answer}");
        assert!(answer.stderr.contains("DEPLOYCTL_STATE_KEY"), "{kind:?}: {answer}");
        machine.set("DEPLOYCTL_STATE_KEY", super::place::KEY);
        assert_eq!(ok(machine.run("output page")), "first\n", "{kind:?}");
    }
}

/// Secrets of every source, and what is made of them, are looked for in every object and row: as they are, in base64, unpacked.
#[test]
fn nothing_of_a_secret_comes_to_rest_in_a_shared_place() {
    const PLANTED: [&str; 3] =
        ["planted-in-env-0123456789", "planted-in-file-0123456789", "planted-in-command-0123456789"];
    let main = r#"
secret "env" { env = "PLANTED" }
secret "file" { file = "secret.txt" }
secret "command" { command = ["cat", "other.txt"] }
variable "text" { default = "first" }
resource "value" "page" {
  input = { text = var.text, url = "postgres://${secret.env}@db/${base64encode(secret.file)}", all = [secret.command] }
}
output "url" {
  value     = value.page.output.url
  sensitive = true
}
"#;
    for kind in ALL {
        let place = Place::new(kind);
        let mut machine = place.machine(main);
        let [env, file, command] = PLANTED;
        machine.set("PLANTED", env);
        machine.write("secret.txt", file);
        machine.write("other.txt", command);
        let (plan, rollback) = ("plan --out plan.bin --var text=second", "rollback --auto-approve");
        for line in ["apply --auto-approve", plan, "apply plan.bin", "history", rollback] {
            let answer = machine.run(line);
            assert_eq!(answer.code, 0, "{kind:?}: {line}: {answer}");
            assert!(!holds(answer.to_string().as_bytes(), &PLANTED), "{kind:?}: `{line}` shows a secret: {answer}");
        }
        assert!(
            !holds(&std::fs::read(machine.file("plan.bin")).unwrap(), &PLANTED),
            "{kind:?}: it is in the plan's file"
        );
        let resting = place.resting();
        assert!(resting.len() > 8, "{kind:?}: {}", resting.len());
        for (name, bytes) in resting {
            assert!(!holds(&bytes, &PLANTED), "{kind:?}: {name} holds a secret");
        }
    }
}

#[test]
fn a_state_migrates_from_any_place_to_any_other() {
    let machine = |place: Option<&Place>| match place {
        Some(place) => place.machine(SITE),
        None => {
            let mut context = Context::with(SITE);
            Place::prepare(&mut context);
            context
        }
    };
    let places = [Kind::Minio, Kind::Postgres, Kind::Moto].map(Place::new);
    let way = [None, Some(&places[0]), Some(&places[1]), Some(&places[2]), None];
    let mut last = machine(way[0]);
    ok(last.run("apply --auto-approve"));
    ok(last.run("apply --auto-approve --var text=second"));
    let (state, history) = (ok(last.run("state pull")), ok(last.run("history --json")));
    for (from, to) in way.iter().zip(&way[1..]) {
        let next = machine(*to);
        let from = match from {
            None => last.path().display().to_string(),
            Some(place) => {
                next.write("old/main.txt", &place.configuration(""));
                next.file("old/main.txt").display().to_string()
            }
        };
        let answer = next.run_args(&["state", "migrate", &from]);
        assert_eq!(answer.code, 0, "{answer}");
        assert_eq!(ok(next.run("state pull")), state);
        assert_eq!(ok(next.run("history --json")), history);
        assert_eq!(next.run_args(&["state", "migrate", &from]).code, 1, "there is a state already");
        last = next;
    }
    ok(last.run("rollback --auto-approve"));
    assert_eq!(ok(last.run("output page")), "first\n");
}

#[test]
fn a_local_state_moves_to_a_shared_place_only_with_its_key() {
    let place = Place::new(Kind::Minio);
    let old = Context::with(SITE);
    ok(old.run("apply --auto-approve"));
    let machine = place.machine(SITE);
    let from = old.path().display().to_string();
    let answer = machine.run_args(&["state", "migrate", &from]);
    assert_eq!(answer.code, 1, "{answer}");
    assert!(answer.stderr.contains("DEPLOYCTL_STATE_KEY"), "{answer}");
    let mut machine = machine;
    machine.set("DEPLOYCTL_STATE_KEY", old.read(".deployctl/default/key").trim());
    ok(machine.run_args(&["state", "migrate", &from]));
    assert_eq!(ok(machine.run("output password")), "hunter2-of-the-team\n");
    assert!(place.objects("").iter().all(|name| !name.ends_with("/key")), "the key stays where it was");
}

#[test]
fn the_outputs_of_another_configuration_are_referred_to() {
    for kind in ALL {
        let network = Place::new(kind);
        let other = network.machine(SITE);
        let mut local = Context::new();
        Place::prepare(&mut local);
        let main = format!(
            "data \"deployctl_state\" \"network\" {{\n{}\n}}\n{}",
            network.block(),
            r#"
resource "value" "app" {
  input = "on ${data.deployctl_state.network.outputs.page}"
}
output "app" {
  value = value.app.output
}
output "password" {
  value     = data.deployctl_state.network.outputs.password
  sensitive = true
}
"#
        );
        local.write("main.hcl", &main);
        let answer = local.run("plan");
        assert_eq!(answer.code, 1, "{kind:?}: {answer}");
        assert!(answer.stderr.contains("apply that configuration first"), "{kind:?}: {answer}");
        ok(other.run("apply --auto-approve"));
        ok(local.run("apply --auto-approve"));
        assert_eq!(ok(local.run("output app")), "on first\n", "{kind:?}");
        // A saved plan has what was read when it was made; the next plan reads again.
        ok(local.run("plan -o plan.bin --replace value.app"));
        ok(other.run("apply --auto-approve --var text=second"));
        ok(local.run("apply plan.bin"));
        assert_eq!(ok(local.run("output app")), "on first\n", "{kind:?}");
        let plan = ok(local.run("plan"));
        assert!(plan.contains("on second") && !plan.contains("hunter2"), "{kind:?}: {plan}");
        ok(local.run("apply --auto-approve"));
        assert_eq!(ok(local.run("output app")), "on second\n", "{kind:?}");
        assert_eq!(ok(local.run("output password")), "hunter2-of-the-team\n", "{kind:?}");
        assert_eq!(ok(other.run("history --json")).matches("\"run\"").count(), 2, "{kind:?}: reading changes nothing");
    }
}
