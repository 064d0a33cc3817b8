//! Figures as tables: medians with their spread, and ratios.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use super::disk;
use super::process::Cost;
use super::side::Side;
use crate::Failure;

/// The three things that are measured of every configuration.
const STEPS: [&str; 3] = ["plan", "apply", "no-op plan"];

/// What one side cost, run by run.
pub struct Figures {
    name: String,
    costs: [Vec<Cost>; 3],
    /// How often it synced a file during apply, if that was counted.
    pub syncs: Option<u64>,
}

impl Figures {
    /// No figures yet.
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), costs: Default::default(), syncs: None }
    }

    /// One run more.
    pub fn add(&mut self, costs: [Cost; 3]) {
        for (all, cost) in self.costs.iter_mut().zip(costs) {
            all.push(cost);
        }
    }
}

/// Who was measured, on what.
pub fn heading(own: &Side, peers: &[Side], scratch: &Path) -> Result<String, Failure> {
    let mut text = String::from("# What it costs\n\n");
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let latency = disk::sync_latency(scratch)?;
    let sides: Vec<&str> = std::iter::once(own).chain(peers).map(|side| side.version.as_str()).collect();
    let _ = writeln!(text, "{}. {}, {cores} cores.", sides.join(", "), processor());
    if let Some(load) = disk::read(Path::new("/proc/loadavg")) {
        let load = load.split_whitespace().next().unwrap_or_default();
        let _ = writeln!(text, "The load average was {load} at the beginning: above 1 something else was at work too.");
    }
    let _ = writeln!(text, "One `fdatasync` takes {} here (the median of 200).", time(latency));
    let _ = writeln!(text, "Each figure is a median; the fastest and slowest run stand in brackets.");
    Ok(text)
}

fn processor() -> String {
    let info = disk::read(Path::new("/proc/cpuinfo")).unwrap_or_default();
    let name = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    name.map_or_else(|| std::env::consts::ARCH.to_owned(), |(_, name)| name.to_owned())
}

/// The table of the layered configuration.
pub fn layers(resources: usize, figures: &[Figures]) -> String {
    let mut text = format!("\n## {resources} resources in ten layers\n\n| |");
    for side in figures {
        let _ = write!(text, " {} |", side.name);
    }
    let compared = figures.len() > 1;
    text.push_str(if compared { " to the faster peer |\n" } else { "\n" });
    text.push_str(&"|---".repeat(figures.len() + 1 + usize::from(compared)));
    text.push_str("|\n");
    for (step, name) in STEPS.iter().enumerate() {
        row(&mut text, name, figures, step, |cost| cost.time.as_secs_f64(), seconds, compared);
    }
    for (step, name) in STEPS.iter().enumerate() {
        let name = format!("work of the processors, {name}");
        row(&mut text, &name, figures, step, |cost| cost.work.as_secs_f64(), seconds, compared);
    }
    row(&mut text, "memory, plan", figures, 0, |cost| cost.memory as f64, bytes, compared);
    row(&mut text, "memory, apply", figures, 1, |cost| cost.memory as f64, bytes, compared);
    row(&mut text, "written, apply", figures, 1, |cost| cost.written as f64, bytes, compared);
    text.push_str("| syncs, apply |");
    for side in figures {
        let _ = write!(text, " {} |", side.syncs.map_or_else(|| "not counted".to_owned(), |syncs| syncs.to_string()));
    }
    text.push_str(if compared { " |\n" } else { "\n" });
    text
}

fn row(
    text: &mut String,
    name: &str,
    figures: &[Figures],
    step: usize,
    figure: impl Fn(&Cost) -> f64,
    shown: fn(f64) -> String,
    compared: bool,
) {
    let all: Vec<Vec<f64>> = figures
        .iter()
        .map(|side| side.costs.get(step).map(|costs| costs.iter().map(&figure).collect()).unwrap_or_default())
        .collect();
    let _ = write!(text, "| {name} |");
    for values in &all {
        let _ = write!(text, " {} |", in_brackets(values, shown));
    }
    if compared {
        let medians: Vec<f64> = all.iter().map(|values| middle(values)).collect();
        let best = medians.iter().skip(1).copied().fold(f64::INFINITY, f64::min);
        match medians.first() {
            Some(own) if *own > 0.0 && best.is_finite() => {
                let _ = write!(text, " {:.1} × |", best / own);
            }
            _ => text.push_str(" – |"),
        }
    }
    text.push('\n');
}

/// How the cost of one resource grows from a smaller configuration to a larger one, of the side that comes first.
pub fn growth(small: (usize, &[Figures]), large: (usize, &[Figures])) -> String {
    let mut text = format!(
        "\n## How it grows\n\n| | {} resources | {} resources | for each resource |\n|---|---|---|---|\n",
        small.0, large.0
    );
    let mut grows = |name: &str, step: usize, figure: fn(&Cost) -> f64, shown: fn(f64) -> String| {
        let values = |figures: &[Figures]| -> Vec<f64> {
            let costs = figures.first().and_then(|side| side.costs.get(step));
            costs.map(|costs| costs.iter().map(figure).collect()).unwrap_or_default()
        };
        let (few, many) = (values(small.1), values(large.1));
        let each = |values: &[f64], resources: usize| middle(values) / resources as f64;
        let ratio = each(&many, large.0) / each(&few, small.0);
        let _ =
            writeln!(text, "| {name} | {} | {} | {ratio:.2} × |", in_brackets(&few, shown), in_brackets(&many, shown));
    };
    for (step, name) in STEPS.iter().enumerate() {
        grows(name, step, |cost| cost.time.as_secs_f64(), seconds);
    }
    for (step, name) in STEPS.iter().enumerate() {
        grows(&format!("work of the processors, {name}"), step, |cost| cost.work.as_secs_f64(), seconds);
    }
    grows("memory, plan", 0, |cost| cost.memory as f64, bytes);
    grows("memory, apply", 1, |cost| cost.memory as f64, bytes);
    grows("written, apply", 1, |cost| cost.written as f64, bytes);
    text
}

/// The table of the other shapes.
pub fn shapes(rows: &[(String, [Vec<Cost>; 3])]) -> String {
    let mut text =
        String::from("\n## Other shapes, deployctl alone\n\n| | plan | apply | no-op plan | memory, apply |\n");
    text.push_str("|---|---|---|---|---|\n");
    for (name, steps) in rows {
        let _ = write!(text, "| {name} |");
        for costs in steps {
            let _ = write!(text, " {} |", spread(&costs.iter().map(|cost| cost.time).collect::<Vec<_>>()));
        }
        let memory: Vec<f64> = steps[1].iter().map(|cost| cost.memory as f64).collect();
        let _ = writeln!(text, " {} |", in_brackets(&memory, bytes));
    }
    text
}

/// A median; zero of nothing.
pub fn median(times: &[Duration]) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

/// A median with its spread.
pub fn spread(times: &[Duration]) -> String {
    in_brackets(&times.iter().map(Duration::as_secs_f64).collect::<Vec<_>>(), seconds)
}

fn in_brackets(values: &[f64], shown: fn(f64) -> String) -> String {
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = values.iter().copied().fold(0.0, f64::max);
    if values.iter().all(|value| *value == 0.0) {
        return "–".to_owned();
    }
    format!("{} ({}–{})", shown(middle(values)), shown(least), shown(most))
}

fn middle(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

fn time(time: Duration) -> String {
    seconds(time.as_secs_f64())
}

fn seconds(value: f64) -> String {
    match value {
        value if value < 0.001 => format!("{:.0} µs", value * 1e6),
        value if value < 1.0 => format!("{:.1} ms", value * 1e3),
        value => format!("{value:.2} s"),
    }
}

fn bytes(value: f64) -> String {
    match value {
        value if value < 1e6 => format!("{:.0} kB", value / 1e3),
        value => format!("{:.1} MB", value / 1e6),
    }
}
