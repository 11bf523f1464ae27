//! Other programs: passing a secret to a program, and ending it.

pub(crate) mod program;
pub(crate) mod stdin;
pub(crate) mod terminal;

use keymint_domain::text::quote;

/// The maximum length of a displayed program name, in characters.
const LONGEST_NAME: usize = 80;

/// Returns the name of a program in quotes.
pub(crate) fn quoted(name: &str) -> String {
    quote(name, LONGEST_NAME)
}
