//! Other shapes than layers: whether the cost of one resource stays the same when the graph is wide, deep or crowded.

use std::path::Path;
use std::process::Command;

use super::process::{Cost, measure as cost};
use super::side::Side;
use super::{configuration, disk, table};
use crate::{Failure, output};

/// Measures each shape with deployctl alone.
pub fn measure(side: &Side, runs: usize, scratch: &Path) -> Result<String, Failure> {
    let shapes: [(&str, String); 6] = [
        ("10,000 independent", configuration::wide(10_000)),
        ("a chain of 2,000", configuration::chain(2_000)),
        ("one on 5,000", configuration::fan_in(5_000)),
        ("`for_each` of 20,000", configuration::instances(20_000)),
        ("an attribute of 10 MB", configuration::large_attribute(10_000_000)),
        ("100 MB of configuration", configuration::large(100_000_000)),
    ];
    let mut rows = Vec::new();
    for (name, text) in shapes {
        let mut all: [Vec<Cost>; 3] = Default::default();
        for run in 1..=runs.max(1) {
            output::note(&format!("{name}, run {run} of {runs}"));
            let folder = side.folder(scratch, "shape", text.as_bytes())?;
            let costs =
                [cost(&mut side.plan(&folder))?, cost(&mut side.apply(&folder))?, cost(&mut side.plan(&folder))?];
            for (all, cost) in all.iter_mut().zip(costs) {
                all.push(cost);
            }
            disk::remove_folder(&folder)?;
        }
        rows.push((name.to_owned(), all));
    }
    let mut report = table::shapes(&rows);
    report.push_str(&rendering(side, runs, scratch)?);
    Ok(report)
}

/// How long it takes to show a plan of 20,000 changes.
fn rendering(side: &Side, runs: usize, scratch: &Path) -> Result<String, Failure> {
    let folder = side.folder(scratch, "rendering", configuration::wide(20_000).as_bytes())?;
    cost(&mut side.command(&folder, ["plan", "--out", "plan.bin"]))?;
    let shown: [(&str, Command); 3] = [
        ("text", side.command(&folder, ["show", "plan.bin"])),
        ("JSON", side.command(&folder, ["show", "plan.bin", "--json"])),
        ("Markdown", side.command(&folder, ["show", "plan.bin", "--markdown"])),
    ];
    let mut lines = String::from("\nShowing a saved plan of 20,000 changes:\n");
    for (name, mut command) in shown {
        let mut times = Vec::new();
        for _ in 0..runs.max(1) {
            times.push(cost(&mut command)?.time);
        }
        lines.push_str(&format!("- {name}: {}\n", table::spread(&times)));
    }
    disk::remove_folder(&folder)?;
    Ok(lines)
}
