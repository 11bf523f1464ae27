//! The lines of standard input that the user types or pastes.
//!
//! A single thread reads them for the whole program. A read that has begun cannot be canceled, so two readers would
//! take each other's lines.

use std::io::{self, IsTerminal};
use std::mem;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex as Lock, OnceLock, PoisonError};
use std::thread::Builder;
use std::time::Duration;
use tokio::sync::{Mutex, MutexGuard, mpsc};
use tokio::time::timeout;
use zeroize::Zeroizing;

/// The maximum length of a line, in bytes. It exceeds the length of any URL. A longer line is cut, which makes it
/// invalid.
const LONGEST_LINE: usize = 64 * 1024;

/// The maximum number of reads that wait to be processed.
const WAITING: usize = 64;

/// The number of bytes that are read at once.
const PIECE: usize = 8 * 1024;

/// The maximum time for which a question waits until no key is held.
const HELD: Duration = Duration::from_secs(10);

/// The time without input after which a key is no longer held, and a paste is over.
const QUIET: Duration = Duration::from_millis(100);

/// The maximum number of characters of a line that a terminal delivers. It drops the rest (Linux: `N_TTY_BUF_SIZE`,
/// elsewhere: `MAX_CANON`).
pub const LONGEST_TERMINAL_LINE: usize =
    if cfg!(any(target_os = "linux", target_os = "android")) { 4095 } else { 1023 };

/// The lines of standard input. Only one holder exists at a time.
pub struct StdinLines(MutexGuard<'static, Received>);

/// The bytes that the thread has read from standard input.
struct Received {
    pieces: mpsc::Receiver<Piece>,
    /// The bytes that have not been processed.
    rest: Bytes,
}

/// The bytes of one read.
struct Piece {
    bytes: Bytes,
    /// The value of [`DISCARDS`] at the time of the read.
    discards: usize,
}

type Bytes = Zeroizing<Vec<u8>>;

/// A line. It is wiped on drop, since it may contain an authorization code.
pub type Line = Zeroizing<String>;

/// The number of times that the input before a question was discarded. Input that was read before the last time is
/// dropped, even if it is processed later.
static DISCARDS: AtomicUsize = AtomicUsize::new(0);

/// Excludes that input is read and discarded at the same time.
static READING: Lock<()> = Lock::new(());

/// The error that ended standard input.
static FAILURE: OnceLock<io::Error> = OnceLock::new();

impl StdinLines {
    /// Waits until no other task reads lines.
    pub async fn lines() -> Self {
        static RECEIVED: OnceLock<Mutex<Received>> = OnceLock::new();
        let received = RECEIVED.get_or_init(|| {
            let (to, pieces) = mpsc::channel(WAITING);
            // If no thread can be started, the input ends at once.
            let _ = Builder::new().spawn(move || {
                let mut buffer = Zeroizing::new([0; PIECE]);
                while match read(&mut *buffer) {
                    Ok((length, discards)) => {
                        let bytes = buffer[..length].to_vec().into();
                        length > 0 && to.blocking_send(Piece { bytes, discards }).is_ok()
                    }
                    Err(error) => FAILURE.set(error).is_err(),
                } {}
            });
            Mutex::new(Received { pieces, rest: Bytes::default() })
        });
        Self(received.lock().await)
    }

    /// Returns the next line, or `None` at the end of standard input.
    pub async fn next(&mut self) -> Option<Line> {
        loop {
            let received = &mut *self.0;
            let newline = received.rest.iter().take(LONGEST_LINE).position(|byte| *byte == b'\n');
            let length = newline.map_or(LONGEST_LINE, |newline| newline + 1);
            if length <= received.rest.len() {
                let rest = received.rest.split_off(length).into();
                return Some(line(&mem::replace(&mut received.rest, rest)));
            }
            match self.next_bytes().await {
                Some(bytes) => self.0.rest.extend_from_slice(&bytes),
                None if self.0.rest.is_empty() => return None,
                None => return Some(line(&mem::take(&mut self.0.rest))),
            }
        }
    }

    /// Returns the next bytes as soon as they arrive, or `None` at the end of standard input.
    pub(crate) async fn next_bytes(&mut self) -> Option<Bytes> {
        loop {
            let piece = self.0.pieces.recv().await?;
            if piece.discards == DISCARDS.load(Ordering::SeqCst) {
                return Some(piece.bytes);
            }
        }
    }

    /// Discards the input that was typed before a question is shown, since it does not answer the question. Waits
    /// until no key is held down.
    #[expect(clippy::disallowed_methods, reason = "a user types in real time")]
    pub async fn forget(&mut self) {
        let held = async { while let Ok(Some(_)) = timeout(QUIET, self.0.pieces.recv()).await {} };
        let _ = timeout(HELD, held).await;
        let _reading = READING.lock().unwrap_or_else(PoisonError::into_inner);
        #[cfg(unix)]
        if !crate::is_background(io::stdin()) {
            let _ = rustix::termios::tcflush(io::stdin(), rustix::termios::QueueSelector::IFlush);
        }
        DISCARDS.fetch_add(1, Ordering::SeqCst);
        self.0.rest.clear();
    }
}

/// Returns the error that ended standard input, if it ended with one.
pub fn failure() -> Option<&'static io::Error> {
    FAILURE.get()
}

/// Returns whether standard input is a terminal that has cut one of these lines at its maximum length.
pub fn is_cut(lines: &str) -> bool {
    io::stdin().is_terminal() && lines.lines().any(|line| line.len() >= LONGEST_TERMINAL_LINE)
}

fn line(bytes: &[u8]) -> Line {
    Zeroizing::new(String::from_utf8_lossy(bytes).into_owned())
}

/// Reads standard input. Blocks until there is data and the program is in the foreground of its terminal, even if the
/// stream is nonblocking. Returns the number of bytes, and the value of [`DISCARDS`] before the read.
///
/// A terminal in raw mode sends no signal for Ctrl-C, so this function sends it.
#[cfg(unix)]
fn read(buffer: &mut [u8]) -> io::Result<(usize, usize)> {
    use crate::foreground::{GLANCE, is_background};
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use rustix::io::Errno;
    use rustix::process::{Signal, getpid, kill_process};
    use rustix::termios::{LocalModes, tcgetattr};
    const CTRL_C: u8 = 3;
    let stdin = io::stdin();
    loop {
        // Waits here, since the system would stop a program that is continued in the background during a read.
        let _ = poll(&mut [PollFd::new(&stdin, PollFlags::IN)], None);
        if is_background(&stdin) {
            std::thread::park_timeout(GLANCE);
            continue;
        }
        let _reading = READING.lock().unwrap_or_else(PoisonError::into_inner);
        // What was there may have been discarded meanwhile, and a read would wait for the answer to a question.
        if !matches!(poll(&mut [PollFd::new(&stdin, PollFlags::IN)], Some(&Timespec::default())), Ok(1..)) {
            continue;
        }
        let discards = DISCARDS.load(Ordering::SeqCst);
        let length = match rustix::io::read(&stdin, &mut *buffer) {
            Err(Errno::AGAIN | Errno::INTR) => continue,
            result => result?,
        };
        let is_raw = || tcgetattr(&stdin).is_ok_and(|modes| !modes.local_modes.contains(LocalModes::ISIG));
        if buffer[..length].contains(&CTRL_C) && is_raw() {
            kill_process(getpid(), Signal::INT)?;
        }
        return Ok((length, discards));
    }
}

/// Reads standard input. Returns the number of bytes, and the value of [`DISCARDS`] after the read.
#[cfg(not(unix))]
fn read(buffer: &mut [u8]) -> io::Result<(usize, usize)> {
    let length = io::Read::read(&mut io::stdin().lock(), buffer)?;
    Ok((length, DISCARDS.load(Ordering::SeqCst)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn input_from_before_a_question_does_not_answer_it_even_if_it_arrives_later() {
        let (to, pieces) = mpsc::channel(WAITING);
        let received = Box::leak(Box::new(Mutex::new(Received { pieces, rest: b"before".to_vec().into() })));
        let mut lines = StdinLines(received.lock().await);
        let piece = |text: &str, discards| Piece { bytes: text.as_bytes().to_vec().into(), discards };
        let before = DISCARDS.load(Ordering::SeqCst);
        to.send(piece("y\n", before)).await.unwrap();
        lines.forget().await;
        to.send(piece("y\n", before)).await.unwrap();
        to.send(piece("n\n", before + 1)).await.unwrap();
        assert_eq!(*lines.next().await.unwrap(), "n\n");
    }
}
