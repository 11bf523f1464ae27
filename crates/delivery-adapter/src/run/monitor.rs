//! The leader of the session of a command that has a pseudo-terminal.
//!
//! It is a second process of this program, between the first one and the command. The system lets a terminal stop
//! only a command whose parent process is in the same session (an orphaned process group is not stopped: POSIX.1-2024,
//! Base Definitions, section 11.1.4), and unsafe code alone could put the command itself into a new session.
//!
//! The monitor starts this program a third time, as a launcher, which takes the foreground of the pseudo-terminal and
//! becomes the command. A command that the monitor started itself could read from the terminal before its process group
//! is in the foreground: that stops it, or fails.

use super::stand_in::{Change, OF_A_TERMINAL, Original, end_like, listen, stop};
use super::terminal::open_terminal;
use crate::process::program::{AroundSpawn, once};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::fcntl_dupfd_cloexec;
use rustix::process::{Signal, getpgrp, ioctl_tiocsctty, kill_process_group, setsid};
use rustix::termios::tcsetpgrp;
use signal_hook::consts::signal::{SIGCHLD, SIGCONT, SIGWINCH};
use std::convert::Infallible;
use std::env::{args_os, current_exe};
use std::ffi::{CString, OsStr};
use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal, Read, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{ChildStdout, Command, ExitStatus};

/// The name that it is called by.
const NAME: &str = "keymint-monitor";

/// The name that the launcher is called by.
const LAUNCHER: &str = "keymint-launcher";

/// A report on its standard output.
pub(super) enum Report {
    /// The command was started.
    Started,
    /// The command could not be started.
    Failed(io::Error),
    /// The command has ended. The monitor has not: that would discard what is in the pseudo-terminal.
    Ended(ExitStatus),
    /// The monitor was ended.
    Gone,
}

/// Returns how to start it, for a command that is called by this name, on this pseudo-terminal.
pub(super) fn command(command: &Command, name: &OsStr, terminal: &CString) -> io::Result<Command> {
    let mut monitor = Command::new(this_program()?);
    monitor.arg0(NAME).arg(OsStr::from_bytes(terminal.as_bytes())).arg(name);
    monitor.arg(command.get_program()).args(command.get_args());
    for (variable, value) in command.get_envs() {
        match value {
            Some(value) => monitor.env(variable, value),
            None => monitor.env_remove(variable),
        };
    }
    Ok(monitor)
}

/// The program of this process, even if another version has its path by now.
fn this_program() -> io::Result<PathBuf> {
    if cfg!(target_os = "linux") { Ok("/proc/self/exe".into()) } else { current_exe() }
}

/// Begins this program again in the same process, with the same arguments. That ends its other threads: one that
/// reads standard input would take what is typed for a command. Returns only if the system refuses.
pub fn restart() {
    if let Ok(program) = this_program() {
        let mut words = args_os();
        let name = words.next().unwrap_or_default();
        let _ = Command::new(program).arg0(name).args(words).exec();
    }
}

/// Reads its reports.
pub(super) struct Reports(BufReader<ChildStdout>);

impl Reports {
    pub(super) fn of(stdout: ChildStdout) -> Self {
        Self(BufReader::new(stdout))
    }

    pub(super) fn next(&mut self) -> Report {
        let mut line = String::new();
        let _ = self.0.read_line(&mut line);
        let (word, number) = line.trim_end().split_once(' ').unwrap_or_default();
        match (word, number.parse()) {
            ("started", Ok(_)) => Report::Started,
            ("failed", Ok(number)) => Report::Failed(io::Error::from_raw_os_error(number)),
            ("ended", Ok(number)) => Report::Ended(ExitStatus::from_raw(number)),
            _ => Report::Gone,
        }
    }
}

fn report(word: &str, number: i32) {
    let _ = writeln!(io::stdout(), "{word} {number}");
}

/// Does the work of the monitor or the launcher if this process was started as one, and ends it. Any other process goes
/// on.
pub fn monitor(around_spawn: AroundSpawn) {
    let mut words = args_os();
    let role = words.next().unwrap_or_default();
    if (role == NAME || role == LAUNCHER)
        && let (Some(terminal), Some(name), Some(program)) = (words.next(), words.next(), words.next())
    {
        let terminal = CString::new(terminal.into_vec()).expect("an argument has no zero byte");
        if role == NAME {
            let Err(error) = execute(&terminal, around_spawn);
            report("failed", error.raw_os_error().unwrap_or_default());
        } else {
            let mut command = Command::new(program);
            command.arg0(name).args(words);
            launch(command, &terminal, around_spawn);
        }
        std::process::exit(1);
    }
}

/// Takes the foreground of the terminal and becomes the command. Returns only if that fails, and writes the number of
/// the error to standard output.
fn launch(mut command: Command, terminal: &CString, around_spawn: AroundSpawn) {
    // The command does not get this one.
    let Ok(report) = fcntl_dupfd_cloexec(io::stdout(), 3) else { return };
    let mut become_command = || {
        let terminal = open_terminal(terminal)?;
        // Otherwise the system stops a process that takes the foreground. The command has no signals blocked.
        nix::sys::signal::SigSet::from(nix::sys::signal::Signal::SIGTTOU).thread_block()?;
        tcsetpgrp(&terminal, getpgrp())?;
        command.stdout(terminal);
        once(around_spawn, || Err::<Infallible, _>(command.exec()))
    };
    let Err(error) = become_command();
    let _ = write!(File::from(report), "{}", error.raw_os_error().unwrap_or_default());
}

fn execute(terminal: &CString, around_spawn: AroundSpawn) -> io::Result<Infallible> {
    setsid()?;
    let terminal = open_terminal(terminal)?;
    ioctl_tiocsctty(&terminal)?;
    let mut signals = listen(&OF_A_TERMINAL)?;
    let (mut failure, reports_failure) = io::pipe()?;
    let mut launcher = Command::new(this_program()?);
    launcher.arg0(LAUNCHER).args(args_os().skip(1)).process_group(0).stdout(reports_failure);
    if io::stdin().is_terminal() {
        launcher.stdin(terminal.try_clone()?);
    }
    if io::stderr().is_terminal() {
        launcher.stderr(terminal.try_clone()?);
    }
    let original = Original::of(&once(around_spawn, || launcher.spawn())?);
    drop(launcher);
    let mut number = String::new();
    failure.read_to_string(&mut number)?;
    if let Ok(number) = number.parse() {
        return Err(io::Error::from_raw_os_error(number));
    }
    let go_on = || kill_process_group(original.id(), Signal::CONT);
    // These are the command's alone.
    let null = File::options().read(true).write(true).open("/dev/null")?;
    let _ = rustix::stdio::dup2_stdin(&null);
    let _ = rustix::stdio::dup2_stderr(&null);
    report("started", 0);
    for signal in signals.forever() {
        match signal {
            SIGCHLD => match original.change() {
                Some(Change::Stopped) => {
                    stop();
                    let _ = go_on();
                }
                Some(Change::Ended(status)) => {
                    drop(terminal);
                    report("ended", status.into_raw());
                    // Until the other process has read everything, and ends.
                    let stdout = io::stdout();
                    while poll(&mut [PollFd::new(&stdout, PollFlags::empty())], None).is_err() {}
                    end_like(status)
                }
                None => {}
            },
            SIGCONT | SIGWINCH => {}
            signal => original.send(signal),
        }
    }
    Err(io::Error::other("the system sends no more signals"))
}
