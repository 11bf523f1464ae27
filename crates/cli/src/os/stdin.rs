//! The lines of standard input, typed or pasted by the user.
//!
//! One thread reads them for the whole program, since a read that has begun cannot be called back:
//! two readers would take each other's lines.

use std::io::{self, BufRead, Read};
use std::sync::OnceLock;
use std::thread::Builder;
use tokio::sync::{Mutex, MutexGuard, mpsc};
use zeroize::Zeroizing;

/// Longest line, in bytes: more than any URL. A longer line is cut, and is invalid then.
const LONGEST_LINE: u64 = 64 * 1024;

/// How many lines wait to be looked at.
const WAITING: usize = 64;

/// The lines, for as long as this is held.
pub(crate) struct StdinLines(MutexGuard<'static, mpsc::Receiver<Line>>);

/// A line may hold an authorization code.
pub(crate) type Line = Zeroizing<String>;

impl StdinLines {
    /// Waits until no other task reads.
    pub(crate) async fn lines() -> Self {
        static LINES: OnceLock<Mutex<mpsc::Receiver<Line>>> = OnceLock::new();
        let lines = LINES.get_or_init(|| {
            let (to, lines) = mpsc::channel(WAITING);
            // Without a thread nothing can be typed, as at the end of standard input.
            let _ = Builder::new()
                .spawn(move || while read_line().is_some_and(|line| to.blocking_send(line).is_ok()) {});
            Mutex::new(lines)
        });
        Self(lines.lock().await)
    }

    /// The next line; `None` at the end of standard input.
    pub(crate) async fn next(&mut self) -> Option<Line> {
        self.0.recv().await
    }

    /// Drops what was typed before a question was there: it is no answer to it.
    pub(crate) fn forget(&mut self) {
        #[cfg(unix)]
        let _ = rustix::termios::tcflush(io::stdin(), rustix::termios::QueueSelector::IFlush);
        while self.0.try_recv().is_ok() {}
    }
}

fn read_line() -> Option<Line> {
    let mut stdin = io::stdin().lock();
    let mut bytes = Zeroizing::new(Vec::new());
    let read = stdin.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut bytes).ok()?;
    (read > 0).then(|| Zeroizing::new(String::from_utf8_lossy(&bytes).into_owned()))
}
