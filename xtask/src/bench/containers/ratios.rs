//! Figures of sides that took turns: medians with their spread, and how the first side compares with each of the others.

use std::fmt::Write as _;
use std::time::Duration;

use super::super::process::Cost;
use super::super::table;
use super::side::Side;

/// What a side cost, step by step and run by run.
pub struct Measured {
    name: &'static str,
    steps: Vec<(&'static str, Vec<Duration>)>,
}

impl Measured {
    /// No figures yet.
    pub fn new(side: &Side) -> Self {
        Self { name: side.name, steps: side.steps.iter().map(|(step, _)| (*step, Vec::new())).collect() }
    }

    /// One run more.
    pub fn add(&mut self, costs: Vec<Option<Cost>>) {
        for ((_, times), cost) in self.steps.iter_mut().zip(costs) {
            times.extend(cost.map(|cost| cost.time));
        }
    }
}

/// The table of one configuration. Ratios are of times within the same run: their median and spread.
pub fn table(title: &str, sides: &[Measured]) -> String {
    let Some((own, peers)) = sides.split_first() else { return String::new() };
    let mut text = format!("\n## {title}\n\n| | {} |", own.name);
    for peer in peers {
        let _ = write!(text, " {} |", peer.name);
    }
    for peer in peers {
        let _ = write!(text, " of {}'s time |", peer.name);
    }
    let _ = writeln!(text, "\n{}|", "|---".repeat(sides.len() + peers.len() + 1));
    for (index, (step, times)) in own.steps.iter().enumerate() {
        let _ = write!(text, "| {step} | {} |", table::spread(times));
        let others: Vec<&[Duration]> =
            peers.iter().map(|peer| peer.steps.get(index).map_or(&[][..], |(_, times)| times)).collect();
        for other in &others {
            let shown = if other.is_empty() { "–".to_owned() } else { table::spread(other) };
            let _ = write!(text, " {shown} |");
        }
        for other in &others {
            let _ = write!(text, " {} |", ratio(times, other));
        }
        text.push('\n');
    }
    text
}

/// The median of the ratios run by run, with the least and the most.
fn ratio(own: &[Duration], other: &[Duration]) -> String {
    let mut ratios: Vec<f64> =
        own.iter().zip(other).map(|(own, other)| own.as_secs_f64() / other.as_secs_f64().max(1e-9)).collect();
    ratios.sort_by(f64::total_cmp);
    match (ratios.first(), ratios.get(ratios.len() / 2), ratios.last()) {
        (Some(least), Some(median), Some(most)) => format!("{median:.2} ({least:.2}–{most:.2})"),
        _ => "–".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_taken_within_a_run() {
        let seconds = |all: [u64; 3]| all.map(Duration::from_secs).to_vec();
        assert_eq!(ratio(&seconds([1, 10, 100]), &seconds([2, 20, 100])), "0.50 (0.50–1.00)");
    }

    #[test]
    fn a_side_that_cannot_do_a_step_has_no_ratio() {
        assert_eq!(ratio(&[Duration::from_secs(1)], &[]), "–");
    }
}
