//! The numbers of some lines of a file.

use std::fmt;

/// The numbers of some lines of a file. Displayed as "line 3" or "lines 3, 7".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineNumbers(pub(super) Vec<usize>);

impl fmt::Display for LineNumbers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers: Vec<_> = self.0.iter().map(usize::to_string).collect();
        let word = if self.0.len() == 1 { "line" } else { "lines" };
        write!(f, "{word} {}", numbers.join(", "))
    }
}
