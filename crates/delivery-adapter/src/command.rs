//! A command that receives the key on its standard input.

use crate::fingerprint::fingerprint;
use crate::process::program::AroundSpawn;
use crate::process::quoted;
use crate::process::stdin::write_to_stdin;
use keymint_domain::text::sanitize;
use keymint_domain::{AdminKey, ApiKey, DeliveryError, DestinationId, KeyDestination, async_trait};
use keymint_host::{WhichError, posix_quoting, which};
use keymint_tokio_clock::TokioClock;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::{env, iter};
use zeroize::Zeroizing;

/// A command that receives the key on its standard input, once, and without a newline: most programs keep every byte,
/// so a newline would become a part of the key.
pub struct Command<'a> {
    name: String,
    program: PathBuf,
    arguments: Vec<String>,
    /// Identifies the command line and its working directory. `None` if the directory cannot be determined.
    fingerprint: Option<String>,
    on_output: Box<dyn Fn(&str) + Send + Sync + 'a>,
    around_spawn: AroundSpawn,
}

/// The reason why a command cannot be run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// A quote is not closed.
    #[error("the command has an unclosed quote")]
    UnclosedQuote,
    /// The command is empty.
    #[error("the command is empty")]
    Empty,
    /// A word is a redirection or a pipe of a shell. Without a shell, the program would receive it as an argument.
    #[error("the command has {}, but is not run by a shell", quoted(.0))]
    Redirection(String),
    /// A word contains this text, which a shell would expand, and no file has that name.
    #[error("the command has {0}, but is not run by a shell")]
    Expansion(&'static str),
    /// The arguments are longer than the system accepts.
    #[error("the command is longer than this system allows")]
    TooLong,
    /// The program of the command cannot be started.
    #[error("the program {} {problem}", quoted(.name))]
    Program {
        /// The name of the program as it was given.
        name: String,
        /// The problem with it.
        problem: WhichError,
    },
}

impl<'a> Command<'a> {
    /// Splits a command into words by the quoting rules of a shell, and finds its program.
    ///
    /// No shell is started, so no other shell syntax has a meaning. On Windows, a backslash does not escape.
    ///
    /// # Errors
    ///
    /// [`CommandError`] with the reason.
    pub fn parse(command: &str) -> Result<Self, CommandError> {
        let command = &posix_quoting(command);
        let words = shell_words::split(command).map_err(|_| CommandError::UnclosedQuote)?;
        if let Some(word) = words.iter().find(|word| redirects(word)) {
            return Err(CommandError::Redirection(word.clone()));
        }
        if let Some(expansion) = expansion(command, &words) {
            return Err(CommandError::Expansion(expansion));
        }
        let fingerprint = env::current_dir().ok().map(|directory| {
            let directory = iter::once(directory.as_os_str().as_encoded_bytes());
            fingerprint(directory.chain(words.iter().map(String::as_bytes)))
        });
        let mut words = words.into_iter();
        let name = words.next().ok_or(CommandError::Empty)?;
        match which(&name) {
            Ok(program) => {
                let (arguments, on_output): (Vec<_>, _) = (words.collect(), Box::new(|_: &str| {}));
                if is_too_long(&program, &arguments) {
                    return Err(CommandError::TooLong);
                }
                Ok(Self { name, program, arguments, fingerprint, on_output, around_spawn: |spawn| spawn() })
            }
            Err(problem) => Err(CommandError::Program { name, problem }),
        }
    }

    /// Passes each line that the command writes to `on_output`. The key is masked in the line, and the line is safe
    /// to display.
    pub fn on_output(self, on_output: impl Fn(&str) + Send + Sync + 'a) -> Self {
        Self { on_output: Box::new(on_output), ..self }
    }

    /// Sets the function through which the program is started. It receives a closure that starts the program, must
    /// call it once, and can change what the program inherits.
    pub fn around_spawn(self, around_spawn: fn(&mut dyn FnMut())) -> Self {
        Self { around_spawn, ..self }
    }

    /// Returns the name of the program as it was given.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The name of every command as a destination.
    pub const ID: &'static str = "pipe";
}

/// Returns whether a shell would redirect the output of the preceding words.
fn redirects(word: &str) -> bool {
    let digits = word.trim_start_matches(|digit: char| digit.is_ascii_digit());
    digits.starts_with('>') || matches!(word, "|" | "||" | "&&")
}

/// Returns the first text outside single quotes that a shell would expand. Ignores the script of a shell (`sh -c`)
/// and the name of an existing file.
fn expansion(command: &str, words: &[String]) -> Option<&'static str> {
    let (mut quote, mut is_escaped) = (None, false);
    let unquoted = command.chars().map(|c| {
        let is_literal = is_escaped || quote == Some('\'') || c == '~' && quote.is_some();
        is_escaped = c == '\\' && !is_literal;
        match quote {
            None if matches!(c, '\'' | '"') && !is_literal => quote = Some(c),
            Some(open) if c == open && (open == '\'' || !is_literal) => quote = None,
            _ => {}
        }
        if is_literal && matches!(c, '~' | '$') { '\0' } else { c }
    });
    let unquoted = shell_words::split(&unquoted.collect::<String>()).unwrap_or_default();
    unquoted.iter().enumerate().find_map(|(at, word)| {
        let is_script = at > 0 && words[at - 1].starts_with('-') && words[at - 1].ends_with('c');
        let found = match word {
            _ if is_script => None,
            word if word.starts_with("~/") => Some("a home directory (~/)"),
            word => has_variable(word).then_some("a variable ($NAME)"),
        };
        found.filter(|_| !Path::new(&words[at]).exists())
    })
}

fn has_variable(word: &str) -> bool {
    let starts_a_name = |c: char| c.is_ascii_alphabetic() || c == '_';
    word.split('$').skip(1).any(|rest| rest.trim_start_matches('{').starts_with(starts_a_name))
}

/// Returns whether the system refuses to start a program with these arguments, by starting a shell that does nothing
/// with them.
#[cfg(unix)]
fn is_too_long(program: &Path, arguments: &[String]) -> bool {
    /// The number of bytes of arguments that every system accepts (POSIX, `limits.h`, `_POSIX_ARG_MAX`).
    const ALWAYS: usize = 4096;
    if arguments.iter().map(String::len).sum::<usize>() <= ALWAYS {
        return false;
    }
    let mut shell = std::process::Command::new("/bin/sh");
    shell.args(["-c", ":"]).arg(program).args(arguments);
    let tried = shell.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    tried.is_err_and(|error| error.kind() == std::io::ErrorKind::ArgumentListTooLong)
}

/// Returns false, since the limit of this system is unknown.
#[cfg(not(unix))]
fn is_too_long(_: &Path, _: &[String]) -> bool {
    false
}

impl fmt::Debug for Command<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Command").field("name", &self.name).finish_non_exhaustive()
    }
}

#[async_trait]
impl KeyDestination for Command<'_> {
    /// Returns the id of the destination. Its slot is the fingerprint of the command line.
    fn id(&self) -> DestinationId {
        let id = DestinationId::new(Self::ID);
        self.fingerprint.iter().fold(id, DestinationId::with_slot)
    }

    async fn deliver(&mut self, key: &ApiKey) -> Result<(), DeliveryError> {
        let mut command = tokio::process::Command::new(&self.program);
        command.args(&self.arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
        // The command gets one key, and must not be able to create and delete others.
        command.env_remove(AdminKey::VARIABLE);
        // The command may have to prompt on the terminal, and Ctrl-C should reach the command there. Both work only
        // in the foreground. In the background, the prompt would also stop this program.
        #[cfg(unix)]
        if !crate::process::terminal::is_ours() {
            command.process_group(0);
        }
        let input = Zeroizing::new(key.expose().as_bytes().to_vec());
        let on_output = |line: &str| (self.on_output)(&sanitize(&line.replace('\t', " "), usize::MAX));
        let clock = TokioClock::new();
        let written = write_to_stdin(command, self.around_spawn, input, &on_output, &clock).await;
        written.map_err(|error| DeliveryError::new(format!("{} {error}", quoted(&self.name))))
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use keymint_domain::testing::conformance;
    use std::fs;
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[tokio::test]
    async fn it_keeps_what_the_port_promises() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("taken");
        let command = format!("sh -c 'cat >{}'", file.display());
        let read = async || fs::read_to_string(&file).ok();
        static SPAWNED: AtomicUsize = AtomicUsize::new(0);
        let mut command = Command::parse(&command).unwrap().around_spawn(|spawn| {
            spawn();
            SPAWNED.fetch_add(1, Ordering::Relaxed);
        });
        conformance::key_destination(&mut command, read).await.unwrap();
        assert_eq!(SPAWNED.load(Ordering::Relaxed), 1);

        let output = Mutex::new(Vec::new());
        let command = Command::parse("sh -c 'cat; echo; exit 3'").unwrap();
        let mut command = command.on_output(|line| output.lock().unwrap().push(line.to_owned()));
        conformance::failing_key_destination(&mut command).await.unwrap();
        drop(command);
        assert_eq!(output.into_inner().unwrap(), ["[redacted]"]);
    }

    #[test]
    fn a_fingerprint_is_that_of_the_words_and_shows_none_of_them() {
        let fingerprint = |command: &str| Command::parse(command).unwrap().fingerprint.unwrap();
        let one = fingerprint("sh -c 'cat >taken'");
        assert_eq!(one, fingerprint("sh  -c \"cat >taken\""));
        for other in ["sh -c 'cat >other'", "sh '-c cat >taken'", "sh -c 'cat >taken' x"] {
            assert_ne!(one, fingerprint(other), "{other}");
        }
        assert!(one.len() == 16 && one.bytes().all(|byte| byte.is_ascii_hexdigit()), "{one}");
    }

    #[test]
    fn a_command_is_one_program_and_its_arguments() {
        let error = |command: &str| Command::parse(command).err();
        assert_eq!(error("sh -c 'x"), Some(CommandError::UnclosedQuote));
        assert_eq!(error(" "), Some(CommandError::Empty));
        for word in [">", ">>", ">file", "2>&1", "|", "&&"] {
            let command = format!("tee file {word} other");
            assert_eq!(error(&command), Some(CommandError::Redirection(word.to_owned())));
        }
        for command in ["sh -c 'cat > file'", "sh -c a->b", "sh 90 ;"] {
            assert_eq!(error(command), None, "{command}");
        }
        for command in ["~/bin/store", "tee ~/key"] {
            assert_eq!(error(command), Some(CommandError::Expansion("a home directory (~/)")), "{command}");
        }
        for command in ["tee $HOME/key", "tee k=\"${MY_KEY}\"", r#"sh '$A' \$B "\$C" $D"#] {
            assert_eq!(error(command), Some(CommandError::Expansion("a variable ($NAME)")), "{command}");
        }
        for command in [r#"sh '~/key' '$HOME' \$A \~/b "~/c""#, "sh -ec \"cat >$HOME/key\"", "sh a~/b $1 $"] {
            assert_eq!(error(command), None, "{command}");
        }
        let name = "no-such-program-anywhere".to_owned();
        assert_eq!(error(&name), Some(CommandError::Program { name, problem: WhichError::NotFound }));
    }
}
