//! Terraform's modules when deployctl is killed: around every call of the engine, while it makes and removes each thing, and
//! at writes of our own. The engine goes on and saves its state; the next run waits for it, and nothing is made twice, lost
//! or left behind.
#![cfg(target_os = "linux")]

use std::collections::BTreeSet;
use std::path::Path;

use crate::context::Context;
use crate::kill_points::{self, Point, Stage, at_its_own};
use crate::search::files_below;

/// How many things the module makes.
const THINGS: usize = 5;

fn terraform() -> String {
    let found = deployctl_sdk::program::find("terraform", Path::new("/"));
    let found = found.expect("there is no terraform in PATH: eval \"$(cargo xtask engines terraform)\"");
    found.to_string_lossy().into_owned()
}

/// Does what Terraform does, counts its calls, and kills whoever started it before or after the one that `KILL_CALL` says.
const ENGINE: &str = r#"#!/bin/sh
n=$(cat FOLDER/calls 2>/dev/null || echo 0)
echo $((n + 1)) > FOLDER/calls
export STARTER=$PPID
test "$KILL_CALL" = $((2 * n)) && { kill -9 $PPID; exit 1; }
TERRAFORM "$@"
status=$?
test "$KILL_CALL" = $((2 * n + 1)) && kill -9 $PPID
exit $status
"#;

/// Makes or removes one real thing, and kills deployctl before or after the one that `KILL_STEP` says.
const STEP: &str = r#"#!/bin/sh
n=$(cat FOLDER/steps 2>/dev/null || echo 0)
echo $((n + 1)) > FOLDER/steps
test "$KILL_STEP" = $((2 * n)) && kill -9 $STARTER
case $1 in make) : > FOLDER/made/$2;; remove) rm FOLDER/made/$2;; esac
test "$KILL_STEP" = $((2 * n + 1)) && kill -9 $STARTER
exit 0
"#;

const MODULE: &str = r#"
variable "size" {}
resource "terraform_data" "thing" {
  count            = THINGS
  input            = "FOLDER/step"
  triggers_replace = [var.size]
  provisioner "local-exec" { command = "${self.input} make ${self.id}" }
  provisioner "local-exec" {
    when    = destroy
    command = "${self.input} remove ${self.id}"
  }
}
output "size" { value = var.size }
"#;

fn world() -> Context {
    let context = Context::new();
    let folder = context.path().to_string_lossy().into_owned();
    let written = |text: &str| {
        let text = text.replace("FOLDER", &folder).replace("TERRAFORM", &terraform());
        text.replace("THINGS", &THINGS.to_string())
    };
    for (name, text) in [("engine", ENGINE), ("step", STEP)] {
        deployctl_sdk::fs::write_new(&context.file(name), written(text).as_bytes(), 0o755).unwrap();
    }
    context.write("made/.keep", "");
    context.write("things/main.tf", &written(MODULE));
    context
}

fn configured(context: &Context, size: u32) {
    context.write(
        "main.hcl",
        &format!(
            "resource \"terraform_module\" \"things\" {{\n  path        = \"things\"\n  binary      = \"./engine\"\n  parallelism = 1\n  vars        = {{ size = {size} }}\n}}\n"
        ),
    );
}

/// What was really made.
fn made(context: &Context) -> BTreeSet<String> {
    let files = deployctl_sdk::fs::read_dir(&context.file("made")).unwrap();
    let names = files.iter().map(|path| path.file_name().unwrap().to_string_lossy().into_owned());
    names.filter(|name| name != ".keep").collect()
}

/// What the module's state knows of.
fn known(context: &Context) -> BTreeSet<String> {
    let state: serde_json::Value = serde_json::from_str(&context.read("things/terraform.tfstate")).unwrap();
    let resources = state["resources"].as_array().unwrap();
    let instances = resources.iter().flat_map(|resource| resource["instances"].as_array().unwrap());
    instances.map(|instance| instance["attributes"]["id"].as_str().unwrap().to_owned()).collect()
}

fn whole(context: &Context, point: Point) {
    assert_eq!(made(context), known(context), "made or left without being known, after {point:?}");
    assert_eq!(made(context).len(), THINGS, "after {point:?}");
    let plan = context.run("plan --detailed-exitcode");
    assert_eq!(plan.code, 0, "there is still something to do after {point:?}: {plan}");
}

fn nothing(context: &Context, point: Point) {
    assert_eq!(made(context), known(context), "made or left without being known, after {point:?}");
    assert!(made(context).is_empty(), "after {point:?}");
    // A plan, an output or a copy of the module beside our state would hold its variables.
    let left = files_below(&context.file(".deployctl/default/terraform"));
    let left: Vec<_> = left.iter().filter(|path| path.components().any(|part| part.as_os_str() == "private")).collect();
    assert!(left.is_empty(), "{left:?} after {point:?}");
}

fn kill(context: &Context, command: &str, point: Point) -> bool {
    for counter in ["calls", "steps"] {
        deployctl_sdk::fs::remove_file(&context.file(counter)).unwrap();
    }
    match point {
        Point::Call(at) => kill_points::with(context, command, &[("KILL_CALL", at.to_string())]),
        Point::Engine(at) => kill_points::with(context, command, &[("KILL_STEP", at.to_string())]),
        Point::Own(at) => at_its_own(context, command, at),
    }
}

/// Every place around so many calls and so many steps, and some of our own.
fn points(calls: usize, steps: usize, own: &[usize]) -> Vec<Point> {
    let calls = (0..2 * calls).map(Point::Call);
    calls.chain((0..2 * steps).map(Point::Engine)).chain(own.iter().copied().map(Point::Own)).collect()
}

#[test]
fn a_module_killed_at_any_of_fifty_points_leaves_nothing_behind() {
    let apply = "apply --auto-approve";
    let stages = [
        // Its version, init, plan, show, apply.
        Stage {
            turn: &|context| configured(context, 1),
            command: apply,
            points: points(5, THINGS, &[8]),
            holds: &whole,
        },
        // Each thing is removed and made anew.
        Stage {
            turn: &|context| configured(context, 2),
            command: apply,
            points: points(4, THINGS, &[5, 9, 12]),
            holds: &whole,
        },
        Stage {
            turn: &|_| {},
            command: "destroy --auto-approve",
            points: points(4, THINGS, &[5, 9, 12]),
            holds: &nothing,
        },
    ];
    kill_points::all(&world, &stages, &kill);
}
