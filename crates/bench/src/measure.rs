//! One sign-in under a stop-watch.

use crate::network::{self, Network};
use crate::{Outcome, reference};
use keymint_sandbox::{Consent, Sandbox, Scenario};
use serde_json::Value;
use std::process::Stdio;
use std::time::{Duration, Instant};
use std::{env, fs};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, ChildStdout, Command};
use tokio::task::JoinHandle;
use tokio::time::sleep;

/// Who is measured.
#[derive(Clone, Copy)]
pub(crate) enum Who<'a> {
    Keymint(&'a str),
    Reference,
}

/// What the servers are like, and the way to them.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) scenario: Scenario,
    /// None: they are on this machine.
    pub(crate) network: Option<Network>,
    /// How long the person is in the browser.
    pub(crate) person: Duration,
}

#[derive(Clone, Copy)]
pub(crate) struct Measured {
    pub(crate) start_to_url: Duration,
    pub(crate) callback_to_key: Duration,
    pub(crate) login_to_key: Duration,
}

/// What a process has used up.
#[derive(Clone, Copy)]
pub(crate) struct Spent {
    /// Of the processors' time, by all its threads.
    pub(crate) busy: Duration,
    /// Of memory at its peak, in bytes.
    pub(crate) memory: u64,
}

/// A program on its way, and its world.
struct Run {
    person: Duration,
    sandbox: Sandbox,
    _home: TempDir,
    started: Instant,
    child: Child,
    stdout: Lines<BufReader<ChildStdout>>,
    stderr: Lines<BufReader<ChildStderr>>,
    browser: Option<JoinHandle<()>>,
}

/// From the start of the program to its key.
pub(crate) async fn sign_in(who: Who<'_>, world: World) -> Outcome<Measured> {
    let mut run = Run::start(who, world).await?;
    let (mut url, mut callback, mut login) = (None, None, None);
    let key = loop {
        tokio::select! {
            key = run.stdout.next_line() => break key?.ok_or("no key")?,
            Ok(Some(line)) = run.stderr.next_line() => {
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
    if !run.sandbox.keys().iter().any(|made| made.value == key) || !run.sandbox.violations().is_empty() {
        return Err(format!("not a good run: {:?}", run.sandbox.violations()).into());
    }
    run.end().await?;
    Ok(Measured {
        start_to_url: url.ok_or("no address")?,
        callback_to_key: done - callback.ok_or("no callback")?,
        login_to_key: done - login.ok_or("no login")?,
    })
}

/// What a sign-in uses up, in which this event comes. It is looked at every millisecond, which would
/// spoil what a stop-watch says.
pub(crate) async fn spent(who: Who<'_>, scenario: Scenario, awaited: &str) -> Outcome<Spent> {
    let world = World { scenario, network: None, person: Duration::ZERO };
    let mut run = Run::start(who, world).await?;
    let (mut last, mut came) = (None, false);
    loop {
        last = run.spent().ok().or(last);
        tokio::select! {
            line = run.stderr.next_line() => {
                let Some(line) = line? else { break };
                let event: Value = serde_json::from_str(&line)?;
                if event["event"] == "authorize_url" {
                    run.open(&event);
                }
                came |= event["event"] == awaited;
            }
            () = sleep(Duration::from_millis(1)) => {}
        }
    }
    run.end().await?;
    last.filter(|_| came).ok_or_else(|| format!("there was no event {awaited}").into())
}

impl Run {
    async fn start(who: Who<'_>, World { scenario, network, person }: World) -> Outcome<Self> {
        let sandbox = Sandbox::start(scenario).await?;
        let way_to = |server: &str| {
            network.map_or_else(|| Ok(server.to_owned()), |network| network::before(server, network))
        };
        let (issuer, api_base) = (way_to(sandbox.issuer())?, way_to(sandbox.api_base())?);
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port().to_string();
        let home = tempfile::tempdir()?;
        let mut command = match who {
            Who::Keymint(program) => {
                let mut command = Command::new(program);
                command.args(["create", "--no-browser", "--events", "--callback-port", &port]);
                command.args(["--issuer", &issuer, "--api-base", &api_base]);
                command
            }
            Who::Reference => {
                let mut command = Command::new(env::current_exe()?);
                command.args([reference::COMMAND, &issuer, &api_base, &port]);
                command
            }
        };
        command.env_clear().env("HOME", home.path()).env("USER", "bench").stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);

        let started = Instant::now();
        let mut child = command.spawn()?;
        let stdout = BufReader::new(child.stdout.take().ok_or("no output")?).lines();
        let stderr = BufReader::new(child.stderr.take().ok_or("no events")?).lines();
        Ok(Self { person, sandbox, _home: home, started, child, stdout, stderr, browser: None })
    }

    /// The person signs in, at the address that an event tells.
    fn open(&mut self, event: &Value) {
        let (url, person) = (event["url"].as_str().unwrap_or_default().to_owned(), self.person);
        self.browser = Some(tokio::spawn(async move {
            sleep(person).await;
            // What went wrong, the program says.
            let _ = keymint_sandbox::sign_in(&url, Consent::Allow).await;
        }));
    }

    /// What the process has used up, while it still runs.
    fn spent(&self) -> Outcome<Spent> {
        let process = format!("/proc/{}", self.child.id().ok_or("it has ended")?);
        let status = fs::read_to_string(format!("{process}/status"))?;
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no peak of memory")?;
        let memory = 1024 * peak.trim().trim_end_matches(" kB").parse::<u64>()?;
        let mut busy = Duration::ZERO;
        for thread in fs::read_dir(format!("{process}/task"))? {
            let times = fs::read_to_string(thread?.path().join("schedstat"))?;
            busy += Duration::from_nanos(times.split(' ').next().unwrap_or_default().parse()?);
        }
        Ok(Spent { busy, memory })
    }

    async fn end(mut self) -> Outcome<()> {
        while let Ok(Some(_)) = self.stderr.next_line().await {}
        self.child.wait().await?;
        if let Some(browser) = self.browser {
            browser.abort();
        }
        Ok(())
    }
}
