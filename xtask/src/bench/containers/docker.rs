//! Containers on one network: `docker_container` beside Docker Compose and Terraform's provider for Docker.
//!
//! Nobody waits for a grace: the containers are ended at once on all sides.

use std::path::{Path, PathBuf};

use super::side::{IMAGE, Side};
use super::{Setting, disk};
use crate::{Failure, output};

/// deployctl, Compose, Terraform, ready to be measured.
pub fn sides(setting: &Setting<'_>) -> Result<Vec<Side>, Failure> {
    Ok(vec![deployctl(setting)?, compose(setting)?, terraform(setting)?])
}

fn folder(setting: &Setting<'_>, side: &str, file: &str, text: &str) -> Result<PathBuf, Failure> {
    let folder = setting.scratch.join(format!("{}-{}", setting.name(side), setting.containers));
    disk::make_folder(&folder)?;
    disk::write(&folder.join(file), text.as_bytes())?;
    Ok(folder)
}

fn deployctl(setting: &Setting<'_>) -> Result<Side, Failure> {
    let (name, containers) = (setting.name("own"), setting.containers);
    let mut text = format!("resource \"docker_network\" \"bench\" {{\n  name = \"{name}\"\n}}\n");
    for index in 0..containers {
        text.push_str(&format!(
            "\nresource \"docker_container\" \"c{index}\" {{\n  name         = \"{name}-{index}\"\n  image        = \"{IMAGE}\"\n  command      = [\"httpd\", \"-f\"]\n  stop_timeout = 0\n  network {{\n    name = docker_network.bench.name\n  }}\n}}\n"
        ));
    }
    let folder = folder(setting, "own", "main.hcl", &text)?;
    let destroy = || setting.deployctl(&folder, ["destroy", "--auto-approve"]);
    Ok(Side {
        name: "deployctl",
        steps: vec![
            ("create", Some(setting.deployctl(&folder, ["apply", "--auto-approve"]))),
            ("plan without changes", Some(setting.deployctl(&folder, ["plan"]))),
            ("apply without changes", Some(setting.deployctl(&folder, ["apply", "--auto-approve"]))),
            ("destroy", Some(destroy())),
        ],
        cleared: destroy(),
    })
}

fn compose(setting: &Setting<'_>) -> Result<Side, Failure> {
    let (name, containers) = (setting.name("compose"), setting.containers);
    let mut text = format!("name: {name}\nservices:\n");
    for index in 0..containers {
        text.push_str(&format!("  c{index}:\n    image: {IMAGE}\n    command: [\"httpd\", \"-f\"]\n"));
    }
    let folder = folder(setting, "compose", "compose.yaml", &text)?;
    let up = || setting.compose(&folder, ["up", "--detach", "--wait"]);
    let down = || setting.compose(&folder, ["down", "--timeout", "0"]);
    Ok(Side {
        name: "Compose",
        // It has no plan.
        steps: vec![
            ("create", Some(up())),
            ("plan without changes", None),
            ("apply without changes", Some(up())),
            ("destroy", Some(down())),
        ],
        cleared: down(),
    })
}

fn terraform(setting: &Setting<'_>) -> Result<Side, Failure> {
    let (name, containers) = (setting.name("terraform"), setting.containers);
    let mut text = String::from(
        "terraform {\n  required_providers {\n    docker = {\n      source = \"kreuzwerker/docker\"\n    }\n  }\n}\n",
    );
    text.push_str(&format!("\nresource \"docker_network\" \"bench\" {{\n  name = \"{name}\"\n}}\n"));
    for index in 0..containers {
        text.push_str(&format!(
            "\nresource \"docker_container\" \"c{index}\" {{\n  name    = \"{name}-{index}\"\n  image   = \"{IMAGE}\"\n  command = [\"httpd\", \"-f\"]\n  networks_advanced {{\n    name = docker_network.bench.name\n  }}\n}}\n"
        ));
    }
    let folder = folder(setting, "terraform", "main.tf", &text)?;
    let terraform = Path::new("terraform");
    output::note("terraform init");
    super::process::measure(&mut setting.command(terraform, &folder, ["init", "-input=false", "-no-color"]))?;
    let apply = || setting.command(terraform, &folder, ["apply", "-input=false", "-no-color", "-auto-approve"]);
    let destroy = || setting.command(terraform, &folder, ["destroy", "-input=false", "-no-color", "-auto-approve"]);
    Ok(Side {
        name: "Terraform",
        steps: vec![
            ("create", Some(apply())),
            ("plan without changes", Some(setting.command(terraform, &folder, ["plan", "-input=false", "-no-color"]))),
            ("apply without changes", Some(apply())),
            ("destroy", Some(destroy())),
        ],
        cleared: destroy(),
    })
}
