//! The name of an environment variable that may hold a key.

/// The name of an environment variable that may hold a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VariableName(String);

/// The error for a name that cannot be that of a variable with a key. Shells reject or reserve the name, or the
/// variable decides which programs, libraries or startup files are loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it must {0}")]
pub struct InvalidVariableName(&'static str);

impl Default for VariableName {
    fn default() -> Self {
        Self(Self::OPENAI.to_owned())
    }
}

impl VariableName {
    /// The variable that OpenAI's client libraries read.
    pub const OPENAI: &str = "OPENAI_API_KEY";

    /// Parses the name of a variable.
    ///
    /// # Errors
    ///
    /// [`InvalidVariableName`] with the reason.
    pub fn parse(name: &str) -> Result<Self, InvalidVariableName> {
        let well_formed = !name.starts_with(|c: char| c.is_ascii_digit())
            && !name.is_empty()
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let upper = name.to_ascii_uppercase();
        if !well_formed {
            Err(InvalidVariableName("consist of letters, digits and _, and not begin with a digit"))
        } else if name.len() > LONGEST {
            Err(InvalidVariableName("not be longer than 255 characters"))
        } else if LOADING.contains(&&*upper) || upper.starts_with("LD_") || upper.starts_with("DYLD_") {
            Err(InvalidVariableName("not be a variable that controls what programs load"))
        } else if [&OF_A_SHELL[..], &NUMBERS, &SET_BY_A_SHELL].concat().contains(&name) {
            Err(InvalidVariableName("not be a variable that a shell reserves"))
        } else {
            Ok(Self(name.to_owned()))
        }
    }

    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The maximum length of a name, in characters.
const LONGEST: usize = 255;

/// Variables that decide which programs, libraries or startup files are loaded. A key in one of them would break the
/// programs that read the file.
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

/// Variables of bash, dash and zsh that cannot be set to a text. An attempt makes the shell stop reading.
pub(crate) const OF_A_SHELL: [&str; 66] = [
    "BASHOPTS",
    "BASH_VERSINFO",
    "EUID",
    "PPID",
    "SHELLOPTS",
    "UID",
    "OPTIND",
    "SRANDOM",
    "ARGC",
    "EGID",
    "GID",
    "HISTCMD",
    "LINENO",
    "TTYIDLE",
    "ZSH_EVAL_CONTEXT",
    "ZSH_SUBSHELL",
    "aliases",
    "argv",
    "builtins",
    "cdpath",
    "commands",
    "dis_aliases",
    "dis_builtins",
    "dis_functions",
    "dis_functions_source",
    "dis_galiases",
    "dis_patchars",
    "dis_reswords",
    "dis_saliases",
    "fignore",
    "fpath",
    "funcfiletrace",
    "funcsourcetrace",
    "funcstack",
    "functions",
    "functions_source",
    "functrace",
    "galiases",
    "history",
    "historywords",
    "jobdirs",
    "jobstates",
    "jobtexts",
    "keymaps",
    "mailpath",
    "manpath",
    "module_path",
    "modules",
    "nameddirs",
    "options",
    "parameters",
    "patchars",
    "path",
    "pipestatus",
    "psvar",
    "reswords",
    "saliases",
    "signals",
    "status",
    "termcap",
    "terminfo",
    "userdirs",
    "usergroups",
    "widgets",
    "zsh_eval_context",
    "zsh_scheduled_events",
];

/// Variables whose value zsh or ksh evaluates as a number. If the value is not a number, the shell stops reading.
pub(crate) const NUMBERS: [&str; 17] = [
    "COLUMNS",
    "ERRNO",
    "FUNCNEST",
    "HISTSIZE",
    "JOBMAX",
    "KEYTIMEOUT",
    "LINES",
    "LISTMAX",
    "MAILCHECK",
    "RANDOM",
    "SAVEHIST",
    "SECONDS",
    "SHLVL",
    "TMOUT",
    "TRY_BLOCK_ERROR",
    "TRY_BLOCK_INTERRUPT",
    "ZLE_RPROMPT_INDENT",
];

/// Variables that bash and zsh set themselves, or do not interpret as text. After a shell has read the file, none of
/// them contains the key.
const SET_BY_A_SHELL: [&str; 23] = [
    "BASHPID",
    "BASH_ALIASES",
    "BASH_ARGC",
    "BASH_ARGV",
    "BASH_ARGV0",
    "BASH_CMDS",
    "BASH_LINENO",
    "BASH_SOURCE",
    "BASH_SUBSHELL",
    "COMP_WORDBREAKS",
    "DIRSTACK",
    "EPOCHREALTIME",
    "EPOCHSECONDS",
    "FUNCNAME",
    "GROUPS",
    "HISTCHARS",
    "KEYBOARD_HACK",
    "PIPESTATUS",
    "USERNAME",
    "_",
    "dirstack",
    "histchars",
    "watch",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_has_a_name_that_every_shell_takes_and_no_program_is_loaded_by() {
        for name in ["OPENAI_API_KEY", "_a", "a1", "OPENAI_KEY_LD_"] {
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
            &"A".repeat(256),
            "PATH",
            "Path",
            "LD_PRELOAD",
            "DYLD_INSERT_LIBRARIES",
            "BASH_ENV",
            "UID",
            "functions",
            "SECONDS",
            "GROUPS",
            "_",
        ] {
            assert!(VariableName::parse(name).is_err(), "{name}");
        }
    }
}
