//! The standard streams of a program that a user runs at a terminal, where neither can block or
//! stop the rest of the program.
//!
//! A terminal that is held with Ctrl-S, or a pipe without a reader, blocks every write. A read from a terminal
//! stops a program that runs in the background of its shell. Both therefore run in [threads](std::thread) of their
//! own, and the terminal is read and changed only while the program is in its foreground. The signals that end a
//! program, most of which come from the terminal, are here as well.

mod foreground;
#[cfg(unix)]
mod keys;
mod links;
#[cfg(unix)]
mod menu;
mod modes;
mod pick;
mod selection;
mod signals;
pub mod stderr;
pub mod stdin;
pub mod stdout;
mod wrap;
mod write;

pub use foreground::{forbids_writes, is_background};
pub use links::passes_links;
pub use modes::HiddenInput;
pub use pick::pick;
pub use selection::{NoSelection, selected};
#[cfg(unix)]
pub use signals::is_ignored;
pub use signals::{Interrupted, Shielded, Signals};
pub use wrap::{narrow_prose, prose, stderr_columns, stdout_columns};
pub use write::write_all;

/// Removes a menu from the terminal, and restores its modes. It is for the end of the program by a panic.
pub fn restore() {
    stderr::clear_rows();
    #[cfg(unix)]
    modes::restore();
}
