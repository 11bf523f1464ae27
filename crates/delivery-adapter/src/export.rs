//! The export of a key as one line for a shell or a tool.
//!
//! Each format is a function of values: it returns a line from which its reader gets exactly this value, or an error.
//! The crate's test `readers` runs these readers.

use crate::env_file::PlainValue;
use crate::variable::VariableName;
use keymint_domain::text::escape_json;
use std::fmt;
use zeroize::Zeroizing;

/// The longest line that `cmd.exe` runs, in bytes.
const LONGEST_CMD_LINE: usize = 8191;

/// The longest line that Docker reads, in bytes: Go's `bufio.MaxScanTokenSize` without the newline.
const LONGEST_DOCKER_LINE: usize = 64 * 1024 - 2;

/// The format of an exported line, named after its reader.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ExportFormat {
    /// A POSIX shell, bash, zsh or ksh: `eval "$(keymint export)"`.
    #[default]
    Sh,
    /// fish: `keymint export --format fish | source`.
    Fish,
    /// PowerShell: `keymint export --format powershell | Invoke-Expression`.
    PowerShell,
    /// The command prompt of Windows: `for /f "delims=" %i in ('keymint export --format cmd') do @%i`.
    Cmd,
    /// Any program that reads dotenv files.
    Dotenv,
    /// Any program that reads JSON.
    Json,
    /// GitHub Actions: `keymint export --format github >> "$GITHUB_ENV"`.
    GitHub,
    /// Docker: the file of `docker run --env-file`.
    Docker,
}

/// The error for a value or a variable that a format cannot express.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the format {format} cannot express {what}")]
pub struct NotExpressible {
    /// The format.
    pub format: ExportFormat,
    /// The kind of value that cannot be expressed. The value itself is not repeated.
    pub what: &'static str,
}

impl ExportFormat {
    /// All formats.
    pub const ALL: [Self; 8] = [
        Self::Sh,
        Self::Fish,
        Self::PowerShell,
        Self::Cmd,
        Self::Dotenv,
        Self::Json,
        Self::GitHub,
        Self::Docker,
    ];

    /// Returns the name of the format, in lower case.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sh => "sh",
            Self::Fish => "fish",
            Self::PowerShell => "powershell",
            Self::Cmd => "cmd",
            Self::Dotenv => "dotenv",
            Self::Json => "json",
            Self::GitHub => "github",
            Self::Docker => "docker",
        }
    }

    /// Returns the format with this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }

    /// Returns the line that sets the variable to the value, without a final newline.
    ///
    /// # Errors
    ///
    /// [`NotExpressible`] if the reader would get another value.
    pub fn line(self, variable: &VariableName, value: &str) -> Result<Zeroizing<String>, NotExpressible> {
        self.try_line(variable.as_str(), value).map_err(|what| NotExpressible { format: self, what })
    }

    /// Returns the line. The error is the kind of value that cannot be expressed.
    fn try_line(self, name: &str, value: &str) -> Result<Zeroizing<String>, &'static str> {
        if value.contains('\0') {
            return Err("a NUL");
        }
        Ok(Zeroizing::new(match self {
            Self::Sh => ["export ", name, "=", &posix_quoted(value)].concat(),
            Self::Fish => ["set -gx ", name, " ", &fish_quoted(value)].concat(),
            Self::PowerShell => ["$env:", name, " = ", &powershell_quoted(value)?].concat(),
            Self::Cmd => cmd_line(name, value)?,
            Self::Dotenv => [name, "=", &dotenv_value(value)?].concat(),
            Self::Json => json(name, value),
            Self::GitHub => github_line(name, value)?,
            Self::Docker => docker_line(name, value)?,
        }))
    }
}

impl fmt::Display for ExportFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Returns the value in single quotes, with each of these characters replaced.
fn quoted(value: &str, replacements: &[(char, &str)]) -> Zeroizing<String> {
    let mut quoted = Zeroizing::new(value.to_owned());
    for (char, replacement) in replacements {
        quoted = Zeroizing::new(quoted.replace(*char, replacement));
    }
    Zeroizing::new(["'", &quoted, "'"].concat())
}

/// Quotes a value for a POSIX shell. In single quotes, only a single quote is special (POSIX.1-2024, Shell &
/// Utilities, section 2.2.2).
fn posix_quoted(value: &str) -> Zeroizing<String> {
    quoted(value, &[('\'', r"'\''")])
}

/// Quotes a value for fish. In single quotes, a backslash escapes a single quote and itself (fish's documentation,
/// "Quotes").
fn fish_quoted(value: &str) -> Zeroizing<String> {
    quoted(value, &[('\\', r"\\"), ('\'', r"\'")])
}

/// Quotes a value for PowerShell. In single quotes, only a single quote is special, and is doubled
/// (`about_Quoting_Rules`). An empty text would remove the variable (`about_Environment_Variables`).
fn powershell_quoted(value: &str) -> Result<Zeroizing<String>, &'static str> {
    check_printable_ascii(value)?;
    Ok(quoted(value, &[('\'', "''")]))
}

/// Returns a line for the command prompt. `set "NAME=value"` takes everything up to the last double quote. A batch
/// file replaces `%` before that, and delayed expansion replaces `!` (`cmd /?`, `set /?`). An empty value would
/// remove the variable.
fn cmd_line(name: &str, value: &str) -> Result<String, &'static str> {
    check_printable_ascii(value)?;
    let line = ["set \"", name, "=", value, "\""].concat();
    if value.contains(['"', '%', '!']) {
        Err("a value with \", % or !")
    } else if line.len() > LONGEST_CMD_LINE {
        Err("a value of this length")
    } else {
        Ok(line)
    }
}

/// Checks that a value is printable ASCII. The shells of Windows read the output of a program line by line in the
/// code page of the console, which may lack other characters.
fn check_printable_ascii(value: &str) -> Result<(), &'static str> {
    let is_printable = value.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    if is_printable && !value.is_empty() {
        Ok(())
    } else {
        Err("an empty value, or one with a character other than printable ASCII")
    }
}

/// Returns the value in a form that all readers of dotenv files take literally: plain, or in single quotes without
/// anything that a reader takes for an escape or an expansion.
fn dotenv_value(value: &str) -> Result<Zeroizing<String>, &'static str> {
    if PlainValue::parse(value).is_some() {
        Ok(Zeroizing::new(value.to_owned()))
    } else if value.contains(['\'', '\\']) || value.contains("${") || value.contains(char::is_control) {
        Err("a value with ', \\, ${ or a control character")
    } else {
        Ok(quoted(value, &[]))
    }
}

/// Returns an object with one string (RFC 8259).
fn json(name: &str, value: &str) -> String {
    let object = serde_json::Map::from_iter([(name.to_owned(), value.into())]);
    escape_json(&serde_json::Value::Object(object).to_string())
}

/// Returns a line of an environment file, whose value is everything after the first `=`. Variables with these
/// prefixes cannot be set (GitHub's documentation, "Workflow commands for GitHub Actions").
fn github_line(name: &str, value: &str) -> Result<String, &'static str> {
    if ["GITHUB_", "RUNNER_"].iter().any(|prefix| name.starts_with(prefix)) {
        Err("a variable that GitHub Actions sets itself")
    } else {
        one_line(name, value)
    }
}

/// Returns a line whose value is everything after the first `=` (docker/cli, `pkg/kvfile`).
fn docker_line(name: &str, value: &str) -> Result<String, &'static str> {
    let line = one_line(name, value)?;
    if line.len() > LONGEST_DOCKER_LINE { Err("a value of this length") } else { Ok(line) }
}

/// Returns a line without quotes. A carriage return at its end would be read as a part of the newline.
fn one_line(name: &str, value: &str) -> Result<String, &'static str> {
    if value.contains(['\n', '\r']) { Err("a multi-line value") } else { Ok([name, "=", value].concat()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(format: ExportFormat, value: &str) -> Option<String> {
        format.line(&VariableName::default(), value).ok().map(|line| line.to_string())
    }

    #[test]
    fn each_format_has_a_name_and_a_line_for_a_key() {
        let key = "sk-proj-A_9";
        for (name, expected) in [
            ("sh", "export OPENAI_API_KEY='sk-proj-A_9'"),
            ("fish", "set -gx OPENAI_API_KEY 'sk-proj-A_9'"),
            ("powershell", "$env:OPENAI_API_KEY = 'sk-proj-A_9'"),
            ("cmd", "set \"OPENAI_API_KEY=sk-proj-A_9\""),
            ("dotenv", "OPENAI_API_KEY=sk-proj-A_9"),
            ("json", r#"{"OPENAI_API_KEY":"sk-proj-A_9"}"#),
            ("github", "OPENAI_API_KEY=sk-proj-A_9"),
            ("docker", "OPENAI_API_KEY=sk-proj-A_9"),
        ] {
            let format = ExportFormat::parse(name).unwrap();
            assert_eq!((format.name(), line(format, key).as_deref()), (name, Some(expected)));
        }
        assert_eq!(ExportFormat::parse("csh"), None);
    }

    /// The rules are those of the documentation of PowerShell and cmd, since neither shell runs where these tests
    /// run.
    #[test]
    fn the_shells_of_windows_get_a_line_by_their_documented_rules_or_an_error() {
        use ExportFormat::{Cmd, PowerShell};
        for (value, powershell, cmd) in [
            ("a b", Some("'a b'"), Some("a b")),
            ("it's", Some("'it''s'"), Some("it's")),
            ("''", Some("''''''"), Some("''")),
            ("$x `n \"y\"", Some("'$x `n \"y\"'"), None),
            ("^a&b|c<d>e(f)", Some("'^a&b|c<d>e(f)'"), Some("^a&b|c<d>e(f)")),
            (r"C:\x\", Some(r"'C:\x\'"), Some(r"C:\x\")),
            ("100%", Some("'100%'"), None),
            ("wow!", Some("'wow!'"), None),
            ("\u{2018}x\u{201b}", None, None),
            ("a\nb", None, None),
            ("a\rb", None, None),
            ("a\tb", None, None),
            ("", None, None),
        ] {
            let expected = powershell.map(|quoted| format!("$env:OPENAI_API_KEY = {quoted}"));
            assert_eq!(line(PowerShell, value), expected, "{value:?}");
            let expected = cmd.map(|value| format!("set \"OPENAI_API_KEY={value}\""));
            assert_eq!(line(Cmd, value), expected, "{value:?}");
        }
        let most = LONGEST_CMD_LINE - line(Cmd, "x").unwrap().len() + 1;
        assert_eq!(line(Cmd, &"x".repeat(most)).unwrap().len(), LONGEST_CMD_LINE);
        assert_eq!(line(Cmd, &"x".repeat(most + 1)), None);
    }

    #[test]
    fn a_value_that_a_format_cannot_express_is_an_error_that_does_not_repeat_it() {
        use ExportFormat::{Docker, Dotenv, GitHub};
        for (formats, value) in [
            (&ExportFormat::ALL[..], "canary\0"),
            (&[Dotenv], "canary'"),
            (&[Dotenv], "canary\\"),
            (&[Dotenv], "${canary}"),
            (&[Dotenv, GitHub, Docker], "canary\nx"),
            (&[Dotenv, GitHub, Docker], "canary\r"),
            (&[Docker], &"canary".repeat(11_000)),
        ] {
            for format in formats {
                let error = format.line(&VariableName::default(), value).unwrap_err().to_string();
                assert!(error.starts_with(&format!("the format {format} cannot express ")), "{error}");
                assert!(!error.contains("canary"), "{error}");
            }
        }
        for name in ["GITHUB_TOKEN", "RUNNER_TEMP"] {
            assert!(GitHub.line(&VariableName::parse(name).unwrap(), "x").is_err(), "{name}");
        }
    }

    #[test]
    fn json_has_nothing_that_steers_a_terminal() {
        let line = line(ExportFormat::Json, "\u{1b}[2J\u{7f}\u{202e}\"").unwrap();
        assert!(line.bytes().all(|byte| matches!(byte, b' '..=b'~')), "{line}");
    }
}
