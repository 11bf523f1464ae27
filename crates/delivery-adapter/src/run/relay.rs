//! Relays a stream of a command with the key masked.

use keymint_mask::{Forms, Masker};
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// The time without output after which the command counts as silent: no further part of a piece of the key is
/// expected.
pub(super) const SILENCE: Duration = Duration::from_millis(20);

/// The time without output after which the stream of an ended command counts as complete. Background processes may
/// keep the stream open.
pub(super) const AFTERMATH: Duration = Duration::from_millis(50);

/// The maximum number of bytes to read at once.
pub(super) const PART: usize = 1 << 17;

/// The maximum number of parts that are relayed after the command has ended, since background processes may write
/// endlessly. All that a pipe or a pseudo-terminal still has of the command fits into them.
pub(super) const LAST_PARTS: usize = 64;

/// The next event in a stream.
pub(super) enum Next {
    /// This many bytes were read.
    Part(usize),
    /// The command is silent.
    Silence,
    /// The stream has ended.
    End,
}

/// A stream of the command.
pub(super) trait Source {
    /// Waits for the next part. With `until_silence`, silence is also an event.
    fn next(&mut self, part: &mut [u8], until_silence: bool) -> Next;
}

/// Relays the stream until it ends, or until `show` fails. In the latter case, the stream is closed, and the next
/// write of the command reports that there is no reader.
pub(super) fn relay(mut source: impl Source, forms: &Arc<Forms>, show: impl Fn(&[u8]) -> io::Result<()>) {
    let mut masker = Masker::new(forms);
    let mut is_silent = false;
    loop {
        let until_silence = masker.holds() && !is_silent;
        let next = source.next(masker.room(PART), until_silence);
        let shown = match next {
            Next::Part(length) => masker.filled(length),
            Next::Silence => masker.pause(),
            Next::End => masker.end(),
        };
        is_silent = matches!(next, Next::Silence);
        if !shown.is_empty() && show(&shown).is_err() || matches!(next, Next::End) {
            return;
        }
    }
}
