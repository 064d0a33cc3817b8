//! Columns under headings.

use super::look::{Look, Paint};
use super::text::{cut_end, pad, width};

/// A cell.
#[derive(Debug, Clone)]
pub struct Cell {
    text: String,
    paint: Option<Paint>,
}

impl Cell {
    /// A cell with a paint of its own.
    pub fn painted(text: impl Into<String>, paint: Paint) -> Self {
        Self { text: text.into(), paint: Some(paint) }
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self { text: text.into(), paint: None }
    }
}

/// The rows under their headings, each column as wide as its widest cell, the last one cut where the look asks for
/// it and the line would be too wide. Nothing at all where there are no rows.
pub fn table<const N: usize>(headings: [&str; N], rows: &[[Cell; N]], look: Look) -> String {
    let mut columns = headings.map(width);
    for row in rows {
        for (column, cell) in columns.iter_mut().zip(row) {
            *column = (*column).max(width(&cell.text));
        }
    }
    let mut out = String::new();
    if rows.is_empty() {
        return out;
    }
    let headings: Vec<Cell> = headings.iter().map(|heading| Cell::painted(*heading, Paint::Dim)).collect();
    line(&mut out, &headings, &columns, look);
    for row in rows {
        line(&mut out, row, &columns, look);
    }
    out
}

fn line(out: &mut String, cells: &[Cell], columns: &[usize], look: Look) {
    let mut used = 0;
    let mut pending = String::new();
    for (position, (cell, column)) in cells.iter().zip(columns).enumerate() {
        let last = position + 1 == cells.len();
        let room = if last && look.cuts { look.width.saturating_sub(used).max(30) } else { usize::MAX };
        let text = cut_end(&cell.text, room);
        let padded = if last { text.clone() } else { pad(&text, column + 2) };
        used += column + 2;
        let trailing = padded.get(text.len()..).unwrap_or_default();
        if !text.is_empty() {
            out.push_str(&pending);
            pending.clear();
            match cell.paint {
                Some(paint) => out.push_str(&look.paint(paint, &text)),
                None => out.push_str(&text),
            }
        }
        pending.push_str(trailing);
    }
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_without_trailing_blanks() {
        let rows = [["docker_container.api".into(), "running".into(), "".into()], ["a".into(), "".into(), "x".into()]];
        let text = table(["RESOURCE", "STATE", "DETAIL"], &rows, Look::plain());
        assert_eq!(
            text,
            "RESOURCE              STATE    DETAIL\ndocker_container.api  running\na                              x\n"
        );
    }
}
