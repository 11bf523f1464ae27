//! Standard error, which must not block the program even if its reader does not read.
//!
//! A single thread writes everything from a bounded queue, so that no caller waits for the reader. The same thread
//! draws the spinner.

use crate::foreground::{GLANCE, forbids_writes, is_background};
use crate::wrap::stderr_columns;
use crate::write::{styled, write_all};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, Builder};
use std::time::Duration;
use textwrap::core::display_width;

/// The interval of the spinner's frames.
const TICK: Duration = Duration::from_millis(100);

/// The maximum number of queued bytes, including [`OVERHEAD`]. Lines beyond it are dropped.
const BOUND: usize = 1024 * 1024;

/// The approximate memory of a queued text in addition to its bytes, in bytes.
const OVERHEAD: usize = 64;

/// The number of bytes to write at once. A pipe takes this many bytes in one piece.
const PIECE: usize = 4096;

/// The interval at which a wait for the reader checks for progress.
const LOOK: Duration = Duration::from_millis(50);

enum Item {
    Text(String),
    Status(String),
    NoStatus,
    /// Rows, and whether they replace the shown rows.
    Rows(Vec<String>, bool),
    Flush(Sender<()>),
}

/// The size of the queued text that is not written yet, in bytes.
static PENDING: AtomicUsize = AtomicUsize::new(0);

/// The number of written pieces.
static WRITTEN: AtomicUsize = AtomicUsize::new(0);

/// True if lines beyond the bound are queued as well.
static IS_LAST: AtomicBool = AtomicBool::new(false);

/// Writes text unchanged, even beyond the bound of the queue. Errors are ignored.
pub fn write(text: impl Into<String>) {
    let text = text.into();
    PENDING.fetch_add(text.len() + OVERHEAD, Ordering::Relaxed);
    send(Item::Text(text));
}

/// Writes one line. Drops the line if the queue is full because the reader does not read.
pub fn write_line(text: &str) {
    if PENDING.load(Ordering::Relaxed) < BOUND || IS_LAST.load(Ordering::Relaxed) {
        write(format!("{text}\n"));
    }
}

/// Queues every line from now on, even beyond the bound, since these are the last lines of the program.
pub fn begin_last_words() {
    IS_LAST.store(true, Ordering::Relaxed);
}

/// Shows a spinner with this text below the other output. Standard error must be a terminal.
pub fn show_status(text: String) {
    send(Item::Status(text));
}

/// Removes the spinner, so that other code can write to the terminal.
pub fn clear_status() {
    send(Item::NoStatus);
}

/// Rows below the other output. Dropping this value removes the rows. No spinner is shown meanwhile. Standard error
/// must be a terminal.
#[cfg(unix)]
#[derive(Default)]
pub(crate) struct Rows(Vec<String>);

#[cfg(unix)]
impl Rows {
    /// Shows these rows, in place of the previous ones or below the cursor. No row may be wider than the terminal.
    pub(crate) fn show(&mut self, rows: Vec<String>, in_place: bool) {
        if rows != self.0 || !in_place {
            self.0.clone_from(&rows);
            send(Item::Rows(rows, in_place));
        }
    }
}

#[cfg(unix)]
impl Drop for Rows {
    fn drop(&mut self) {
        self.show(Vec::new(), true);
    }
}

/// Removes the rows of a menu.
pub(crate) fn clear_rows() {
    send(Item::Rows(Vec::new(), true));
}

/// Waits until everything is written. Gives up if the reader reads nothing for 2 s, and after 10 s in any case.
pub fn flush() {
    wait(40, 200);
}

/// Waits at most half a second until everything is written, so that later text on standard output appears after it.
pub fn flush_briefly() {
    wait(10, 10);
}

/// Waits until everything is written. Gives up after `most_idle` checks without progress, or `most` checks in total.
fn wait(most_idle: u32, most: u32) {
    let (sender, flushed) = mpsc::channel();
    send(Item::Flush(sender));
    let (mut written, mut idle) = (WRITTEN.load(Ordering::Relaxed), 0);
    for _ in 0..most {
        if flushed.recv_timeout(LOOK) != Err(RecvTimeoutError::Timeout) {
            return;
        }
        let now = WRITTEN.load(Ordering::Relaxed);
        idle = if now == written { idle + 1 } else { 0 };
        written = now;
        if idle == most_idle {
            return;
        }
    }
}

/// The queue of the writer thread, which starts with the first text.
static WRITER: OnceLock<Option<Sender<Item>>> = OnceLock::new();

/// Sends an item to the writer thread. If the thread cannot be started, writes the text directly.
fn send(item: Item) {
    if matches!(item, Item::NoStatus | Item::Flush(_)) && WRITER.get().is_none() {
        return;
    }
    let writer = WRITER.get_or_init(|| {
        let (sender, items) = mpsc::channel();
        Builder::new().spawn(move || write_items(&items)).ok().map(|_| sender)
    });
    let unsent = match writer {
        Some(sender) => sender.send(item).err().map(|error| error.0),
        None => Some(item),
    };
    if let Some(Item::Text(text)) = unsent {
        put_queued(&text);
    }
}

/// Writes the items in their order of arrival.
fn write_items(items: &Receiver<Item>) {
    let mut spinner: Option<ProgressBar> = None;
    let mut rows: Vec<String> = Vec::new();
    loop {
        let item = match &spinner {
            None => items.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(_) => items.recv_timeout(TICK),
        };
        if !matches!(item, Ok(Item::Flush(_))) {
            while forbids_writes(io::stderr()) {
                thread::park_timeout(GLANCE);
            }
        }
        // In the background, the user is working with another program on the same lines.
        let is_background = || is_background(io::stderr());
        match (item, &spinner) {
            (Ok(Item::Text(text)), Some(spinner)) => spinner.suspend(|| put_queued(&text)),
            (Ok(Item::Text(text)), None) if rows.is_empty() || is_background() => put_queued(&text),
            (Ok(Item::Text(text)), None) => {
                put_bytes(removal(&rows, stderr_columns()).as_bytes());
                put_queued(&text);
                put(&rows.join("\n"));
            }
            (Ok(Item::Rows(new, in_place)), _) => {
                if !is_background() {
                    let removal = if in_place { removal(&rows, stderr_columns()) } else { String::new() };
                    put_bytes(removal.as_bytes());
                    put(&new.join("\n"));
                }
                rows = new;
            }
            (Ok(Item::Status(_)), _) if !rows.is_empty() => {}
            (Ok(Item::Status(text)), _) => {
                spinner.get_or_insert_with(new_spinner).set_message(text);
            }
            (Ok(Item::NoStatus), _) => {
                spinner.take().inspect(ProgressBar::finish_and_clear);
            }
            (Ok(Item::Flush(flushed)), _) => drop(flushed.send(())),
            (Err(RecvTimeoutError::Timeout), Some(spinner)) if !is_background() => spinner.tick(),
            (Err(RecvTimeoutError::Timeout), _) => {}
            (Err(RecvTimeoutError::Disconnected), _) => return,
        }
    }
}

/// Returns the escape sequences that remove these rows from a terminal with this many columns. The cursor is in the
/// last row. A terminal that has become narrower shows a row as several.
fn removal(rows: &[String], columns: Option<usize>) -> String {
    let columns = columns.filter(|columns| *columns > 0).unwrap_or(usize::MAX);
    let height = |row: &String| display_width(row).div_ceil(columns).max(1);
    match rows.iter().map(height).sum::<usize>() {
        0 => String::new(),
        1 => "\r\u{1b}[J".to_owned(),
        rows => format!("\r\u{1b}[{}A\u{1b}[J", rows - 1),
    }
}

fn new_spinner() -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} {msg}").expect("the template is right");
    ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr()).with_style(style)
}

/// Writes text that was queued.
fn put_queued(text: &str) {
    put(text);
    PENDING.fetch_sub(text.len() + OVERHEAD, Ordering::Relaxed);
}

/// Writes text, without colors and other escape sequences if the terminal does not support colors or the user does not
/// want them.
fn put(text: &str) {
    put_bytes(&styled(anstream::AutoStream::choice(&io::stderr()), text));
}

/// Writes these bytes unchanged. Errors are ignored, since there is nowhere to report them.
fn put_bytes(bytes: &[u8]) {
    for piece in bytes.chunks(PIECE) {
        let _ = write_all(io::stderr(), piece);
        WRITTEN.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_removed_as_a_terminal_shows_them_that_has_become_narrower() {
        let rows =
            ["Which?", "\u{1b}[1m> \"Web\" (proj_web)\u{1b}[0m", "", "text to filter: "].map(str::to_owned);
        for (columns, up) in
            [(None, 3), (Some(0), 3), (Some(80), 3), (Some(18), 3), (Some(17), 4), (Some(8), 6)]
        {
            assert_eq!(removal(&rows, columns), format!("\r\u{1b}[{up}A\u{1b}[J"), "{columns:?}");
        }
        assert_eq!(removal(&[], Some(80)), "");
    }
}
