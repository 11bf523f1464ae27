//! The name of an environment variable that may hold a key.

/// The name of an environment variable that may hold a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VariableName(String);

/// A name that no variable with a key can have: shells do not take it, keep it to themselves, or the variable decides which programs,
/// libraries or start-up files are loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it must {0}")]
pub struct InvalidVariableName(&'static str);

impl Default for VariableName {
    fn default() -> Self {
        Self(Self::OPENAI.to_owned())
    }
}

impl VariableName {
    /// The variable that OpenAI's libraries read.
    pub const OPENAI: &str = "OPENAI_API_KEY";

    /// Checks a name.
    ///
    /// # Errors
    ///
    /// [`InvalidVariableName`]
    pub fn parse(name: &str) -> Result<Self, InvalidVariableName> {
        let well_formed = !name.starts_with(|c: char| c.is_ascii_digit())
            && !name.is_empty()
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let upper = name.to_ascii_uppercase();
        if !well_formed {
            Err(InvalidVariableName("be the name of a variable: letters, digits and _, and no digit first"))
        } else if LOADING.contains(&&*upper) || upper.starts_with("LD_") || upper.starts_with("DYLD_") {
            Err(InvalidVariableName("not be a variable that decides what programs load"))
        } else if OF_A_SHELL.contains(&name) {
            Err(InvalidVariableName("not be a variable that a shell keeps to itself"))
        } else {
            Ok(Self(name.to_owned()))
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Variables that decide which programs, libraries or start-up files are loaded. A key in one of them
/// breaks the programs that read the file.
const LOADING: [&str; 14] = [
    "PATH",
    "HOME",
    "SHELL",
    "IFS",
    "ENV",
    "BASH_ENV",
    "PROMPT_COMMAND",
    "NODE_OPTIONS",
    "PYTHONPATH",
    "PYTHONHOME",
    "PERL5OPT",
    "PERL5LIB",
    "RUBYOPT",
    "JAVA_TOOL_OPTIONS",
];

/// Variables that a shell lets nobody set, after which it reads no further: of bash as `sh`, of dash, and of zsh.
pub(crate) const OF_A_SHELL: [&str; 18] = [
    "BASHOPTS",
    "BASH_VERSINFO",
    "EUID",
    "PPID",
    "SHELLOPTS",
    "UID",
    "OPTIND",
    "ARGC",
    "EGID",
    "GID",
    "HISTCMD",
    "LINENO",
    "TTYIDLE",
    "ZSH_EVAL_CONTEXT",
    "ZSH_SUBSHELL",
    "options",
    "status",
    "zsh_eval_context",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_has_a_name_that_every_shell_takes_and_no_program_is_loaded_by() {
        for name in ["OPENAI_API_KEY", "_", "a1", "OPENAI_KEY_LD_"] {
            assert!(VariableName::parse(name).is_ok(), "{name}");
        }
        for name in [
            "",
            "A B",
            "1X",
            "x=y",
            "A-B",
            "É",
            "A\n",
            "PATH",
            "Path",
            "LD_PRELOAD",
            "DYLD_INSERT_LIBRARIES",
            "BASH_ENV",
            "UID",
        ] {
            assert!(VariableName::parse(name).is_err(), "{name}");
        }
    }
}
