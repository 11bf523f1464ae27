//! Selecting one of several lines.

/// Returns the index of the line that an answer selects: by its number, or by a part that no other line has.
pub fn selected(answer: &str, lines: &[String]) -> Option<usize> {
    if let Some(number) = answer.parse::<usize>().ok().filter(|number| (1..=lines.len()).contains(number)) {
        return Some(number - 1);
    }
    let answer = answer.to_lowercase();
    let mut fitting = (0..lines.len()).filter(|line| lines[*line].to_lowercase().contains(&answer));
    match (fitting.next(), fitting.next()) {
        (Some(only), None) if !answer.is_empty() => Some(only),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_picked_by_its_number_or_by_a_part_that_no_other_has() {
        let lines = ["\"Acme\" (org-1)", "\"Initech\" (org-2)", "\"Initrode\" (org-3)"].map(str::to_owned);
        for (answer, picked) in [
            ("1", Some(0)),
            ("3", Some(2)),
            ("0", None),
            ("4", None),
            ("acme", Some(0)),
            ("org-2", Some(1)),
            ("init", None),
            ("", None),
        ] {
            assert_eq!(selected(answer, &lines), picked, "{answer}");
        }
    }
}
