//! The lines of standard input, typed or pasted by the user.
//!
//! One thread reads them for the whole program, since a read that has begun cannot be canceled: two readers
//! would take each other's lines.

#[cfg(unix)]
use crate::foreground::is_background;
use std::io::{self, BufRead, BufReader, IsTerminal, Read};
use std::sync::OnceLock;
use std::thread::Builder;
use tokio::sync::{Mutex, MutexGuard, mpsc};
use zeroize::Zeroizing;

/// Longest line, in bytes: more than any URL. A longer line is cut, and is invalid then.
const LONGEST_LINE: u64 = 64 * 1024;

/// The maximum number of lines that wait to be processed.
const WAITING: usize = 64;

/// The characters of a line that a terminal passes on. It drops the rest (`N_TTY_BUF_SIZE`; elsewhere `MAX_CANON`).
pub const LONGEST_TERMINAL_LINE: usize =
    if cfg!(any(target_os = "linux", target_os = "android")) { 4095 } else { 1023 };

/// The lines of standard input. Only one holder exists at a time.
pub struct StdinLines(MutexGuard<'static, mpsc::Receiver<Line>>);

/// A line, which may hold an authorization code.
pub type Line = Zeroizing<String>;

/// The error that ended standard input.
static FAILURE: OnceLock<io::Error> = OnceLock::new();

impl StdinLines {
    /// Waits until no other task reads lines.
    pub async fn lines() -> Self {
        static LINES: OnceLock<Mutex<mpsc::Receiver<Line>>> = OnceLock::new();
        let lines = LINES.get_or_init(|| {
            let (to, lines) = mpsc::channel(WAITING);
            // Without a thread nothing can be typed, as at the end of standard input.
            let _ = Builder::new().spawn(move || {
                let mut stdin = BufReader::new(Stdin);
                while match read_line(&mut stdin) {
                    Ok(line) => line.is_some_and(|line| to.blocking_send(line).is_ok()),
                    Err(error) => FAILURE.set(error).is_err(),
                } {}
            });
            Mutex::new(lines)
        });
        Self(lines.lock().await)
    }

    /// Returns the next line, or `None` at the end of standard input.
    pub async fn next(&mut self) -> Option<Line> {
        self.0.recv().await
    }

    /// Drops the lines that were typed before a question was shown: they do not answer it.
    pub fn forget(&mut self) {
        #[cfg(unix)]
        if !is_background(io::stdin()) {
            let _ = rustix::termios::tcflush(io::stdin(), rustix::termios::QueueSelector::IFlush);
        }
        while self.0.try_recv().is_ok() {}
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

fn read_line(stdin: &mut impl BufRead) -> io::Result<Option<Line>> {
    let mut bytes = Zeroizing::new(Vec::new());
    let read = stdin.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut bytes)?;
    Ok((read > 0).then(|| Zeroizing::new(String::from_utf8_lossy(&bytes).into_owned())))
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
