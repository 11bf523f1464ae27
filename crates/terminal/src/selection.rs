//! The selection of one of several lines by a typed answer.

use std::fmt;

/// The reason why an answer selects no line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoSelection {
    /// The answer is empty, and there is no default.
    Empty,
    /// The answer is not the number of a line. This is the number of the last line.
    Number(usize),
    /// No line contains the answer.
    Nothing,
    /// This many lines contain the answer.
    Several(usize),
}

impl fmt::Display for NoSelection {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => formatter.write_str("an empty answer selects nothing"),
            Self::Number(last) => write!(formatter, "the numbers are 1 to {last}"),
            Self::Nothing => formatter.write_str("no match"),
            Self::Several(lines) => write!(formatter, "{lines} lines match"),
        }
    }
}

/// Returns the index of the line that an answer selects, by its number or by a part that is unique to it. An empty
/// answer selects the default. An answer of digits is always a number.
///
/// # Errors
///
/// [`NoSelection`] if the answer selects no line or several lines.
pub fn selected(answer: &str, lines: &[String], default: Option<usize>) -> Result<usize, NoSelection> {
    if answer.is_empty() {
        return default.ok_or(NoSelection::Empty);
    }
    if answer.bytes().all(|byte| byte.is_ascii_digit()) {
        let number = answer.parse::<usize>().ok().filter(|number| (1..=lines.len()).contains(number));
        return number.map(|number| number - 1).ok_or(NoSelection::Number(lines.len()));
    }
    let answer = answer.to_lowercase();
    let fitting = (0..lines.len()).filter(|line| lines[*line].to_lowercase().contains(&answer));
    match fitting.collect::<Vec<_>>()[..] {
        [] => Err(NoSelection::Nothing),
        [only] => Ok(only),
        ref several => Err(NoSelection::Several(several.len())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_picked_by_its_number_or_by_a_part_that_no_other_has() {
        let lines =
            ["\"Acme\" (org-1)", "\"Initech 7\" (org-2)", "\"Initrode\" (org-345)"].map(str::to_owned);
        let none = NoSelection::Number(3);
        for (answer, picked) in [
            ("1", Ok(0)),
            ("3", Ok(2)),
            ("0", Err(none.clone())),
            ("4", Err(none.clone())),
            // A part of a line, and of an id.
            ("7", Err(none.clone())),
            ("345", Err(none.clone())),
            ("99999999999999999999999", Err(none)),
            ("acme", Ok(0)),
            ("org-2", Ok(1)),
            ("init", Err(NoSelection::Several(2))),
            ("+1", Err(NoSelection::Nothing)),
            ("", Err(NoSelection::Empty)),
        ] {
            assert_eq!(selected(answer, &lines, None), picked, "{answer}");
        }
        assert_eq!(selected("", &lines, Some(1)), Ok(1));
        assert_eq!(selected("0", &lines, Some(1)), Err(NoSelection::Number(3)));
    }
}
