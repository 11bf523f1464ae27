//! Other programs: giving one a secret, and ending it.

pub(crate) mod program;
pub(crate) mod stdin;
pub(crate) mod terminal;

use keymint_domain::text::quote;

/// Longest name of a program that is shown, in characters.
const LONGEST_NAME: usize = 80;

/// The name of a program, in quotes.
pub(crate) fn quoted(name: &str) -> String {
    quote(name, LONGEST_NAME)
}
