//! The measurement of one sign-in.

use crate::network::{self, Network};
use crate::{Outcome, reference};
use keymint_sandbox::{Consent, Scenario};
use keymint_testkit::{Machine, Running};
use serde_json::Value;
use std::time::{Duration, Instant};
use std::{env, fs};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::net::unix::pipe::Receiver;
use tokio::time::sleep;

/// The measured implementation.
#[derive(Clone, Copy)]
pub(crate) enum Who<'a> {
    Keymint(&'a str),
    Reference,
}

/// The scenario of the servers, and the network to them.
#[derive(Clone)]
pub(crate) struct Conditions {
    pub(crate) scenario: Scenario,
    /// `None` for servers on this machine.
    pub(crate) network: Option<Network>,
    /// The time that the user spends in the browser.
    pub(crate) user_delay: Duration,
}

/// The measured times of a sign-in.
#[derive(Clone, Copy)]
pub(crate) struct Measured {
    pub(crate) start_to_url: Duration,
    pub(crate) callback_to_key: Duration,
    pub(crate) login_to_key: Duration,
}

/// The resources that a process used.
#[derive(Clone, Copy)]
pub(crate) struct Spent {
    /// The processor time of all threads.
    pub(crate) busy: Duration,
    /// The peak of the resident memory, in bytes.
    pub(crate) memory: u64,
}

/// A running program, and its machine.
struct Run {
    user_delay: Duration,
    machine: Machine,
    started: Instant,
    program: Running,
    stdout: Lines<BufReader<Receiver>>,
}

/// Measures the times of a sign-in, from the start of the program to the key.
pub(crate) async fn sign_in(who: Who<'_>, conditions: Conditions) -> Outcome<Measured> {
    let mut run = Run::start(who, conditions).await?;
    let (mut url, mut callback, mut login) = (None, None, None);
    let key = loop {
        tokio::select! {
            key = run.stdout.next_line() => break key?.ok_or("no key")?,
            Some(line) = run.program.next_line() => {
                let event: Value = serde_json::from_str(&line)?;
                match event["event"].as_str() {
                    Some("authorize_url") => {
                        url = Some(run.started.elapsed());
                        run.open(&event);
                    }
                    Some("callback_received") => callback = Some(run.started.elapsed()),
                    Some("signed_in") => login = Some(run.started.elapsed()),
                    Some("error") => return Err(line.into()),
                    _ => {}
                }
            }
        }
    };
    let done = run.started.elapsed();
    let sandbox = &run.machine.sandbox;
    if !sandbox.keys().iter().any(|made| made.value == key) || !sandbox.violations().is_empty() {
        return Err(format!("not a good run: {:?}", sandbox.violations()).into());
    }
    run.program.finish().await;
    Ok(Measured {
        start_to_url: url.ok_or("no URL")?,
        callback_to_key: done - callback.ok_or("no callback")?,
        login_to_key: done - login.ok_or("no login")?,
    })
}

/// Returns the resources that a sign-in used, shortly before its end. The event `awaited` must occur. The function
/// polls every millisecond, which would distort a measurement of time.
pub(crate) async fn spent(who: Who<'_>, scenario: Scenario, awaited: &str) -> Outcome<Spent> {
    let conditions = Conditions { scenario, network: None, user_delay: Duration::ZERO };
    let mut run = Run::start(who, conditions).await?;
    let (mut last, mut came) = (None, false);
    loop {
        last = run.spent().or(last);
        tokio::select! {
            line = run.program.next_line() => {
                let Some(line) = line else { break };
                let event: Value = serde_json::from_str(&line)?;
                if event["event"] == "authorize_url" {
                    run.open(&event);
                }
                came |= event["event"] == awaited;
            }
            () = sleep(Duration::from_millis(1)) => {}
        }
    }
    run.program.finish().await;
    last.filter(|_| came).ok_or_else(|| format!("there was no event {awaited}").into())
}

impl Run {
    async fn start(who: Who<'_>, Conditions { scenario, network, user_delay }: Conditions) -> Outcome<Self> {
        let path = match who {
            Who::Keymint(program) => program.into(),
            Who::Reference => env::current_exe()?,
        };
        let machine = Machine::start(path, scenario).await;
        let way_to = |server: &str| {
            network.map_or_else(|| Ok(server.to_owned()), |network| network::before(server, network))
        };
        let (issuer, api_base) = (way_to(machine.sandbox.issuer())?, way_to(machine.sandbox.api_base())?);
        let port = machine.port.to_string();
        let launch = match who {
            Who::Keymint(_) => {
                let launch = machine.keymint(["create", "--no-browser", "--events"]);
                launch.args(["--issuer", &issuer, "--api-base", &api_base])
            }
            Who::Reference => machine.keymint([reference::COMMAND, &issuer, &api_base, &port]),
        };
        let (reader, writer) = std::io::pipe()?;
        let stdout = BufReader::new(Receiver::from_owned_fd(reader.into())?).lines();
        let started = Instant::now();
        let program = launch.stdout(writer).spawn();
        Ok(Self { user_delay, machine, started, program, stdout })
    }

    /// Signs in as the user, at the URL of the event.
    fn open(&self, event: &Value) {
        let (url, user_delay) = (event["url"].as_str().unwrap_or_default().to_owned(), self.user_delay);
        tokio::spawn(async move {
            sleep(user_delay).await;
            // The program reports a failure.
            let _ = keymint_sandbox::sign_in(&url, Consent::Allow).await;
        });
    }

    /// Returns the resources that the process has used so far, if it is still running.
    fn spent(&self) -> Option<Spent> {
        let mut busy = Duration::ZERO;
        for thread in fs::read_dir(format!("/proc/{}/task", self.program.process())).ok()? {
            let times = fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
            busy += Duration::from_nanos(times.split(' ').next()?.parse().ok()?);
        }
        Some(Spent { busy, memory: self.program.peak_memory()? })
    }
}
