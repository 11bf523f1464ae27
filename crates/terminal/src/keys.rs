//! A parser that recognizes keys in the bytes that a terminal sends.

use zeroize::Zeroizing;

/// A key that controls a menu, or a character that is typed into it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Key {
    Character(char),
    Up,
    Down,
    PageUp,
    PageDown,
    First,
    Last,
    Enter,
    /// Backspace.
    Erase,
    /// Ctrl-U.
    EraseAll,
    /// Ctrl-D, which ends the input.
    End,
    /// Ctrl-Z, which stops the program.
    Suspend,
}

/// The bytes of a key that is not yet complete.
#[derive(Default)]
pub(crate) struct Keys(Zeroizing<Vec<u8>>);

impl Keys {
    /// The maximum length of a key's sequence, in bytes. A longer sequence is not a key.
    const LONGEST: usize = 32;

    /// Returns the keys that these bytes complete. Unknown keys are skipped.
    pub(crate) fn read(&mut self, bytes: &[u8]) -> Vec<Key> {
        self.0.extend_from_slice(bytes);
        let (mut keys, mut start) = (Vec::new(), 0);
        while let Some((key, length)) = first(&self.0[start..]) {
            keys.extend(key);
            start += length;
        }
        self.0.drain(..start);
        if self.0.len() > Self::LONGEST {
            self.0.clear();
        }
        keys
    }
}

/// Returns the first key and its length. The key is `None` if it is unknown. Returns `None` if the key is incomplete.
fn first(bytes: &[u8]) -> Option<(Option<Key>, usize)> {
    let key = match *bytes.first()? {
        b'\r' | b'\n' => Key::Enter,
        0x08 | 0x7f => Key::Erase,
        0x04 => Key::End,
        0x0e | b'\t' => Key::Down,
        0x10 => Key::Up,
        0x15 => Key::EraseAll,
        0x1a => Key::Suspend,
        0x1b => return escape_sequence(bytes),
        control if control.is_ascii_control() => return Some((None, 1)),
        lead => return character(bytes, lead),
    };
    Some((Some(key), 1))
}

/// Returns the key of an escape sequence (ECMA-48, section 5.4), as xterm and its relatives send it.
fn escape_sequence(bytes: &[u8]) -> Option<(Option<Key>, usize)> {
    let is_final = |byte: &u8| matches!(byte, 0x40..=0x7e);
    let length = match bytes.get(1)? {
        b'[' => 3 + bytes[2..].iter().position(is_final)?,
        b'O' => bytes.get(2).map(|_| 3)?,
        // Escape itself, before another key.
        _ => return Some((None, 1)),
    };
    let key = match &bytes[2..length] {
        b"A" => Key::Up,
        b"B" => Key::Down,
        b"5~" => Key::PageUp,
        b"6~" => Key::PageDown,
        b"H" | b"1~" | b"7~" => Key::First,
        b"F" | b"4~" | b"8~" => Key::Last,
        _ => return Some((None, length)),
    };
    Some((Some(key), length))
}

/// Returns a UTF-8 character. Invalid bytes are skipped.
fn character(bytes: &[u8], lead: u8) -> Option<(Option<Key>, usize)> {
    let length = match lead {
        0xf0.. => 4,
        0xe0.. => 3,
        0xc0.. => 2,
        _ => 1,
    };
    let bytes = bytes.get(..length)?;
    Some(match std::str::from_utf8(bytes) {
        Ok(text) => (text.chars().next().map(Key::Character), length),
        Err(_) => (None, 1),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_however_their_bytes_are_cut() {
        let bytes = "aé\u{1b}[A\u{1b}OB\u{1b}[5~\u{1b}[1;5C\u{1b}x\u{7f}\u{1}\u{1b}[200~\r\u{15}\u{4}\u{1a}";
        let expected = [
            Key::Character('a'),
            Key::Character('é'),
            Key::Up,
            Key::Down,
            Key::PageUp,
            Key::Character('x'),
            Key::Erase,
            Key::Enter,
            Key::EraseAll,
            Key::End,
            Key::Suspend,
        ];
        for size in 1..=bytes.len() {
            let mut keys = Keys::default();
            let read: Vec<_> = bytes.as_bytes().chunks(size).flat_map(|chunk| keys.read(chunk)).collect();
            assert_eq!(read, expected, "{size}");
        }
    }

    #[test]
    fn a_sequence_without_end_and_bytes_that_are_no_text_are_left_out() {
        let mut keys = Keys::default();
        assert_eq!(keys.read(b"\x1b[11111111111111111111111111111111111111"), []);
        assert_eq!(keys.read(b"\xff\xffa"), []);
        assert_eq!(keys.read(b"bcd").last(), Some(&Key::Character('d')));
    }
}
