//! The selection of one of several lines with the arrow keys.

use std::io;

/// Lets the user select one of these lines with the arrow keys, a filter and Enter, on standard error. Returns its
/// index, or `None` at the end of the input. The default line is current at first.
///
/// `sanitize` makes the filter safe to display. The lines must already be safe, and are compared with the sanitized
/// filter.
///
/// Dropping the future at any time restores the modes of the terminal and removes the lines.
///
/// # Errors
///
/// [`io::Error`] if standard error is no terminal or a too small one, or if `TERM` is unset or `dumb`.
#[cfg(unix)]
#[expect(
    clippy::disallowed_methods,
    reason = "job control, which no signal reports, is checked in real time"
)]
pub async fn pick(
    question: &str,
    lines: &[String],
    default: Option<usize>,
    sanitize: fn(&str) -> String,
) -> io::Result<Option<usize>> {
    use crate::foreground::GLANCE;
    use crate::keys::Keys;
    use crate::menu::{Menu, Pressed};
    use crate::modes::KeyInput;
    use crate::stderr::{self, Rows};
    use crate::stdin::StdinLines;
    use rustix::process::{Signal, getpgrp, kill_process_group};
    use tokio::time::{sleep, timeout};
    let unsupported = || io::Error::from(io::ErrorKind::Unsupported);
    let mut size = size().ok_or_else(unsupported)?;
    let mut input = StdinLines::lines().await;
    let (mut menu, mut keys) = (Menu::new(question, lines, default, &sanitize), Keys::default());
    let mut rows = Rows::default();
    let mut modes = KeyInput::default();
    let mut is_shown = false;
    let picked = 'shown: loop {
        // A shell that continues the program has changed the modes and written below the rows.
        is_shown &= !modes.apply()?;
        if !crate::is_background(io::stdin()) {
            if !is_shown {
                input.forget().await;
            }
            size = self::size().unwrap_or(size);
            rows.show(menu.rows(size.0, size.1), is_shown);
            is_shown = true;
        }
        let Ok(bytes) = timeout(GLANCE, input.next_bytes()).await else { continue };
        let Some(bytes) = bytes else { break None };
        for key in keys.read(&bytes) {
            match menu.press(key) {
                Pressed::Shown => {}
                Pressed::Taken(line) => break 'shown Some(line),
                Pressed::Ended => break 'shown None,
                Pressed::Suspended => {
                    (rows, modes) = (Rows::default(), KeyInput::default());
                    stderr::flush_briefly();
                    kill_process_group(getpgrp(), Signal::TSTP)?;
                    // Another thread may receive the signal a little later.
                    sleep(GLANCE).await;
                    break;
                }
            }
        }
    };
    input.forget().await;
    Ok(picked)
}

/// Returns the columns and rows of standard error, if it can show a menu. `NO_COLOR` does not matter.
#[cfg(unix)]
fn size() -> Option<(usize, usize)> {
    use terminal_size::{Height, Width, terminal_size_of};
    /// The smallest terminal, in columns and rows.
    const SMALLEST: (u16, u16) = (45, 8);
    let (Width(columns), Height(rows)) = terminal_size_of(io::stderr())?;
    let is_dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
    (columns >= SMALLEST.0 && rows >= SMALLEST.1 && !is_dumb).then_some((columns.into(), rows.into()))
}

/// Fails: this system's consoles are not supported.
///
/// # Errors
///
/// Always.
#[cfg(not(unix))]
pub async fn pick(
    _: &str,
    _: &[String],
    _: Option<usize>,
    _: fn(&str) -> String,
) -> io::Result<Option<usize>> {
    Err(io::ErrorKind::Unsupported.into())
}
