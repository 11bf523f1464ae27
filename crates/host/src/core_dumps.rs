//! Keeps the memory of this process, which may have secrets, out of core dumps.

#[cfg(unix)]
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
#[cfg(unix)]
use std::sync::OnceLock;

/// The limit that this process was started with.
#[cfg(unix)]
static INHERITED: OnceLock<Rlimit> = OnceLock::new();

/// Forbids core dumps of this process, on Unix. On Linux no other process of the user can read its memory either.
/// An error is ignored: this is a precaution, and nothing depends on it.
pub fn forbid() {
    #[cfg(unix)]
    {
        let inherited = INHERITED.get_or_init(|| getrlimit(Resource::Core));
        let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: inherited.maximum });
    }
    // Where the system pipes core dumps to a program, no limit counts.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
}

/// Starts another program by this code. The program inherits the limit that this process had before [`forbid`].
/// While the code runs, this process has that limit as well: on Linux another setting still forbids its core dump,
/// on other systems nothing does.
pub fn with_inherited_limit<T>(start: impl FnOnce() -> T) -> T {
    #[cfg(unix)]
    if let Some(inherited) = INHERITED.get() {
        let _ = setrlimit(Resource::Core, *inherited);
    }
    let started = start();
    forbid();
    started
}
