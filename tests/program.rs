//! Starts the binary, away from this machine's environment.

use std::ffi::OsStr;
use std::future::Future;
use std::net::TcpStream;
use std::process::Stdio;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;
use tempfile::TempDir;
use tokio::process::Command;

/// Only a run that hangs takes this long.
const WATCHDOG: Duration = Duration::from_secs(60);

/// The binary, with nothing of this machine's environment in it, started by another program, which
/// gets the binary and its arguments last.
pub(crate) fn keymint_under<S: AsRef<OsStr>>(program: &[S], home: &TempDir) -> Command {
    let binary = OsStr::new(env!("CARGO_BIN_EXE_keymint"));
    let mut words = program.iter().map(AsRef::as_ref).chain([binary]);
    let mut command = in_home(Command::new(words.next().expect("the binary at least")), home);
    command.args(words);
    command
}

/// A program with nothing of this machine's environment in it.
pub(crate) fn in_home(mut command: Command, home: &TempDir) -> Command {
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", home.path())
        .env("USER", "tester")
        // What may make a program say more than it should.
        .env("RUST_LOG", "trace")
        .env("RUST_BACKTRACE", "full")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// A port that no other test takes: below those that the system hands out by itself.
///
/// It is not bound to find out whether it is free: a program that another test starts at that
/// moment would hold it, too, until it is on its way.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = 20_000 + u16::try_from(std::process::id() % 90).unwrap() * 100;
    loop {
        let port = first + NEXT.fetch_add(1, Ordering::Relaxed);
        let answers = |address| TcpStream::connect((address, port)).is_ok();
        if !answers("127.0.0.1") && !answers("::1") {
            return port;
        }
    }
}

/// Fails the test when `work` hangs.
pub(crate) async fn watch<T>(work: impl Future<Output = T>) -> T {
    #[expect(clippy::disallowed_methods, reason = "a watchdog, which a passing test never meets")]
    tokio::time::timeout(WATCHDOG, work).await.expect("it hangs")
}
