//! The memory of a run while a command takes its time with the key.

#![cfg(target_os = "linux")]

use crate::support::{Run, create};
use keymint_sandbox::{Consent, Scenario};
use keymint_testkit::{Relay, Scripts, authority, skipped, until};
use std::collections::HashSet;
use std::fs::{self, File};
use std::net::Ipv4Addr;
use std::os::unix::fs::FileExt;

/// A secret is found by pieces of this many bytes, since freed memory may be partly reused.
const PIECE: usize = 16;

/// Takes the key when the file `go` exists.
const SLOW: &str = "echo >begun; while [ ! -e go ]; do :; done; cat >/dev/null";

/// The writable memory of a process: heap, stacks, and data of the program and its libraries.
struct Memory(Vec<String>);

impl Memory {
    /// Reads the memory. Returns `None` if this process may not read it.
    fn of(process: u32) -> Option<Self> {
        let memory = File::open(format!("/proc/{process}/mem")).ok()?;
        let maps = fs::read_to_string(format!("/proc/{process}/maps")).ok()?;
        let writable = maps.lines().filter_map(|line| {
            let (range, rest) = line.split_once(' ')?;
            let (start, end) = range.split_once('-').filter(|_| rest.starts_with("rw"))?;
            let [start, end] = [start, end].map(|address| u64::from_str_radix(address, 16).unwrap());
            let mut bytes = vec![0; (end - start).try_into().unwrap()];
            memory.read_exact_at(&mut bytes, start).ok()?;
            Some(String::from_utf8_lossy(&bytes).into_owned())
        });
        Some(Self(writable.collect()))
    }

    fn has(&self, text: &str) -> bool {
        self.0.iter().any(|region| region.contains(text))
    }

    /// The pieces of these secrets that are in memory, each with its secret.
    fn find<'a>(&self, secrets: &'a HashSet<String>) -> Vec<(&'a str, &'a str)> {
        let pieces = secrets.iter().flat_map(|secret| {
            let starts = (0..=secret.len().saturating_sub(PIECE)).step_by(PIECE);
            starts.map(|start| (&secret[start..secret.len().min(start + PIECE)], secret.as_str()))
        });
        pieces.filter(|(piece, _)| self.has(piece)).collect()
    }
}

/// Checks the memory of a run while the script has its key, and lets the run end.
async fn has_only_the_key_in_memory(run: Run, script: &Scripts, revokes: bool) {
    until(|| script.path("begun").exists()).await;
    if revokes {
        run.requested("/oauth/revoke").await;
    }
    let process = run.process();
    if Memory::of(process).is_none() {
        return skipped("the memory of another process may not be read here");
    }
    let key = run.sandbox.keys()[0].value.clone();
    let mut secrets: HashSet<_> = run.secrets().into_iter().collect();
    secrets.remove(&key);
    assert!(secrets.len() >= 6, "{secrets:?}");
    // The connections end a moment after they are dropped.
    until(|| Memory::of(process).unwrap().find(&secrets).is_empty()).await;
    assert!(Memory::of(process).unwrap().has(&key));
    fs::write(script.path("go"), "").unwrap();
    let ended = run.finish().await;
    assert_eq!(ended.code, 0, "{}", ended.stderr);
}

#[tokio::test]
async fn of_all_secrets_only_the_key_is_in_memory_while_it_is_delivered() {
    for args in [&[][..], &["--no-revoke"]] {
        let script = Scripts::with("script", SLOW);
        let start = create(Scenario::ready()).args(["--pipe-to"]).args([script.path("script")]);
        let mut run = start.args(args).start().await;
        run.browser(Consent::Allow).await;
        has_only_the_key_in_memory(run, &script, args.is_empty()).await;
    }
}

#[tokio::test]
async fn the_tls_library_keeps_no_secret_in_memory_either() {
    let (authority, address) = (authority("known"), Ipv4Addr::LOCALHOST.into());
    let (issuer, api) = (Relay::start(address, &authority).await, Relay::start(address, &authority).await);
    let script = Scripts::with("script", SLOW);
    let bundle = script.path("bundle.pem");
    fs::write(&bundle, authority.pem()).unwrap();
    let start = create(Scenario::ready()).args(["--pipe-to"]).args([script.path("script")]);
    let start = start.args(["--ca-file"]).args([bundle]);
    let mut run = start.env("KEYMINT_ISSUER", &issuer.url).env("KEYMINT_API_BASE", &api.url).start().await;
    issuer.lead_to(run.sandbox.issuer());
    api.lead_to(run.sandbox.api_base());
    let url = run.url().await.replace(&issuer.url, run.sandbox.issuer());
    run.browser_at(&url, Consent::Allow);
    has_only_the_key_in_memory(run, &script, true).await;
}
