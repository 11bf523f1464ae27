//! The prevention of core dumps, which could contain secrets from the memory of this process.

#[cfg(unix)]
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
#[cfg(unix)]
use std::sync::OnceLock;

/// The limit on core dumps with which this process was started.
#[cfg(unix)]
static INHERITED: OnceLock<Rlimit> = OnceLock::new();

/// Prevents core dumps of this process on Unix. On Linux, other processes of the user cannot read its memory either.
/// An error is ignored, since this is only a precaution.
pub fn forbid() {
    #[cfg(unix)]
    {
        let inherited = INHERITED.get_or_init(|| getrlimit(Resource::Core));
        let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: inherited.maximum });
    }
    // If the system pipes core dumps to a program, the limit has no effect.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
}

/// Calls `start`, which starts another program. That program inherits the limit that this process had before
/// [`forbid`].
///
/// During the call, this process also has that limit. On Linux another setting still prevents its core dump, on other
/// systems nothing does.
pub fn with_inherited_limit<T>(start: impl FnOnce() -> T) -> T {
    #[cfg(unix)]
    if let Some(inherited) = INHERITED.get() {
        let _ = setrlimit(Resource::Core, *inherited);
    }
    let started = start();
    forbid();
    started
}
