//! Masking the output of a command on a system without process groups and signals, through pipes.

use super::relay::{AFTERMATH, LAST_PARTS, Next, PART, SILENCE, Source, relay};
use crate::process::program::{AroundSpawn, once};
use keymint_mask::Forms;
use std::convert::Infallible;
use std::ffi::OsStr;
use std::io::{self, Read};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::Builder;
use zeroize::Zeroizing;

/// Runs the command until it ends, and ends this process with the same exit code.
pub(super) fn replace_by(
    mut command: Command,
    _name: &OsStr,
    around_spawn: AroundSpawn,
) -> io::Result<Infallible> {
    // Ctrl-C reaches each program of the console. This process ignores it and leaves the reaction to the command.
    #[cfg(windows)]
    let _ctrl_c = tokio::signal::windows::ctrl_c()?;
    let status = once(around_spawn, || command.status())?;
    std::process::exit(status.code().unwrap_or(1))
}

pub(super) fn run(
    mut command: Command,
    _name: &OsStr,
    forms: &Arc<Forms>,
    around_spawn: AroundSpawn,
) -> io::Result<Infallible> {
    #[cfg(windows)]
    let _ctrl_c = tokio::signal::windows::ctrl_c()?;
    let mut child = once(around_spawn, || command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn())?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let (stdout, stdout_over) = Parts::of(stdout.expect("it is piped"))?;
    let (stderr, stderr_over) = Parts::of(stderr.expect("it is piped"))?;
    let (of_stdout, of_stderr) = (Arc::clone(forms), Arc::clone(forms));
    let relays = [
        Builder::new().spawn(move || {
            relay(stdout, &of_stdout, |text| keymint_terminal::write_all(io::stdout(), text))
        })?,
        Builder::new().spawn(move || {
            relay(stderr, &of_stderr, |text| keymint_terminal::write_all(io::stderr(), text))
        })?,
    ];
    let status = child.wait()?;
    for over in [stdout_over, stderr_over] {
        let _ = over.send(None);
    }
    for relay in relays {
        let _ = relay.join();
    }
    std::process::exit(status.code().unwrap_or(1))
}

/// The parts of a stream, as the reading thread sends them. `None` means that the command has ended.
struct Parts {
    parts: Receiver<Option<Zeroizing<Vec<u8>>>>,
    is_over: bool,
    /// The number of parts that are still relayed after the command has ended.
    left: usize,
}

impl Parts {
    fn of(
        mut stream: impl Read + Send + 'static,
    ) -> io::Result<(Self, SyncSender<Option<Zeroizing<Vec<u8>>>>)> {
        let (sender, parts) = sync_channel(1);
        let over = sender.clone();
        Builder::new().spawn(move || {
            let mut part = Zeroizing::new(vec![0; PART]);
            while let Ok(length @ 1..) = stream.read(&mut part) {
                if sender.send(Some(Zeroizing::new(part[..length].to_vec()))).is_err() {
                    break;
                }
            }
        })?;
        Ok((Self { parts, is_over: false, left: LAST_PARTS }, over))
    }
}

impl Source for Parts {
    fn next(&mut self, part: &mut [u8], until_silence: bool) -> Next {
        loop {
            let limit = if self.is_over { Some(AFTERMATH) } else { until_silence.then_some(SILENCE) };
            let received = match limit {
                Some(limit) => self.parts.recv_timeout(limit),
                None => self.parts.recv().map_err(RecvTimeoutError::from),
            };
            match received {
                Ok(Some(read)) if self.left > 0 => {
                    self.left -= usize::from(self.is_over);
                    part[..read.len()].copy_from_slice(&read);
                    return Next::Part(read.len());
                }
                Ok(None) => self.is_over = true,
                Err(RecvTimeoutError::Timeout) if !self.is_over => return Next::Silence,
                _ => return Next::End,
            }
        }
    }
}
