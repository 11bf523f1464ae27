//! A running program and its termination.

use keymint_domain::Clock;
use std::io;
use std::process::ExitStatus;
use std::time::Duration;
use tokio::process::{Child, Command};

/// The time limit of a program. The user may first have to unlock something for it.
pub(super) const TIMEOUT: Duration = Duration::from_secs(120);

/// The time that a program has to end after a signal, for example to restore the echo of the terminal.
#[cfg(unix)]
pub(super) const GRACE: Duration = Duration::from_secs(5);

/// A function that starts a program by calling its argument once. It can change what the program inherits.
pub(crate) type AroundSpawn = fn(&mut dyn FnMut());

/// Starts a program through such a function.
pub(crate) fn once<T>(around_spawn: AroundSpawn, start: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let (mut start, mut started) = (Some(start), None);
    around_spawn(&mut || started = start.take().map(|start| start()));
    started.unwrap_or_else(|| Err(io::Error::other("it was not started")))
}

/// A running program. Dropping this value ends the program. Only its background processes may outlive it.
pub(super) struct Program {
    pub(super) child: Child,
    /// The process group of the program, which ends with it.
    #[cfg(unix)]
    group: Option<rustix::process::Pid>,
}

impl Program {
    pub(super) fn start(mut command: Command, around_spawn: AroundSpawn) -> io::Result<Self> {
        let child = once(around_spawn, || command.kill_on_drop(true).spawn())?;
        #[cfg(unix)]
        {
            use rustix::process::{Pid, getpgid};
            let id = child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?));
            Ok(Self { child, group: id.filter(|&id| getpgid(Some(id)) == Ok(id)) })
        }
        #[cfg(not(unix))]
        Ok(Self { child })
    }

    /// Waits until the program ends, and ends it if that takes too long.
    pub(super) async fn end(&mut self, clock: &dyn Clock) -> io::Result<ExitStatus> {
        if let Ok(status) = clock.timeout(TIMEOUT, self.child.wait()).await {
            return status;
        }
        #[cfg(unix)]
        {
            self.send(rustix::process::Signal::TERM);
            let _ = clock.timeout(GRACE, self.child.wait()).await;
        }
        self.kill();
        Err(failed(format!(
            "took longer than {} and was stopped",
            keymint_domain::text::human_duration(TIMEOUT)
        )))
    }

    fn kill(&mut self) {
        #[cfg(unix)]
        self.send(rustix::process::Signal::KILL);
        #[cfg(not(unix))]
        let _ = self.child.start_kill();
    }

    /// Sends a signal to the program and its process group.
    #[cfg(unix)]
    fn send(&self, signal: rustix::process::Signal) {
        use rustix::process::{Pid, kill_process, kill_process_group};
        // The id of a program that has ended may already be that of another program.
        let running = self.child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?));
        let _ = match (self.group, running) {
            (Some(group), _) => kill_process_group(group, signal),
            (None, Some(id)) => kill_process(id, signal),
            (None, None) => Ok(()),
        };
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if self.child.id().is_some() {
            self.kill();
        }
    }
}

/// Checks the status of a program that has ended.
pub(super) fn succeeded(status: ExitStatus) -> io::Result<()> {
    if status.success() {
        return Ok(());
    }
    Err(failed(match (status.code(), signal(status)) {
        (Some(code), _) => format!("ended with exit code {code}"),
        (None, Some(signal)) => format!("was terminated by signal {signal}"),
        (None, None) => "failed".to_owned(),
    }))
}

#[cfg(unix)]
fn signal(status: ExitStatus) -> Option<i32> {
    std::os::unix::process::ExitStatusExt::signal(&status)
}

#[cfg(not(unix))]
fn signal(_: ExitStatus) -> Option<i32> {
    None
}

/// Returns an error that completes a sentence that begins with the name of the program.
pub(super) fn failed(what: impl Into<String>) -> io::Error {
    io::Error::other(what.into())
}
