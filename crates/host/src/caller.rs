//! The coding agent that runs this program.

use std::env;

/// Variables that coding agents set for what they run. A name that ends with `*` is the beginning of several.
const AGENTS: [(&str, &str); 9] = [
    ("CLAUDECODE", "Claude Code"),
    ("CODEX_SANDBOX*", "Codex"),
    ("CURSOR_AGENT", "Cursor"),
    ("CURSOR_TRACE_ID", "Cursor"),
    ("GEMINI_CLI", "Gemini CLI"),
    ("OPENCODE", "OpenCode"),
    ("AIDER*", "Aider"),
    ("AI_AGENT", "A coding agent"),
    ("AGENT", "A coding agent"),
];

/// Returns the name of the coding agent that runs this program. An agent keeps what a program prints in its
/// transcript.
///
/// It is recognized by environment variables alone. One that is empty, `0` or `false` does not count.
pub fn coding_agent() -> Option<&'static str> {
    let set = env::vars_os().filter(|(_, value)| !["", "0", "false"].iter().any(|off| value == off));
    recognize(&set.filter_map(|(name, _)| name.into_string().ok()).collect::<Vec<_>>())
}

fn recognize(set: &[String]) -> Option<&'static str> {
    let is_set = |variable: &str| match variable.strip_suffix('*') {
        Some(beginning) => set.iter().any(|name| name.starts_with(beginning)),
        None => set.iter().any(|name| name == variable),
    };
    AGENTS.iter().find(|(variable, _)| is_set(variable)).map(|(_, agent)| *agent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_is_recognized_by_a_variable_or_its_beginning() {
        for (names, agent) in [
            (&["CLAUDECODE"][..], Some("Claude Code")),
            (&["HOME", "CODEX_SANDBOX_NETWORK_DISABLED"], Some("Codex")),
            (&["AIDER_MODEL"], Some("Aider")),
            (&["AGENT", "CURSOR_AGENT"], Some("Cursor")),
            (&["AGENT"], Some("A coding agent")),
            (&["SSH_AGENT_PID", "AGENTS", "MY_CLAUDECODE", "CLAUDECODE_X"], None),
        ] {
            let set = names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
            assert_eq!(recognize(&set), agent, "{names:?}");
        }
    }
}
