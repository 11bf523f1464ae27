//! Runs a command on Unix, with or without masking its output.

use super::monitor::{self, Report};
use super::relay::{AFTERMATH, LAST_PARTS, Next, SILENCE, Source, relay};
use super::stand_in::{Change, OF_A_TERMINAL, Original, end_like, listen, stop};
use super::terminal::{Pty, Terminal};
use crate::process::program::{AroundSpawn, once};
use keymint_mask::Forms;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::{Errno, read};
use signal_hook::consts::signal::{SIGCHLD, SIGCONT, SIGINT, SIGQUIT, SIGWINCH};
use std::convert::Infallible;
use std::ffi::OsStr;
use std::io::{self, IsTerminal, PipeReader, PipeWriter};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::{Arc, mpsc};
use std::thread::{Builder, JoinHandle};

/// Replaces this process with the command, which keeps the process id, the terminal and the signals.
pub(super) fn replace_by(
    mut command: Command,
    name: &OsStr,
    around_spawn: AroundSpawn,
) -> io::Result<Infallible> {
    once(around_spawn, || Err(command.arg0(name).exec()))
}

/// Runs the command as a child process, and masks its output.
pub(super) fn run(
    command: Command,
    name: &OsStr,
    forms: &Arc<Forms>,
    around_spawn: AroundSpawn,
) -> io::Result<Infallible> {
    match Terminal::of_stdout() {
        Some(terminal) => at_the_terminal(terminal, &command, name, forms, around_spawn),
        None => beside_the_terminal(command, name, forms, around_spawn),
    }
}

/// Runs the command in this session and job, with the real keyboard. Only the output streams that are terminals
/// become a pseudo-terminal.
fn beside_the_terminal(
    mut command: Command,
    name: &OsStr,
    forms: &Arc<Forms>,
    around_spawn: AroundSpawn,
) -> io::Result<Infallible> {
    let has_terminal = [io::stdout().is_terminal(), io::stderr().is_terminal()];
    let pty = has_terminal.contains(&true).then(|| Pty::open()?.without_translation()).transpose()?;
    let stream = |is_terminal| match &pty {
        Some(pty) if is_terminal => Ok::<_, io::Error>(pty.terminal.try_clone()?.into()),
        _ => Ok(Stdio::piped()),
    };
    command.arg0(name).stdout(stream(has_terminal[0])?).stderr(stream(has_terminal[1])?);
    let mut signals = listen(&[SIGWINCH])?;
    let mut child = once(around_spawn, || command.spawn())?;
    drop(command);
    let original = Original::of(&child);
    forget_stdin();

    let mut relays = Relays::new(forms)?;
    if let Some(pty) = &pty {
        relays.start(pty.control.try_clone()?, !has_terminal[0])?;
    }
    if let Some(stdout) = child.stdout.take() {
        relays.start(stdout.into(), false)?;
    }
    if let Some(stderr) = child.stderr.take() {
        relays.start(stderr.into(), true)?;
    }
    for signal in signals.forever() {
        match (signal, &pty) {
            (SIGCHLD, _) => match original.change() {
                Some(Change::Ended(status)) => {
                    drop(pty);
                    relays.end();
                    end_like(status)
                }
                Some(Change::Stopped) => stop(),
                None => {}
            },
            // The command already received this signal, but finds the new size only now.
            (SIGWINCH, Some(pty)) => {
                pty.resize();
                original.send(signal);
            }
            (SIGWINCH, None) => {}
            // A signal that was typed at the terminal reaches the command directly.
            (SIGINT | SIGQUIT, _) if is_in_the_foreground() => {}
            _ => original.send(signal),
        }
    }
    Err(io::Error::other("the system sends no more signals"))
}

/// Returns whether this session has a terminal, with this process in its foreground.
fn is_in_the_foreground() -> bool {
    crate::process::terminal::is_ours()
}

/// An event in the process that relays a terminal.
enum Event {
    Signal(i32),
    Report(Report),
}

/// Runs the command in its own session on a pseudo-terminal, with a monitor between this process and the command.
fn at_the_terminal(
    terminal: Terminal,
    command: &Command,
    name: &OsStr,
    forms: &Arc<Forms>,
    around_spawn: AroundSpawn,
) -> io::Result<Infallible> {
    let pty = Pty::open()?;
    terminal.prepare(&pty)?;
    let mut signals = listen(&OF_A_TERMINAL)?;
    let mut monitor = monitor::command(command, name, &pty.path)?;
    monitor.stdout(Stdio::piped());
    if !io::stderr().is_terminal() {
        monitor.stderr(Stdio::piped());
    }
    let mut child = once(around_spawn, || monitor.spawn())?;
    let original = Original::of(&child);
    forget_stdin();

    let mut reports = monitor::Reports::of(child.stdout.take().expect("it is piped"));
    match reports.next() {
        Report::Started => {}
        Report::Failed(error) => return Err(error),
        Report::Ended(_) | Report::Gone => return Err(io::Error::other("its monitor ended")),
    }
    terminal.pass_everything_on();
    let mut relays = Relays::new(forms)?;
    relays.start(pty.control.try_clone()?, false)?;
    if let Some(stderr) = child.stderr.take() {
        relays.start(stderr.into(), true)?;
    }
    let (terminal, keys) = (Arc::new(terminal), pty.control.try_clone()?);
    let keyboard = Arc::clone(&terminal);
    Builder::new().spawn(move || keyboard.pass_on_keys(&keys))?;
    let (sender, events) = mpsc::channel();
    let report = sender.clone();
    Builder::new().spawn(move || report.send(Event::Report(reports.next())))?;
    Builder::new()
        .spawn(move || signals.forever().all(|signal| sender.send(Event::Signal(signal)).is_ok()))?;

    for event in events {
        match event {
            Event::Signal(SIGCHLD) => {
                if let Some(Change::Stopped) = original.change() {
                    let restored = terminal.restore();
                    stop();
                    drop(restored);
                    pty.resize();
                    original.send(SIGCONT);
                }
            }
            Event::Signal(SIGWINCH | SIGCONT) => pty.resize(),
            Event::Signal(signal) => original.send(signal),
            Event::Report(report) => {
                drop(pty);
                relays.end();
                let _restored = terminal.restore();
                let status = match report {
                    Report::Ended(status) => status,
                    _ => child.wait()?,
                };
                end_like(status)
            }
        }
    }
    Err(io::Error::other("the system sends no more signals"))
}

/// Replaces standard input, which only the command uses. If the command also closes it, the writer sees that there is
/// no reader.
fn forget_stdin() {
    if let Ok(null) = std::fs::File::open("/dev/null") {
        let _ = rustix::stdio::dup2_stdin(null);
    }
}

/// The size of a pipe that lets the command continue while this process is busy, in bytes.
#[cfg(any(target_os = "linux", target_os = "android"))]
const PIPE: usize = 1 << 20;

/// The threads that relay the output of the command.
struct Relays<'a> {
    forms: &'a Arc<Forms>,
    relays: Vec<JoinHandle<()>>,
    /// A pipe whose end signals to the threads that the command has ended.
    over: (PipeReader, PipeWriter),
}

impl<'a> Relays<'a> {
    fn new(forms: &'a Arc<Forms>) -> io::Result<Self> {
        Ok(Self { forms, relays: Vec::new(), over: io::pipe()? })
    }

    fn start(&mut self, stream: OwnedFd, is_stderr: bool) -> io::Result<()> {
        enlarge(&stream);
        let source = Stream { stream, over: Some(self.over.0.try_clone()?), left: LAST_PARTS };
        if !is_stderr {
            enlarge(io::stdout());
        }
        let forms = Arc::clone(self.forms);
        let show = move |text: &[u8]| match is_stderr {
            true => keymint_terminal::write_all(io::stderr(), text),
            false => keymint_terminal::write_all(io::stdout(), text),
        };
        self.relays.push(Builder::new().spawn(move || relay(source, &forms, show))?);
        Ok(())
    }

    /// Waits until all output that the command wrote before its end is relayed.
    fn end(self) {
        drop(self.over);
        for relay in self.relays {
            let _ = relay.join();
        }
    }
}

/// Enlarges a pipe so that both of its ends can work at the same time. The system may refuse. Other streams have a
/// fixed size.
fn enlarge(stream: impl AsFd) {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    if rustix::pipe::fcntl_getpipe_size(&stream).is_ok_and(|size| size < PIPE) {
        let _ = rustix::pipe::fcntl_setpipe_size(stream, PIPE);
    }
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let _ = stream;
}

/// An output stream of the command.
struct Stream {
    stream: OwnedFd,
    /// `None` after the command has ended.
    over: Option<PipeReader>,
    /// The number of parts that are still relayed after the command has ended.
    left: usize,
}

impl Source for Stream {
    fn next(&mut self, part: &mut [u8], until_silence: bool) -> Next {
        loop {
            let limit = if self.over.is_none() { Some(AFTERMATH) } else { until_silence.then_some(SILENCE) };
            let limit = limit.and_then(|limit| limit.try_into().ok());
            let mut ready = vec![PollFd::new(&self.stream, PollFlags::IN)];
            ready.extend(self.over.as_ref().map(|over| PollFd::new(over, PollFlags::IN)));
            let count = poll(&mut ready, limit.as_ref());
            let has_part = !ready[0].revents().is_empty();
            let has_ended = ready.get(1).is_some_and(|over| !over.revents().is_empty());
            match count {
                Ok(0) if self.over.is_some() => return Next::Silence,
                Ok(0) => return Next::End,
                Err(Errno::INTR) => continue,
                Err(_) => return Next::End,
                Ok(_) => {}
            }
            // Checked even if there is a part, because background processes may write without a pause.
            if has_ended {
                self.over = None;
            }
            if !has_part {
                continue;
            }
            if self.left == 0 {
                return Next::End;
            }
            self.left -= usize::from(self.over.is_none());
            match read(&self.stream, &mut *part) {
                Ok(length @ 1..) => return Next::Part(length),
                Err(Errno::INTR | Errno::AGAIN) => {}
                // A pseudo-terminal reports its end as an error.
                Ok(_) | Err(_) => return Next::End,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::relay::PART;
    use super::*;

    #[test]
    fn a_stream_that_always_has_a_part_ends_with_its_command() {
        let (over, running) = io::pipe().unwrap();
        let stream = std::fs::File::open("/dev/zero").unwrap().into();
        let mut source = Stream { stream, over: Some(over), left: LAST_PARTS };
        let mut part = vec![0; PART];
        let mut is_part = || matches!(source.next(&mut part, false), Next::Part(PART));
        assert!((0..2 * LAST_PARTS).all(|_| is_part()), "it ends before the command");
        drop(running);
        assert_eq!((0..2 * LAST_PARTS).filter(|_| is_part()).count(), LAST_PARTS);
    }
}
