//! Passing on one stream of a command without the key.

use keymint_mask::{Forms, Masker};
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// A command that writes nothing for so long is silent: no more of a piece of the key is on its way.
pub(super) const SILENCE: Duration = Duration::from_millis(20);

/// When the command has ended, its output ends after so long a silence. Programs that it left behind may hold the
/// stream open.
pub(super) const AFTERMATH: Duration = Duration::from_millis(50);

/// The size of a pipe that lets the command go on while this process is busy, in bytes. As much may be in the pipe when
/// the command ends; programs that it left behind may write without end.
pub(super) const PIPE: usize = 1 << 20;

/// The most that is read at once, in bytes.
pub(super) const PART: usize = 1 << 17;

/// The next event in a stream.
pub(super) enum Next {
    /// So many bytes were read.
    Part(usize),
    /// The command is silent.
    Silence,
    /// It is over.
    End,
}

/// A stream of the command.
pub(super) trait Source {
    /// Waits for the next part. With `until_silence`, a silence is an event as well.
    fn next(&mut self, part: &mut [u8], until_silence: bool) -> Next;
}

/// Passes the stream on to its end, or until `show` fails. The stream is closed then, and the command learns by its
/// next write that it has no reader.
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
