//! What it costs that a state is encrypted: the same plan of a large configuration that changes nothing, with and without.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::process::{Cost, measure};
use super::{configuration, disk, table};
use crate::{Failure, output};

/// The variable that has the key, and a key.
const KEY: (&str, &str) = ("BENCH_STATE_KEK", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=");

/// A figure of a run's cost.
type Figure = fn(&Cost) -> Duration;

/// What is compared.
const FIGURES: [(&str, Figure); 2] = [("time", |cost| cost.time), ("work of the processors", |cost| cost.work)];

/// Measures the two in turns, and answers the table. Each state is made once; looking at it changes nothing.
pub fn compare(program: &Path, resources: usize, runs: usize, scratch: &Path) -> Result<String, Failure> {
    let encrypted =
        format!("deployctl {{\n  encryption \"aes_gcm\" {{\n    key {{\n      env = \"{}\"\n    }}\n  }}\n}}\n", KEY.0);
    let sides = [("in clear", String::new()), ("encrypted", encrypted)];
    let mut folders = Vec::new();
    for (name, settings) in &sides {
        output::note(&format!("{resources} resources, the state {name}: applied once"));
        let folder = scratch.join(format!("state-{}", name.replace(' ', "-")));
        disk::make_folder(&folder)?;
        disk::write(&folder.join("main.hcl"), configuration::layered("value", resources).as_bytes())?;
        if !settings.is_empty() {
            disk::write(&folder.join("state.hcl"), settings.as_bytes())?;
        }
        cost(program, &folder, &["apply", "--auto-approve"], scratch)?;
        folders.push(folder);
    }
    let mut costs: [Vec<Cost>; 2] = Default::default();
    for run in 1..=runs {
        output::note(&format!("plans that change nothing, run {run} of {runs}"));
        for (folder, costs) in folders.iter().zip(&mut costs) {
            costs.push(cost(program, folder, &["plan"], scratch)?);
        }
    }
    folders.iter().try_for_each(|folder: &PathBuf| disk::remove_folder(folder))?;
    Ok(report(resources, &costs))
}

fn cost(program: &Path, folder: &Path, words: &[&str], home: &Path) -> Result<Cost, Failure> {
    let mut command = Command::new(program);
    // What this user has seen of encrypted states is none of the bench's.
    command.args(words).current_dir(folder).env(KEY.0, KEY.1).env("HOME", home).env_remove("XDG_STATE_HOME");
    measure(&mut command)
}

fn report(resources: usize, costs: &[Vec<Cost>; 2]) -> String {
    let [clear, encrypted] = costs;
    let mut text = format!(
        "\n## A state that is encrypted, {resources} resources, a plan that changes nothing\n\n\
         | | in clear | encrypted | more |\n|---|---|---|---|\n"
    );
    for (name, figure) in FIGURES {
        let times = |costs: &[Cost]| costs.iter().map(figure).collect::<Vec<_>>();
        let (clear, encrypted) = (times(clear), times(encrypted));
        let ratio = table::median(&encrypted).as_secs_f64() / table::median(&clear).as_secs_f64().max(0.001);
        let (more, clear, encrypted) = ((ratio - 1.0) * 100.0, table::spread(&clear), table::spread(&encrypted));
        text.push_str(&format!("| {name} | {clear} | {encrypted} | {more:.1} % |\n"));
    }
    text
}
