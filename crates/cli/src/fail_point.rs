//! The borders between two steps, at which a test can end the program as a power cut would.

/// Says that this border is reached. In a build for tests, `KEYMINT_FAIL_POINT` names the one at
/// which the process is killed; in any other build this is nothing.
#[cfg(all(feature = "fail-points", unix))]
pub(crate) fn reached(border: &str) {
    use rustix::process::{Signal, getpid, kill_process};
    if std::env::var("KEYMINT_FAIL_POINT").is_ok_and(|at| at == border) {
        let _ = kill_process(getpid(), Signal::KILL);
    }
}

#[cfg(not(all(feature = "fail-points", unix)))]
pub(crate) fn reached(_: &str) {}
