//! The numbers of selected lines of a file.

use std::fmt;

/// The maximum number of displayed line numbers.
const MOST_SHOWN: usize = 10;

/// The numbers of selected lines of a file. They display as "line 3" or "lines 3, 7". If there are many, they display
/// as the first ten and the number of the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineNumbers(pub(super) Vec<usize>);

impl fmt::Display for LineNumbers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers: Vec<_> = self.0.iter().take(MOST_SHOWN).map(usize::to_string).collect();
        let word = if self.0.len() == 1 { "line" } else { "lines" };
        write!(f, "{word} {}", numbers.join(", "))?;
        match self.0.len().saturating_sub(MOST_SHOWN) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_lines_ten_are_named() {
        for (count, shown) in [
            (1, "line 1"),
            (2, "lines 1, 2"),
            (10, "lines 1, 2, 3, 4, 5, 6, 7, 8, 9, 10"),
            (30_000, "lines 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 29990 more"),
        ] {
            assert_eq!(LineNumbers((1..=count).collect()).to_string(), shown);
        }
    }
}
