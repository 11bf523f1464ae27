/// The name of an environment variable that may hold a key.
#[derive(Debug, Clone)]
pub(crate) struct Variable(String);

impl Default for Variable {
    fn default() -> Self {
        Self(Self::OF_LIBRARIES.to_owned())
    }
}

impl Variable {
    /// The one that OpenAI's libraries read.
    pub(crate) const OF_LIBRARIES: &str = "OPENAI_API_KEY";

    pub(crate) fn parse(name: &str) -> Result<Self, &'static str> {
        let well_formed = !name.starts_with(|c: char| c.is_ascii_digit())
            && !name.is_empty()
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let upper = name.to_ascii_uppercase();
        if !well_formed {
            Err("it must be the name of a variable: letters, digits and _, and no digit first")
        } else if LOADING.contains(&&*upper) || upper.starts_with("LD_") || upper.starts_with("DYLD_") {
            Err("it must not be a variable that decides what programs load")
        } else {
            Ok(Self(name.to_owned()))
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Names of variables that decide which programs, libraries or start-up files are loaded. A key there
/// is a mistake that breaks whoever reads the file.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_has_a_name_that_every_shell_takes_and_no_program_is_loaded_by() {
        for name in ["OPENAI_API_KEY", "_", "a1", "OPENAI_KEY_LD_"] {
            assert!(Variable::parse(name).is_ok(), "{name}");
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
        ] {
            assert!(Variable::parse(name).is_err(), "{name}");
        }
    }
}
