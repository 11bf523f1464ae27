//! The program that runs this one in place of a user: a coding agent or a CI system.

use std::env;
use std::ffi::OsStr;
use std::fmt::{self, Display, Formatter};

/// A coding agent or a CI system that runs this program, recognized by an environment variable alone.
///
/// It displays as a sentence without its period: "Claude Code runs keymint (CLAUDECODE is set)".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The name, which can begin a sentence.
    name: &'static str,
    /// The name of the variable.
    pub variable: String,
}

/// Environment variables, each with the name of the program that sets it for its child processes. A variable that
/// ends with `*` is a prefix of several.
type Table = [(&'static str, &'static str)];

/// The name of an agent whose variable does not identify it.
const AN_AGENT: &str = "A coding agent";

/// The name of a CI system whose variable does not identify it.
const A_CI_SYSTEM: &str = "A CI system";

const AGENTS: &Table = &[
    ("CLAUDECODE", "Claude Code"),
    ("CLAUDE_CODE", "Claude Code"),
    ("CODEX_SANDBOX*", "Codex"),
    ("CODEX_CI", "Codex"),
    ("CODEX_THREAD_ID", "Codex"),
    ("CURSOR_AGENT", "Cursor"),
    ("CURSOR_TRACE_ID", "Cursor"),
    ("GEMINI_CLI", "Gemini CLI"),
    ("OPENCODE", "OpenCode"),
    ("OPENCODE_CLIENT", "OpenCode"),
    ("AIDER*", "Aider"),
    ("ANTIGRAVITY_AGENT", "Antigravity"),
    ("AUGMENT_AGENT", "Augment"),
    ("CLINE_ACTIVE", "Cline"),
    ("COPILOT_CLI", "GitHub Copilot"),
    ("CRUSH", "Crush"),
    ("GOOSE_TERMINAL", "Goose"),
    ("PI_CODING_AGENT", "Pi"),
    ("QWEN_CODE", "Qwen Code"),
    // Any program may set the first two variables, and the user the third.
    ("AI_AGENT", AN_AGENT),
    ("AGENT", AN_AGENT),
    ("KEYMINT_AGENT", AN_AGENT),
];

const CI_SYSTEMS: &Table = &[
    ("GITHUB_ACTIONS", "GitHub Actions"),
    ("GITLAB_CI", "GitLab CI"),
    ("BUILDKITE", "Buildkite"),
    ("JENKINS_URL", "Jenkins"),
    ("TF_BUILD", "Azure Pipelines"),
    ("CIRCLECI", "CircleCI"),
    ("TRAVIS", "Travis CI"),
    ("TEAMCITY_VERSION", "TeamCity"),
    ("CODEBUILD_BUILD_ID", "AWS CodeBuild"),
    ("BITBUCKET_BUILD_NUMBER", "Bitbucket Pipelines"),
    // Most of the other CI systems set the first variable. The user may set the second.
    ("CI", A_CI_SYSTEM),
    ("KEYMINT_CI", A_CI_SYSTEM),
];

/// Returns the coding agent that runs this program. An agent keeps what a program prints in its transcript.
///
/// A variable that is empty, `0` or `false` does not count.
pub fn coding_agent() -> Option<Caller> {
    recognize(AGENTS, &variables())
}

/// Returns the CI system that runs this program. No user can sign in there.
///
/// A variable that is empty, `0` or `false` does not count.
pub fn ci_system() -> Option<Caller> {
    recognize(CI_SYSTEMS, &variables())
}

impl Caller {
    /// Returns the name of the program, such as "Claude Code". `None` if the variable does not identify it.
    pub fn own_name(&self) -> Option<&'static str> {
        Some(self.name).filter(|name| ![AN_AGENT, A_CI_SYSTEM].contains(name))
    }
}

impl Display for Caller {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} runs keymint ({} is set)", self.name, self.variable)
    }
}

/// Returns the names of the variables that are set and count.
fn variables() -> Vec<String> {
    let counts = |value: &OsStr| !["", "0", "false"].iter().any(|off| value.eq_ignore_ascii_case(off));
    let set = env::vars_os().filter(|(_, value)| counts(value));
    set.filter_map(|(name, _)| name.into_string().ok()).collect()
}

fn recognize(table: &Table, set: &[String]) -> Option<Caller> {
    table.iter().find_map(|(variable, name)| {
        let is_it = |found: &&String| match variable.strip_suffix('*') {
            Some(beginning) => found.starts_with(beginning),
            None => found == variable,
        };
        set.iter().find(is_it).map(|variable| Caller { name, variable: variable.clone() })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_is_recognized_by_a_variable_or_its_beginning() {
        for (table, set, caller) in [
            (AGENTS, &["CLAUDECODE"][..], Some(("Claude Code", "CLAUDECODE"))),
            (
                AGENTS,
                &["HOME", "CODEX_SANDBOX_NETWORK_DISABLED"],
                Some(("Codex", "CODEX_SANDBOX_NETWORK_DISABLED")),
            ),
            (AGENTS, &["AIDER_MODEL"], Some(("Aider", "AIDER_MODEL"))),
            (AGENTS, &["AGENT", "CURSOR_AGENT"], Some(("Cursor", "CURSOR_AGENT"))),
            (AGENTS, &["AGENT"], Some(("A coding agent", "AGENT"))),
            (AGENTS, &["SSH_AGENT_PID", "AGENTS", "MY_CLAUDECODE", "CLAUDECODE_X", "CI"], None),
            (CI_SYSTEMS, &["CI", "GITLAB_CI"], Some(("GitLab CI", "GITLAB_CI"))),
            (CI_SYSTEMS, &["CI"], Some(("A CI system", "CI"))),
            (CI_SYSTEMS, &["CI_JOB_ID", "CLAUDECODE"], None),
        ] {
            let set: Vec<_> = set.iter().map(|name| (*name).to_owned()).collect();
            let expected = caller.map(|(name, variable)| Caller { name, variable: variable.to_owned() });
            assert_eq!(recognize(table, &set), expected, "{set:?}");
        }
    }

    #[test]
    fn a_caller_displays_the_reason_for_which_it_is_recognized() {
        let caller = Caller { name: "Jenkins", variable: "JENKINS_URL".to_owned() };
        assert_eq!(caller.to_string(), "Jenkins runs keymint (JENKINS_URL is set)");
    }
}
