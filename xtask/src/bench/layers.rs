//! The chief measurement: many small resources that depend on each other, planned, applied, and planned again.

use std::path::Path;

use super::process::{Cost, measure as cost, syncs};
use super::side::Side;
use super::table::{self, Figures};
use super::{configuration, disk};
use crate::{Failure, output};

/// The most resources for which a peer's syncs are counted: it takes a run of its own, and theirs are long.
const COUNT_PEER_SYNCS_UP_TO: usize = 1000;

/// Measures all sides in turns, each as often as is said with it.
pub fn measure(sides: &[(&Side, usize)], resources: usize, scratch: &Path) -> Result<Vec<Figures>, Failure> {
    let mut figures: Vec<Figures> = sides.iter().map(|(side, _)| Figures::new(&side.name)).collect();
    let most = sides.iter().map(|(_, runs)| *runs).max().unwrap_or_default();
    for run in 1..=most {
        for ((side, runs), figures) in sides.iter().zip(&mut figures).filter(|((_, runs), _)| run <= *runs) {
            output::note(&format!("{} with {resources} resources, run {run} of {runs}", side.name));
            let text = configuration::layered(side.resource_type(), resources);
            let folder = side.folder(scratch, "layers", text.as_bytes())?;
            let costs: [Cost; 3] =
                [cost(&mut side.plan(&folder))?, cost(&mut side.apply(&folder))?, cost(&mut side.plan(&folder))?];
            figures.add(costs);
            disk::remove_folder(&folder)?;
        }
    }
    for (position, ((side, _), figures)) in sides.iter().zip(&mut figures).enumerate() {
        if position == 0 || resources <= COUNT_PEER_SYNCS_UP_TO {
            let text = configuration::layered(side.resource_type(), resources);
            let folder = side.folder(scratch, "syncs", text.as_bytes())?;
            figures.syncs = syncs(&side.apply(&folder), scratch);
            disk::remove_folder(&folder)?;
        }
    }
    Ok(figures)
}

/// How long it takes to say the version: what every command pays.
pub fn start_up(side: &Side, scratch: &Path) -> Result<String, Failure> {
    let mut times = Vec::new();
    for _ in 0..20 {
        times.push(cost(&mut side.command(scratch, ["version"]))?.time);
    }
    Ok(format!("\n`deployctl version`: {}\n", table::spread(&times)))
}
