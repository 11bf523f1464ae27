//! The session leader of a command that runs on a pseudo-terminal.
//!
//! The monitor is a second process of this program, between the first process and the command. A terminal can stop a
//! command only if the command's parent process is in the same session (an orphaned process group is not stopped:
//! POSIX.1-2024, Base Definitions, section 11.1.4). Putting the command itself into a new session would require
//! unsafe code.
//!
//! The monitor starts this program a third time, as a launcher. The launcher brings itself to the foreground of the
//! pseudo-terminal and becomes the command. If the monitor started the command directly, the command could read from
//! the terminal before its process group is in the foreground, and would be stopped or fail.

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

/// The name under which the monitor is started.
const NAME: &str = "keymint-monitor";

/// The name under which the launcher is started.
const LAUNCHER: &str = "keymint-launcher";

/// A report that the monitor writes to its standard output.
pub(super) enum Report {
    /// The command was started.
    Started,
    /// The command could not be started.
    Failed(io::Error),
    /// The command has ended. The monitor still runs, since its end would discard unread output of the
    /// pseudo-terminal.
    Ended(ExitStatus),
    /// The monitor has ended without a report.
    Gone,
}

/// Returns the command that starts the monitor. `name` is the name of the monitored command, and `terminal` its
/// pseudo-terminal.
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

/// Returns the path of the program of this process. On Linux, it stays valid if another version replaces the file.
fn this_program() -> io::Result<PathBuf> {
    if cfg!(target_os = "linux") { Ok("/proc/self/exe".into()) } else { current_exe() }
}

/// Restarts this program in the same process, with the same arguments. Returns only if the system refuses.
///
/// This ends all other threads: a thread that reads standard input would take input that is meant for a command.
pub fn restart() {
    if let Ok(program) = this_program() {
        let mut words = args_os();
        let name = words.next().unwrap_or_default();
        let _ = Command::new(program).arg0(name).args(words).exec();
    }
}

/// Reads the reports of the monitor.
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

/// Runs the monitor or the launcher if this process was started as one, and then ends the process. Otherwise returns
/// at once.
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

/// Brings this process to the foreground of the terminal, and becomes the command. Returns only on failure, and then
/// writes the error number to standard output.
fn launch(mut command: Command, terminal: &CString, around_spawn: AroundSpawn) {
    // The command does not inherit this descriptor.
    let Ok(report) = fcntl_dupfd_cloexec(io::stdout(), 3) else { return };
    let mut become_command = || {
        let terminal = open_terminal(terminal)?;
        // Otherwise the system would stop a background process that brings itself to the foreground. The command
        // starts without blocked signals.
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
    // Only the command uses these streams.
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
                    // Waits until the first process has read everything and has ended.
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
