//! Asking the person at the terminal.

use std::io::{self, BufRead, IsTerminal, Write};

/// Whether there is somebody to ask.
pub(crate) fn is_possible() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks a question that only a clear yes answers.
pub(crate) async fn yes(question: String) -> bool {
    let asked = tokio::task::spawn_blocking(move || {
        let mut stderr = anstream::stderr().lock();
        let _ = write!(stderr, "{question} [y/N] ").and_then(|()| stderr.flush());
        let mut answer = String::new();
        let read = io::stdin().lock().read_line(&mut answer);
        read.is_ok() && matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")
    });
    asked.await.unwrap_or(false)
}
