//! Asking the person at the terminal.

use crate::typed::Typed;
use std::io::{self, IsTerminal, Write};

/// Whether there is somebody to ask.
pub(crate) fn is_possible() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks a question that only a clear yes answers.
pub(crate) async fn yes(question: &str) -> bool {
    let answer = answer(&format!("{question} [y/N] ")).await;
    answer.is_some_and(|answer| matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

/// Shows a prompt, and waits for the line that answers it.
async fn answer(prompt: &str) -> Option<crate::typed::Line> {
    let mut typed = Typed::lines().await;
    typed.forget();
    // Standard error is free again while the answer is waited for: others may have to say something.
    let _ = write!(anstream::stderr(), "{prompt}").and_then(|()| anstream::stderr().flush());
    typed.next().await
}
