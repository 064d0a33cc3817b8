//! The difference between two lists of lines, bounded in time and in length whatever they hold.

use similar::{Algorithm, DiffOp, capture_diff_slices};

/// Above this many pairs of lines the exact difference is not worth its time.
const PAIRS: usize = 4_000_000;

/// How many lines are shown before the rest is counted.
const SHOWN: usize = 40;

/// One line of a difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line<'l> {
    /// What follows begins at this line of the old text, counted from 1.
    At(usize),
    /// It goes away.
    Gone(&'l str),
    /// It comes.
    New(&'l str),
    /// So many more lines differ.
    More(usize),
}

/// The lines that differ.
pub fn diff<'l>(old: &[&'l str], new: &[&'l str]) -> Vec<Line<'l>> {
    let mut lines = Vec::new();
    let mut hidden = 0;
    for op in operations(old, new) {
        let (before, after) =
            (old.get(op.old_range()).unwrap_or_default(), new.get(op.new_range()).unwrap_or_default());
        if matches!(op, DiffOp::Equal { .. }) {
            continue;
        }
        if lines.len() < SHOWN {
            lines.push(Line::At(op.old_range().start + 1));
        }
        for line in before.iter().map(|line| Line::Gone(line)).chain(after.iter().map(|line| Line::New(line))) {
            if lines.len() < SHOWN {
                lines.push(line);
            } else {
                hidden += 1;
            }
        }
    }
    if hidden > 0 {
        lines.push(Line::More(hidden));
    }
    lines
}

/// The operations that turn one into the other; beyond the bound, everything between what both begin and end with.
fn operations(old: &[&str], new: &[&str]) -> Vec<DiffOp> {
    let prefix = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let (rest_old, rest_new) = (old.get(prefix..).unwrap_or_default(), new.get(prefix..).unwrap_or_default());
    let suffix = rest_old.iter().rev().zip(rest_new.iter().rev()).take_while(|(a, b)| a == b).count();
    let (old_len, new_len) = (rest_old.len() - suffix, rest_new.len() - suffix);
    if old_len.saturating_mul(new_len) <= PAIRS {
        return capture_diff_slices(Algorithm::Myers, old, new);
    }
    vec![DiffOp::Replace { old_index: prefix, old_len, new_index: prefix, new_len }]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_compared_and_bounded() {
        let shown = diff(&["a", "b", "c"], &["a", "B", "c", "d"]);
        assert_eq!(shown, [Line::At(2), Line::Gone("b"), Line::New("B"), Line::At(4), Line::New("d")]);

        let old: Vec<String> = (0..50_000).map(|n| format!("old {n}")).collect();
        let new: Vec<String> = (0..50_000).map(|n| format!("new {n}")).collect();
        let (old, new): (Vec<&str>, Vec<&str>) =
            (old.iter().map(String::as_str).collect(), new.iter().map(String::as_str).collect());
        assert_eq!(diff(&old, &new).last(), Some(&Line::More(100_000 - SHOWN + 1)));
    }
}
