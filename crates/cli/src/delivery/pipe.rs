//! `--pipe-to`: the standard input of a command.

use super::Destination;
use super::feed::feed;
use super::mask::mask;
use crate::error::{CliError, ErrorKind};
use crate::program;
use crate::ui::format::quoted;
use crate::ui::prompter::Prompter;
use async_trait::async_trait;
use keymint_domain::ApiKey;
use keymint_tokio_clock::TokioClock;
use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use tokio::process::Command;
use zeroize::Zeroizing;

/// A command that takes the key on its standard input, once, and nothing after it: most keep every
/// byte that they get, and a line's end would become a part of the key.
pub(crate) struct Pipe<'a> {
    /// As it was given.
    name: String,
    program: PathBuf,
    arguments: Vec<String>,
    prompter: Prompter<'a>,
}

impl<'a> Pipe<'a> {
    /// Splits the command by the shell's rules for quotes, and looks for its program. There is no
    /// shell: nothing else of what one understands means anything.
    pub(crate) fn check(command: &str, prompter: Prompter<'a>) -> Result<Self, CliError> {
        let words = shell_words::split(command)
            .map_err(|_| CliError::usage("the command of --pipe-to has a quote that is not closed"))?;
        let mut words = words.into_iter();
        let unusable = |problem: String| {
            CliError::new(ErrorKind::DestinationUnusable, problem).hint(
                "Name a program in a folder of PATH, or its path, and its arguments. No shell is started; where you want \
                 one: --pipe-to \"sh -c '…'\".",
            )
        };
        let name = words.next().ok_or_else(|| unusable("the command of --pipe-to is empty".to_owned()))?;
        let program = program::which(&name)
            .map_err(|problem| unusable(format!("the command of --pipe-to, {}, {problem}", quoted(&name))))?;
        Ok(Self { name, program, arguments: words.collect(), prompter })
    }
}

#[async_trait]
impl Destination for Pipe<'_> {
    fn name(&self) -> String {
        "pipe".to_owned()
    }

    async fn deliver(&mut self, key: &ApiKey) -> io::Result<()> {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
        // Where there is a terminal, the command may have to ask there, which only programs in the
        // foreground may; and Ctrl-C reaches it there.
        #[cfg(unix)]
        if !super::terminal::is_there() {
            command.process_group(0);
        }
        let key = key.expose();
        let input = Zeroizing::new(key.as_bytes().to_vec());
        let said = |line: &str| self.prompter.relay(&mask(line, key));
        let fed = feed(command, input, &said, &TokioClock::new()).await;
        fed.map_err(|error| io::Error::other(format!("{} {error}", quoted(&self.name))))
    }

    fn what_now(&self) -> String {
        format!("{} has taken it.", quoted(&self.name))
    }
}
