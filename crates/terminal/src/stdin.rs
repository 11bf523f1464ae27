//! The lines of standard input, typed or pasted by the user.
//!
//! One thread reads them for the whole program, since a read that has begun cannot be canceled: two readers
//! would take each other's lines.

#[cfg(unix)]
use crate::foreground::is_background;
use std::io::{self, IsTerminal, Read};
use std::mem;
use std::sync::OnceLock;
use std::thread::Builder;
use tokio::sync::{Mutex, MutexGuard, mpsc};
use zeroize::Zeroizing;

/// Longest line, in bytes: more than any URL. A longer line is cut, and is invalid then.
const LONGEST_LINE: usize = 64 * 1024;

/// The maximum number of reads that wait to be processed.
const WAITING: usize = 64;

/// The number of bytes that are read at once.
const PIECE: usize = 8 * 1024;

/// The characters of a line that a terminal passes on. It drops the rest (`N_TTY_BUF_SIZE`; elsewhere `MAX_CANON`).
pub const LONGEST_TERMINAL_LINE: usize =
    if cfg!(any(target_os = "linux", target_os = "android")) { 4095 } else { 1023 };

/// The lines of standard input. Only one holder exists at a time.
pub struct StdinLines(MutexGuard<'static, Received>);

/// The bytes of standard input that the thread has read.
struct Received {
    pieces: mpsc::Receiver<Bytes>,
    /// The bytes of lines that are not yet processed.
    rest: Bytes,
}

type Bytes = Zeroizing<Vec<u8>>;

/// A line, which may hold an authorization code.
pub type Line = Zeroizing<String>;

/// The error that ended standard input.
static FAILURE: OnceLock<io::Error> = OnceLock::new();

impl StdinLines {
    /// Waits until no other task reads lines.
    pub async fn lines() -> Self {
        static RECEIVED: OnceLock<Mutex<Received>> = OnceLock::new();
        let received = RECEIVED.get_or_init(|| {
            let (to, pieces) = mpsc::channel(WAITING);
            // Without a thread nothing can be typed, as at the end of standard input.
            let _ = Builder::new().spawn(move || {
                let mut piece = Zeroizing::new([0; PIECE]);
                while match Stdin.read(&mut *piece) {
                    Ok(length) => length > 0 && to.blocking_send(piece[..length].to_vec().into()).is_ok(),
                    Err(error) => FAILURE.set(error).is_err(),
                } {}
            });
            Mutex::new(Received { pieces, rest: Bytes::default() })
        });
        Self(received.lock().await)
    }

    /// Returns the next line, or `None` at the end of standard input.
    pub async fn next(&mut self) -> Option<Line> {
        let received = &mut *self.0;
        loop {
            let newline = received.rest.iter().take(LONGEST_LINE).position(|byte| *byte == b'\n');
            let length = newline.map_or(LONGEST_LINE, |newline| newline + 1);
            if length <= received.rest.len() {
                let rest = received.rest.split_off(length).into();
                return Some(line(&mem::replace(&mut received.rest, rest)));
            }
            match received.pieces.recv().await {
                Some(piece) => received.rest.extend_from_slice(&piece),
                None if received.rest.is_empty() => return None,
                None => return Some(line(&mem::take(&mut received.rest))),
            }
        }
    }

    /// Returns the next bytes as soon as they arrive, or `None` at the end of standard input.
    #[cfg(unix)]
    pub(crate) async fn next_bytes(&mut self) -> Option<Bytes> {
        self.0.pieces.recv().await
    }

    /// Drops the lines that were typed before a question was shown: they do not answer it.
    pub fn forget(&mut self) {
        #[cfg(unix)]
        if !is_background(io::stdin()) {
            let _ = rustix::termios::tcflush(io::stdin(), rustix::termios::QueueSelector::IFlush);
        }
        self.0.rest.clear();
        while self.0.pieces.try_recv().is_ok() {}
    }
}

/// Returns the error that ended standard input, if it did not end by itself.
pub fn failure() -> Option<&'static io::Error> {
    FAILURE.get()
}

/// Returns whether standard input is a terminal that has cut one of these lines.
pub fn is_cut(lines: &str) -> bool {
    io::stdin().is_terminal() && lines.lines().any(|line| line.len() >= LONGEST_TERMINAL_LINE)
}

fn line(bytes: &[u8]) -> Line {
    Zeroizing::new(String::from_utf8_lossy(bytes).into_owned())
}

/// Standard input, whose reads block until it has data and the program is in the foreground of its terminal, even
/// if the stream itself is nonblocking.
struct Stdin;

#[cfg(unix)]
impl Read for Stdin {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        use crate::foreground::GLANCE;
        use rustix::event::{PollFd, PollFlags, poll};
        use rustix::io::{Errno, read};
        let stdin = io::stdin();
        loop {
            // In a read that has begun, a program that is continued in the background would be stopped.
            let _ = poll(&mut [PollFd::new(&stdin, PollFlags::IN)], None);
            if is_background(&stdin) {
                std::thread::park_timeout(GLANCE);
                continue;
            }
            match read(&stdin, &mut *buffer) {
                Err(Errno::AGAIN | Errno::INTR) => {}
                result => return result.map_err(Into::into),
            }
        }
    }
}

#[cfg(not(unix))]
impl Read for Stdin {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        io::stdin().lock().read(buffer)
    }
}
