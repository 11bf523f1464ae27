//! One sign-in under a stop-watch.

use crate::{Outcome, reference, relay};
use keymint_sandbox::{Choice, Sandbox, Scenario, visit};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

/// Who is measured.
#[derive(Clone, Copy)]
pub(crate) enum Who<'a> {
    Keymint(&'a str),
    Reference,
}

/// What the servers are like.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) scenario: Scenario,
    /// Before the first byte of a new connection comes through.
    pub(crate) connecting: Duration,
    /// How long the person is in the browser.
    pub(crate) person: Duration,
}

#[derive(Clone, Copy)]
pub(crate) struct Measured {
    pub(crate) start_to_url: Duration,
    pub(crate) callback_to_key: Duration,
    pub(crate) login_to_key: Duration,
    /// Of the processors, by all threads.
    pub(crate) busy: Duration,
    /// At its peak, in bytes.
    pub(crate) memory: u64,
}

pub(crate) async fn sign_in(who: Who<'_>, world: World) -> Outcome<Measured> {
    let sandbox = Sandbox::start(world.scenario).await?;
    let (issuer, api_base) = if world.connecting.is_zero() {
        (sandbox.issuer().to_owned(), sandbox.api_base().to_owned())
    } else {
        let relay = |server| relay::before(server, world.connecting);
        (relay(sandbox.issuer()).await?, relay(sandbox.api_base()).await?)
    };
    let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port().to_string();
    let home = tempfile::tempdir()?;
    let mut command = match who {
        Who::Keymint(program) => {
            let mut command = Command::new(program);
            command.args([
                "create",
                "--no-browser",
                "--events",
                "--issuer",
                &issuer,
                "--api-base",
                &api_base,
            ]);
            command.args(["--callback-port", &port]);
            command
        }
        Who::Reference => {
            let mut command = Command::new(std::env::current_exe()?);
            command.args([reference::COMMAND, &issuer, &api_base, &port]);
            command
        }
    };
    command.env_clear().env("HOME", home.path()).env("USER", "bench").stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);

    let started = Instant::now();
    let mut child = command.spawn()?;
    let mut stdout = BufReader::new(child.stdout.take().ok_or("no output")?).lines();
    let mut stderr = BufReader::new(child.stderr.take().ok_or("no events")?).lines();
    let (mut url, mut callback, mut login, mut browser) = (None, None, None, None);
    let process = child.id().ok_or("it has ended")?;
    let mut last = None;
    let key = loop {
        // It ends soon after the key, so what counts is the last that was seen of it.
        last = spent(process).ok().or(last);
        tokio::select! {
            key = stdout.next_line() => break key?.ok_or("no key")?,
            Ok(Some(line)) = stderr.next_line() => {
                let event: serde_json::Value = serde_json::from_str(&line)?;
                match event["event"].as_str() {
                    Some("authorize_url") => {
                        url = Some(started.elapsed());
                        let url = event["url"].as_str().ok_or("no address")?.to_owned();
                        browser = Some(tokio::spawn(async move {
                            tokio::time::sleep(world.person).await;
                            visit(&url, Choice::Continue).await
                        }));
                    }
                    Some("callback_received") => callback = Some(started.elapsed()),
                    Some("signed_in") => login = Some(started.elapsed()),
                    Some("error") => return Err(line.into()),
                    _ => {}
                }
            }
        }
    };
    let done = started.elapsed();
    let (busy, memory) = spent(process).ok().or(last).ok_or("it was never seen")?;
    if !sandbox.keys().iter().any(|made| made.value == key) || !sandbox.violations().is_empty() {
        return Err(format!("not a good run: {:?}", sandbox.violations()).into());
    }
    while let Ok(Some(_)) = stderr.next_line().await {}
    child.wait().await?;
    if let Some(browser) = browser {
        browser.abort();
    }
    Ok(Measured {
        start_to_url: url.ok_or("no address")?,
        callback_to_key: done - callback.ok_or("no callback")?,
        login_to_key: done - login.ok_or("no login")?,
        busy,
        memory,
    })
}

/// The processors' time and the peak of memory of a process that still runs.
fn spent(process: u32) -> Outcome<(Duration, u64)> {
    let process = format!("/proc/{process}");
    let process = Path::new(&process);
    let status = std::fs::read_to_string(process.join("status"))?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no peak of memory")?;
    let memory = 1024 * peak.trim().trim_end_matches(" kB").parse::<u64>()?;
    let mut busy = Duration::ZERO;
    for thread in std::fs::read_dir(process.join("task"))? {
        let times = std::fs::read_to_string(thread?.path().join("schedstat"))?;
        busy += Duration::from_nanos(times.split(' ').next().unwrap_or_default().parse()?);
    }
    Ok((busy, memory))
}
