//! How a text is to look: whether it may use colour, and how wide it may be.

/// What a renderer may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// Whether colour may be used. It never carries a meaning alone.
    pub color: bool,
    /// How many columns there are.
    pub width: usize,
    /// Whether what is too wide for its line is cut. Programs that read a table get all of it.
    pub cuts: bool,
}

/// What a piece of text is painted as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paint {
    /// Headings and names.
    Bold,
    /// What matters less than the rest.
    Dim,
    /// What comes into being, and success.
    Green,
    /// What changes, and warnings.
    Yellow,
    /// What goes away, and errors.
    Red,
    /// What is replaced.
    Magenta,
    /// What is read or waited for.
    Cyan,
    /// What is lost for good.
    Alarm,
}

impl Look {
    /// No colour, and the width of most terminals.
    pub const fn plain() -> Self {
        Self { color: false, width: 100, cuts: false }
    }

    /// The text in that paint, if there is colour.
    pub fn paint(self, paint: Paint, text: &str) -> String {
        if !self.color || text.is_empty() {
            return text.to_owned();
        }
        let code = match paint {
            Paint::Bold => "1",
            Paint::Dim => "2",
            Paint::Green => "32",
            Paint::Yellow => "33",
            Paint::Red => "31",
            Paint::Magenta => "35",
            Paint::Cyan => "36",
            Paint::Alarm => "1;31",
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }

    /// The text in bold, if there is colour.
    pub fn bold(self, text: &str) -> String {
        self.paint(Paint::Bold, text)
    }

    /// The text faintly, if there is colour.
    pub fn dim(self, text: &str) -> String {
        self.paint(Paint::Dim, text)
    }
}
