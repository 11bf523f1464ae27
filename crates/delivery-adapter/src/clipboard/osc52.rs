//! The escape sequence with which a terminal sets the clipboard: OSC 52 (xterm's "Control Sequences", section
//! "Manipulate Selection Data").

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use zeroize::Zeroizing;

/// The maximum number of bytes that GNU screen forwards at once.
const SCREENFUL: usize = 512;

/// The program between this one and the terminal of the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wrapping {
    None,
    Tmux,
    Screen,
}

impl Wrapping {
    /// Detects the program by the variables that it sets. After a remote login, only `TERM` remains.
    pub(super) fn of(variable: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name| variable(name).is_some_and(|value| !value.is_empty());
        let term = variable("TERM").unwrap_or_default();
        if set("TMUX") || term.starts_with("tmux") {
            Self::Tmux
        } else if set("STY") || term.starts_with("screen") {
            Self::Screen
        } else {
            Self::None
        }
    }
}

/// Returns the sequence for the terminal, wrapped for the program in front of it, which may set the clipboard
/// itself.
pub(super) fn set_clipboard(text: &str, wrapping: Wrapping) -> Zeroizing<String> {
    let text = Zeroizing::new(BASE64_STANDARD.encode(text));
    let sequence = Zeroizing::new(format!("\x1b]52;c;{}\x07", *text));
    let mut all = Zeroizing::new(String::with_capacity(3 * sequence.len()));
    all.push_str(&sequence);
    let (start, most) = match wrapping {
        Wrapping::None => return all,
        Wrapping::Tmux => ("\x1bPtmux;\x1b", usize::MAX),
        Wrapping::Screen => ("\x1bP", SCREENFUL),
    };
    let mut rest = sequence.as_str();
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(rest.len().min(most));
        for part in [start, piece, "\x1b\\"] {
            all.push_str(part);
        }
        rest = after;
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_terminal_is_asked_through_the_program_in_front_of_it() {
        let plain = "\x1b]52;c;c2stcHJvai1h\x07";
        for (wrapping, wrapped) in [
            (Wrapping::None, String::new()),
            (Wrapping::Tmux, format!("\x1bPtmux;\x1b{plain}\x1b\\")),
            (Wrapping::Screen, format!("\x1bP{plain}\x1b\\")),
        ] {
            assert_eq!(*set_clipboard("sk-proj-a", wrapping), format!("{plain}{wrapped}"));
        }
    }

    #[test]
    fn screen_gets_a_long_text_in_pieces_that_it_can_take() {
        let all = set_clipboard(&"x".repeat(2000), Wrapping::Screen);
        let (plain, wrapped) = all.split_at(all.find('\x07').unwrap() + 1);
        let pieces: Vec<_> = wrapped.split("\x1b\\").filter(|piece| !piece.is_empty()).collect();
        assert!(pieces.len() > 1 && pieces.iter().all(|piece| piece.len() <= SCREENFUL + 2));
        let unwrapped: String = pieces.iter().map(|piece| piece.strip_prefix("\x1bP").unwrap()).collect();
        assert_eq!(unwrapped, plain);
    }

    #[test]
    fn the_program_in_front_of_the_terminal_is_known_by_its_variables() {
        for (name, value, wrapping) in [
            ("TMUX", "/tmp/tmux-0/default,1,0", Wrapping::Tmux),
            ("TERM", "tmux-256color", Wrapping::Tmux),
            ("STY", "1.pts-0.host", Wrapping::Screen),
            ("TERM", "screen.xterm-256color", Wrapping::Screen),
            ("TERM", "xterm-256color", Wrapping::None),
            ("TMUX", "", Wrapping::None),
        ] {
            let of = Wrapping::of(|asked| (asked == name).then(|| value.to_owned()));
            assert_eq!(of, wrapping, "{name}={value}");
        }
    }
}
