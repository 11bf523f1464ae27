//! Links in the text of a terminal.

/// Returns whether the codes of a link (OSC 8) reach the terminal, by the environment's variables that are not empty.
/// A multiplexer passes the terminal's variables on, but not its links.
pub fn passes_links(get: impl Fn(&str) -> Option<String>) -> bool {
    let is_multiplexed = get("TMUX").is_some() || get("TERM").is_some_and(|term| term.starts_with("screen"));
    !is_multiplexed && get("NO_COLOR").is_none() && get("TERM").is_none_or(|term| term != "dumb")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_shown_only_where_they_reach_the_terminal() {
        for (variable, value, passes) in [
            ("TERM", "xterm-256color", true),
            ("TERM", "screen-256color", false),
            ("TERM", "dumb", false),
            ("TMUX", "/tmp/x", false),
            ("NO_COLOR", "1", false),
        ] {
            let get = |name: &str| (name == variable).then(|| value.to_owned());
            assert_eq!(passes_links(get), passes, "{variable}={value}");
        }
    }
}
