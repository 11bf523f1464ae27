//! Links in a terminal (OSC 8), for addresses that are longer than its lines.

use crate::os::env::Environment;

/// Terminals that show links, by what they call themselves in `TERM_PROGRAM`.
const PROGRAMS: [&str; 7] = ["iTerm.app", "WezTerm", "vscode", "ghostty", "Hyper", "Tabby", "rio"];

/// Those that `TERM` identifies.
const TERMS: [&str; 6] = ["xterm-kitty", "xterm-ghostty", "alacritty", "foot", "foot-extra", "contour"];

/// Those that set a variable of their own.
const VARIABLES: [&str; 3] = ["WT_SESSION", "KONSOLE_VERSION", "DOMTERM"];

/// The first version of the library behind GNOME Terminal and its relatives that shows links
/// without a flaw, as `VTE_VERSION` has it.
const VTE: u32 = 5000;

/// Whether the terminal is known to show links. Others may show the codes instead.
pub(crate) fn is_supported(environment: &dyn Environment) -> bool {
    let get = |name: &str| environment.get(name).ok().flatten();
    let is_one_of = |name: &str, known: &[&str]| get(name).is_some_and(|value| known.contains(&&*value));
    // A multiplexer passes the variables on, but not the links.
    let multiplexed = get("TMUX").is_some() || get("TERM").is_some_and(|term| term.starts_with("screen"));
    if get("NO_COLOR").is_some() || is_one_of("TERM", &["dumb"]) || multiplexed {
        return false;
    }
    is_one_of("TERM_PROGRAM", &PROGRAMS)
        || is_one_of("TERM", &TERMS)
        || VARIABLES.iter().any(|name| get(name).is_some())
        || get("VTE_VERSION")
            .and_then(|version| version.parse().ok())
            .is_some_and(|version: u32| version >= VTE)
}

/// The URL as a link to itself. It must contain only characters of URLs.
pub(crate) fn around(url: &str) -> String {
    format!("\u{1b}]8;;{url}\u{1b}\\{url}\u{1b}]8;;\u{1b}\\")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn links_are_shown_only_where_the_terminal_is_known_to() {
        for (environment, supported) in [
            (&[][..], false),
            (&[("TERM", "xterm-256color")], false),
            (&[("TERM", "xterm-256color"), ("VTE_VERSION", "7603")], true),
            (&[("VTE_VERSION", "4600")], false),
            (&[("TERM_PROGRAM", "vscode")], true),
            (&[("TERM_PROGRAM", "Apple_Terminal")], false),
            (&[("TERM", "xterm-kitty")], true),
            (&[("WT_SESSION", "x")], true),
            (&[("WT_SESSION", "x"), ("TERM", "dumb")], false),
            (&[("TERM", "xterm-kitty"), ("NO_COLOR", "1")], false),
            (&[("VTE_VERSION", "7603"), ("TMUX", "/tmp/x")], false),
            (&[("VTE_VERSION", "7603"), ("TERM", "screen-256color")], false),
        ] {
            let variables: HashMap<&str, &str> = environment.iter().copied().collect();
            assert_eq!(is_supported(&variables), supported, "{environment:?}");
        }
    }

    #[test]
    fn a_link_shows_the_address_itself() {
        assert_eq!(
            around("https://a.b/?c"),
            "\u{1b}]8;;https://a.b/?c\u{1b}\\https://a.b/?c\u{1b}]8;;\u{1b}\\"
        );
    }
}
