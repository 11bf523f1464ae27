//! Hyperlinks in the text of a terminal.

/// Returns whether the escape sequences of hyperlinks (OSC 8) reach the terminal, by the environment variables. `get`
/// returns the value of a variable that is not empty. A terminal multiplexer passes on the variables of the terminal,
/// but not its hyperlinks.
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
