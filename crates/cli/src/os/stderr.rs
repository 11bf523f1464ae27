//! Standard error, whose reader may keep it open without reading.

use std::io::{self, Write};
#[cfg(unix)]
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How long a line waits for room. Once one has waited in vain, the others do not wait.
const PATIENCE: Duration = Duration::from_secs(2);

/// Writes text as it is, whatever else is going on. Errors are ignored.
pub(crate) fn write(text: &str) {
    let mut stderr = anstream::stderr();
    let _ = write!(stderr, "{text}").and_then(|()| stderr.flush());
}

/// Writes one line, or drops it where it would keep the program, and a key, for ever.
pub(crate) fn write_line(text: &str) {
    static IS_STUCK: AtomicBool = AtomicBool::new(false);
    let patience = if IS_STUCK.load(Ordering::Relaxed) { Duration::ZERO } else { PATIENCE };
    let has_room = has_room(io::stderr(), patience);
    IS_STUCK.store(!has_room, Ordering::Relaxed);
    if has_room {
        // There is no other place to report a broken standard error.
        drop(writeln!(anstream::stderr().lock(), "{text}"));
    }
}

/// Whether a line does not block. A terminal that a user holds with Ctrl-S blocks, as it should.
#[cfg(unix)]
fn has_room(stream: impl AsFd + io::IsTerminal, patience: Duration) -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    if stream.is_terminal() {
        return true;
    }
    let patience = Timespec::try_from(patience).expect("some seconds fit");
    let mut watched = [PollFd::new(&stream, PollFlags::OUT)];
    loop {
        match poll(&mut watched, Some(&patience)) {
            Ok(ready) => return ready > 0,
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => return true,
        }
    }
}

#[cfg(not(unix))]
fn has_room(_: io::Stderr, _: Duration) -> bool {
    true
}
