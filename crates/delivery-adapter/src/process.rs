//! Other programs: finding one, giving it a secret, and ending it.

pub(crate) mod mask;
pub(crate) mod stdin;
pub(crate) mod terminal;
mod which;

use keymint_domain::text::sanitize;
pub use which::{WhichError, which};

/// Longest name of a program that is shown, in characters.
const LONGEST_NAME: usize = 80;

/// The name of a program, in quotes.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", sanitize(name, LONGEST_NAME))
}
