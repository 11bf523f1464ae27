//! Asking the person at the terminal.

use std::io::{self, BufRead, IsTerminal, Write};

/// Whether there is somebody to ask.
pub(crate) fn is_possible() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks a question that only a clear yes answers.
pub(crate) async fn yes(question: String) -> bool {
    let asked = tokio::task::spawn_blocking(move || {
        forget_what_was_typed();
        // Standard error is free again while the answer is waited for: others may have to say
        // something.
        let _ = write!(anstream::stderr(), "{question} [y/N] ").and_then(|()| anstream::stderr().flush());
        let mut answer = String::new();
        let read = io::stdin().lock().read_line(&mut answer);
        read.is_ok() && matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")
    });
    asked.await.unwrap_or(false)
}

/// What was typed before the question was there is no answer to it.
#[cfg(unix)]
fn forget_what_was_typed() {
    let _ = rustix::termios::tcflush(io::stdin(), rustix::termios::QueueSelector::IFlush);
}

#[cfg(not(unix))]
fn forget_what_was_typed() {}
