//! Asking the person at the terminal.

use crate::os::stdin::StdinLines;
use std::io::{self, IsTerminal, Write};

/// Whether there is somebody to ask.
pub(crate) fn is_possible() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks a question that only a clear yes answers, and that says so.
pub(crate) async fn yes(question: &str) -> bool {
    let answer = answer(&format!("{question} ")).await;
    answer.is_some_and(|answer| matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

/// How often an answer that picks nothing may be given.
const MOST_TRIES: usize = 5;

/// Has one of these lines picked, by its number or by a part that no other has.
pub(crate) async fn pick(question: &str, lines: &[String]) -> Option<usize> {
    let numbered: Vec<_> = (1..).zip(lines).map(|(number, line)| format!("{number:>4}  {line}\n")).collect();
    let _ = write!(anstream::stderr(), "{question}\n{}", numbered.concat());
    for _ in 0..MOST_TRIES {
        let answer = answer(&format!("A number from 1 to {}, or a part of a line: ", lines.len())).await?;
        if let Some(picked) = meant(answer.trim(), lines) {
            return Some(picked);
        }
    }
    None
}

/// The line that an answer picks.
fn meant(answer: &str, lines: &[String]) -> Option<usize> {
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

/// Shows a prompt, and waits for the line that answers it.
async fn answer(prompt: &str) -> Option<crate::os::stdin::Line> {
    let mut typed = StdinLines::lines().await;
    typed.forget();
    // Standard error is free again while the answer is waited for: others may have to say something.
    let _ = write!(anstream::stderr(), "{prompt}").and_then(|()| anstream::stderr().flush());
    typed.next().await
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
            assert_eq!(meant(answer, &lines), picked, "{answer}");
        }
    }
}
