//! Points between two steps at which a test can end the program as abruptly as a power failure.

/// Marks that this point is reached. Without the feature `fail-points`, it does nothing.
///
/// With the feature, `KEYMINT_FAIL_POINT` names the point at which the process gets SIGKILL, or the signal whose
/// number is in `KEYMINT_FAIL_SIGNAL`. If `KEYMINT_FAIL_FIFO` is set, the process instead reads that file to its end.
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
