//! The borders between two steps, at which a test can end the program as a power cut would.

/// Says that this border is reached. In a build for tests, `KEYMINT_FAIL_POINT` names the one at
/// which the process gets a signal, and `KEYMINT_FAIL_SIGNAL` the number of another signal than
/// SIGKILL; in any other build this is nothing.
#[cfg(all(feature = "fail-points", unix))]
pub(crate) fn reached(border: &str) {
    use rustix::process::{Signal, getpid, kill_process};
    use std::env::var;
    if var("KEYMINT_FAIL_POINT").is_ok_and(|at| at == border) {
        let signal = var("KEYMINT_FAIL_SIGNAL").ok().and_then(|number| number.parse().ok());
        let _ = kill_process(getpid(), signal.and_then(Signal::from_named_raw).unwrap_or(Signal::KILL));
    }
}

#[cfg(not(all(feature = "fail-points", unix)))]
pub(crate) fn reached(_: &str) {}
