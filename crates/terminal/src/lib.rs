//! The standard streams of a program at a terminal, used so that they can neither block nor stop the rest of the
//! program.
//!
//! A terminal that was paused with Ctrl-S, or a pipe that is not read, blocks every write. A read from the terminal
//! stops a program in the background of its shell. Therefore reads and writes run on separate [threads](std::thread),
//! and the terminal is read and changed only while the program is in the foreground.
//!
//! This crate also handles the signals that end a program, since most of them come from the terminal.

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
pub use wrap::{narrow_prose, narrowed, prose, stderr_columns, stdout_columns};
pub use write::write_all;

/// Removes a menu from the terminal and restores the terminal's modes, for a program that ends by a panic.
pub fn restore() {
    stderr::clear_rows();
    #[cfg(unix)]
    modes::restore();
}
