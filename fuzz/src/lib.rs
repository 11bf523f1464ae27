//! The shared parts of the fuzz targets: a pending authorization, and inputs with gaps.
//!
//! A fuzzer cannot guess a secret. An input therefore has a gap in its place: a single character, which mutations
//! easily move, copy and delete.

use keymint_domain::{Client, Entropy, PendingAuthorization, REGISTERED_REDIRECT_URI};
use std::convert::Infallible;
use std::sync::LazyLock;

/// A pending authorization, whose state is [`STATE`].
pub static PENDING: LazyLock<PendingAuthorization> = LazyLock::new(|| {
    let Ok(entropy) = Entropy::fill_with(|bytes| {
        bytes.fill(0x9f);
        Ok::<_, Infallible>(())
    });
    Client::default().begin(REGISTERED_REDIRECT_URI.parse().expect("a constant"), entropy)
});

/// The state of [`PENDING`].
pub static STATE: LazyLock<String> = LazyLock::new(|| {
    let (_, state) = PENDING
        .authorize_url()
        .query_pairs()
        .find(|(name, _)| name == "state")
        .expect("a request has a state");
    state.into_owned()
});

/// The character that marks the gap for [`STATE`].
pub const STATE_GAP: u8 = b'$';

/// Returns the input with each gap replaced by its text.
pub fn fill_in(input: &[u8], gaps: &[(u8, &str)]) -> Vec<u8> {
    let mut filled = Vec::with_capacity(input.len() + 64);
    for byte in input {
        match gaps.iter().find(|(gap, _)| gap == byte) {
            Some((_, text)) => filled.extend_from_slice(text.as_bytes()),
            None => filled.push(*byte),
        }
    }
    filled
}

/// Returns whether the text contains these bytes, in upper or lower case.
pub fn contains(text: &[u8], wanted: &str) -> bool {
    text.windows(wanted.len()).any(|window| window.eq_ignore_ascii_case(wanted.as_bytes()))
}
