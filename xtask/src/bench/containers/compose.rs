//! A Compose project: `compose_project` beside Compose itself, which does the work on both sides.
//!
//! So what is measured is what the plan, the record and the capture of the files cost. The services end at once on both
//! sides.

use std::path::PathBuf;

use super::side::{IMAGE, Side};
use super::{Setting, disk};
use crate::Failure;

/// deployctl and Compose, ready to be measured.
pub fn sides(setting: &Setting<'_>) -> Result<Vec<Side>, Failure> {
    Ok(vec![deployctl(setting)?, compose(setting)?])
}

/// A folder with the project's file, which takes the message of its first service from the environment.
fn folder(setting: &Setting<'_>, side: &str) -> Result<PathBuf, Failure> {
    let folder = setting.scratch.join(format!("{}-{}", setting.name(side), setting.containers));
    let mut text = String::from("services:\n");
    for index in 0..setting.containers {
        text.push_str(&format!(
            "  c{index}:\n    image: {IMAGE}\n    command: [\"httpd\", \"-f\"]\n    stop_grace_period: 0s\n"
        ));
        if index == 0 {
            text.push_str("    environment:\n      MESSAGE: \"${MESSAGE}\"\n");
        }
    }
    disk::make_folder(&folder)?;
    disk::write(&folder.join("compose.yaml"), text.as_bytes())?;
    Ok(folder)
}

fn deployctl(setting: &Setting<'_>) -> Result<Side, Failure> {
    let folder = folder(setting, "own")?;
    let text = format!(
        "variable \"message\" {{\n  type    = string\n  default = \"one\"\n}}\n\nresource \"compose_project\" \"bench\" {{\n  path         = \".\"\n  project_name = \"{}\"\n  env          = {{ MESSAGE = var.message }}\n}}\n",
        setting.name("own")
    );
    disk::write(&folder.join("main.hcl"), text.as_bytes())?;
    let apply = |message| {
        let mut apply = setting.deployctl(&folder, ["apply", "--auto-approve", "--var"]);
        apply.arg(format!("message={message}"));
        apply
    };
    let destroy = || setting.deployctl(&folder, ["destroy", "--auto-approve"]);
    Ok(Side {
        name: "deployctl",
        steps: vec![
            ("create", Some(apply("one"))),
            ("plan without changes", Some(setting.deployctl(&folder, ["plan"]))),
            ("apply without changes", Some(apply("one"))),
            ("apply with one service changed", Some(apply("two"))),
            ("destroy", Some(destroy())),
        ],
        cleared: destroy(),
    })
}

fn compose(setting: &Setting<'_>) -> Result<Side, Failure> {
    let folder = folder(setting, "compose")?;
    let name = setting.name("compose");
    let up = |message| {
        let mut up = setting.compose(&folder, ["-p", &name, "up", "--detach", "--wait"]);
        up.env("MESSAGE", message);
        up
    };
    let down = || {
        let mut down = setting.compose(&folder, ["-p", &name, "down"]);
        down.env("MESSAGE", "");
        down
    };
    Ok(Side {
        name: "Compose",
        // It has no plan.
        steps: vec![
            ("create", Some(up("one"))),
            ("plan without changes", None),
            ("apply without changes", Some(up("one"))),
            ("apply with one service changed", Some(up("two"))),
            ("destroy", Some(down())),
        ],
        cleared: down(),
    })
}
