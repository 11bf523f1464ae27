//! The borders between two steps, at which a test can end the program as a power cut would.

/// Marks that this border is reached. With the feature `fail-points`, `KEYMINT_FAIL_POINT` names the one at
/// which the process gets a signal, and `KEYMINT_FAIL_SIGNAL` the number of another signal than
/// SIGKILL. With `KEYMINT_FAIL_FIFO`, it reads that file to its end instead. Without the feature, this does nothing.
#[cfg(all(feature = "fail-points", unix))]
pub fn reached(border: &str) {
    use rustix::process::{Signal, getpid, kill_process};
    use std::env::var;
    if var("KEYMINT_FAIL_POINT").is_ok_and(|at| at == border) {
        if let Ok(fifo) = var("KEYMINT_FAIL_FIFO") {
            let _ = std::fs::read(fifo);
            return;
        }
        let signal = var("KEYMINT_FAIL_SIGNAL").ok().and_then(|number| number.parse().ok());
        let _ = kill_process(getpid(), signal.and_then(Signal::from_named_raw).unwrap_or(Signal::KILL));
    }
}

/// Does nothing without the feature `fail-points`.
#[cfg(not(all(feature = "fail-points", unix)))]
pub fn reached(_: &str) {}
