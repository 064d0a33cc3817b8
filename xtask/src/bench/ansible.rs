//! `cargo xtask bench ansible`: what planning a playbook costs over Ansible's own check run.
//!
//! Both sides check the same playbook on the same hosts, which are this machine, and take turns. What counts is what
//! deployctl adds: in seconds, and as a share.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use clap::Args;

use super::{disk, process, table};
use crate::engines::Surroundings;
use crate::{Failure, engines, output};

/// What `cargo xtask bench ansible` takes.
#[derive(Args)]
pub struct Arguments {
    /// How many hosts
    #[arg(long, default_value_t = 5)]
    hosts: usize,
    /// How many tasks on each
    #[arg(long, default_value_t = 10)]
    tasks: usize,
    /// How often each measurement is repeated
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// The deployctl program to measure, instead of building one
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
    /// Where the table is written, besides standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Measures, and writes the table.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let (surroundings, up) = engines::up(&["ansible"]);
    up?;
    let program = super::program(arguments.program.as_deref())?;
    let scratch = disk::Scratch::new()?;
    written(arguments, scratch.path())?;
    let command = |program: &Path, line: &[&str]| command(&surroundings, scratch.path(), program, line);
    // What is planned is there already: the usual case, and the one in which nothing else takes time.
    process::measure(&mut command(&program, &["apply", "--auto-approve"]))?;
    let (mut plain, mut ours) = (Vec::new(), Vec::new());
    for run in 1..=arguments.runs.max(1) {
        output::note(&format!("run {run} of {}", arguments.runs.max(1)));
        let check = ["--check", "--diff", "--inventory", "hosts.json", "play/site.yml"];
        plain.push(process::measure(&mut command(Path::new("ansible-playbook"), &check))?.time);
        ours.push(process::measure(&mut command(&program, &["plan"]))?.time);
    }
    let report = report(arguments, &plain, &ours);
    super::publish(&report, arguments.out.as_deref())
}

fn command(surroundings: &Surroundings, folder: &Path, program: &Path, line: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(line).current_dir(folder);
    surroundings.apply(&mut command);
    command
}

/// The playbook, and the same hosts for both sides.
fn written(arguments: &Arguments, folder: &Path) -> Result<(), Failure> {
    let hosts: Vec<String> = (0..arguments.hosts).map(|host| format!("\"host{host}\"")).collect();
    let vars = r#""ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}""#;
    let for_ansible: Vec<String> = hosts.iter().map(|host| format!("{host}: {{}}")).collect();
    let for_ansible = format!("{{\"all\": {{\"hosts\": {{{}}}, \"vars\": {{{vars}}}}}}}", for_ansible.join(", "));
    let tasks: String = (0..arguments.tasks)
        .map(|task| {
            format!(
                "    - name: Task {task}\n      ansible.builtin.copy:\n        content: \"{task}\\n\"\n        \
                 dest: \"{}/{{{{ inventory_hostname }}}}.{task}\"\n",
                folder.display()
            )
        })
        .collect();
    let inventory =
        format!("{{ all = {{ hosts = [{}], vars = {{ {} }} }} }}", hosts.join(", "), vars.replace(": ", " = "));
    let main = format!(
        "resource \"ansible_playbook\" \"site\" {{\n  playbook  = \"play/site.yml\"\n  inventory = {inventory}\n}}\n"
    );
    disk::write(&folder.join("hosts.json"), for_ansible.as_bytes())?;
    disk::write(&folder.join("main.hcl"), main.as_bytes())?;
    crate::files::make_folder(&folder.join("play"))?;
    let site = format!("- hosts: all\n  gather_facts: false\n  tasks:\n{tasks}");
    disk::write(&folder.join("play/site.yml"), site.as_bytes())
}

fn report(arguments: &Arguments, plain: &[Duration], ours: &[Duration]) -> String {
    let seconds = |times: &[Duration]| median(times).as_secs_f64();
    let (before, after) = (seconds(plain), seconds(ours));
    let mut text = format!("\n## A playbook of {} tasks on {} hosts, checked\n\n", arguments.tasks, arguments.hosts);
    text.push_str("| | time |\n|---|---|\n");
    let _ = writeln!(text, "| ansible-playbook --check --diff | {} |", table::spread(plain));
    let _ = writeln!(text, "| deployctl plan | {} |", table::spread(ours));
    let _ = writeln!(
        text,
        "| deployctl adds | {:+.2} s ({:+.1} %) |",
        after - before,
        if before > 0.0 { (after / before - 1.0) * 100.0 } else { 0.0 }
    );
    text
}

fn median(times: &[Duration]) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}
