//! Ends the program between any two steps, as a power cut would, with each destination: the key is
//! where it was wanted, or in the recovery folder, or there is none, or the next run says that it
//! may exist.

#![expect(clippy::unwrap_used, reason = "a test may panic")]
#![cfg(target_os = "linux")]

#[path = "../program.rs"]
mod program;

use crate::program::{free_port, keymint_under, watch};
use keymint_sandbox::{Choice, Sandbox, Scenario, visit};
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Stdio;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::Command;

/// Where the program can be ended, in the order in which a run gets there.
const BORDERS: [&str; 10] = [
    "started",
    "prepared",
    "callback",
    "written-down",
    "asked",
    "answered",
    "known",
    "kept",
    "delivered",
    "noted",
];

/// Where the key is wanted.
struct Place {
    name: &'static str,
    args: &'static [&'static str],
    /// What of the key is there, in this home, with this on standard output.
    holds: fn(&Path, &str) -> String,
}

const PLACES: [Place; 6] = [
    Place { name: "standard output", args: &[], holds: |_, stdout| stdout.to_owned() },
    Place { name: "a full disk", args: &["--print"], holds: |_, _| String::new() },
    Place { name: "a new file", args: &["--env-file", ".env"], holds: |home, _| text(home, ".env") },
    Place {
        name: "a file with other lines",
        args: &["--env-file", ".env"],
        holds: |home, _| {
            let text = text(home, ".env");
            text.strip_prefix(OTHER_LINES).expect("the other lines are whole").to_owned()
        },
    },
    Place { name: "a command", args: &["--pipe-to", "tee taken"], holds: |home, _| text(home, "taken") },
    Place {
        name: "a file and a full disk",
        args: &["--env-file", ".env", "--print"],
        holds: |home, _| text(home, ".env"),
    },
];

/// What is in a dotenv file already.
const OTHER_LINES: &str = "# mine\nPORT=8080\n";

/// The whole of a file, or nothing where there is none.
fn text(home: &Path, name: &str) -> String {
    fs::read_to_string(home.join(name)).unwrap_or_default()
}

fn private_file(home: &TempDir, name: &str, text: &str) {
    let path = home.path().join(name);
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
}

/// What became of one run.
struct Left {
    was_killed: bool,
    keys: Vec<String>,
    place: String,
    kept: Vec<String>,
    told: bool,
}

async fn run(place: &Place, border: &str) -> Left {
    let sandbox = Sandbox::start(Scenario::ready()).await.unwrap();
    let home = tempfile::tempdir().unwrap();
    let mut program = keymint(&home, &sandbox);
    program.args(place.args).env("KEYMINT_FAIL_POINT", border);
    match place.name {
        "a file with other lines" => private_file(&home, ".env", OTHER_LINES),
        "a command" => private_file(&home, "taken", ""),
        _ => {}
    }
    if place.name.ends_with("a full disk") {
        program.stdout(fs::OpenOptions::new().write(true).open("/dev/full").unwrap());
    }
    let mut child = program.spawn().unwrap();
    let mut stdout = child.stdout.take();
    let mut stderr = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut printed = String::new();
    let status = watch(async {
        while let Some(line) = stderr.next_line().await.unwrap() {
            if line.contains("/oauth/authorize?") {
                tokio::spawn(async move { visit(&line, Choice::Continue).await });
            }
        }
        if let Some(stdout) = &mut stdout {
            stdout.read_to_string(&mut printed).await.unwrap();
        }
        child.wait().await.unwrap()
    })
    .await;

    let keys: Vec<_> = sandbox.keys().into_iter().map(|key| key.value).collect();
    no_file_is_for_others(home.path());
    Left {
        was_killed: status.signal() == Some(9),
        keys,
        place: (place.holds)(home.path(), &printed),
        kept: kept(home.path()),
        told: next_run_tells(&home, &sandbox).await,
    }
}

fn keymint(home: &TempDir, sandbox: &Sandbox) -> Command {
    let mut program = keymint_under::<&str>(&[], home);
    program
        .args(["create", "--no-browser", "--callback-port", &free_port().to_string()])
        .env("KEYMINT_ISSUER", sandbox.issuer())
        .env("KEYMINT_API_BASE", sandbox.api_base())
        .env("TMPDIR", home.path())
        .current_dir(home.path());
    program
}

/// The whole content of each file in the recovery folder.
fn kept(home: &Path) -> Vec<String> {
    let files = fs::read_dir(home.join(".local/state/keymint/recovery"));
    let files = files.map(|files| files.map(|file| file.unwrap().path()).collect::<Vec<_>>());
    files.unwrap_or_default().iter().map(|path| fs::read_to_string(path).unwrap()).collect()
}

fn no_file_is_for_others(folder: &Path) {
    for entry in fs::read_dir(folder).unwrap() {
        let (path, metadata) = entry.map(|entry| (entry.path(), entry.metadata().unwrap())).unwrap();
        if metadata.is_dir() {
            no_file_is_for_others(&path);
        } else {
            assert_eq!(metadata.permissions().mode() & 0o077, 0, "{}", path.display());
        }
    }
}

/// Whether the next run says that a key may exist. It is ended before it asks for one.
async fn next_run_tells(home: &TempDir, sandbox: &Sandbox) -> bool {
    let mut child = keymint(home, sandbox).stdout(Stdio::piped()).spawn().unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut told = false;
    watch(async {
        while let Some(line) = stderr.next_line().await.unwrap() {
            told |= line.contains("an earlier run was cut short");
            if line.contains("/oauth/authorize?") {
                break;
            }
        }
        child.kill().await.unwrap();
    })
    .await;
    told
}

/// Each cell says where the key was found after the kill.
#[tokio::test]
async fn wherever_it_is_killed_no_key_is_lost() {
    let mut table = String::from("\nKilled at …, the key is …\n");
    for place in &PLACES {
        writeln!(table, "  {}", place.name).unwrap();
        for border in BORDERS {
            let left = run(place, border).await;
            let found = left.found(&format!("{}, {border}", place.name));
            let end = if left.was_killed { "" } else { " (it does not get there)" };
            writeln!(table, "    {border:<14}{found}{end}").unwrap();
        }
    }
    std::io::stderr().write_all(table.as_bytes()).unwrap();
}

impl Left {
    /// Where the key is, which must be somewhere, and nowhere in part.
    fn found(&self, cell: &str) -> &'static str {
        let Some(key) = self.keys.first() else {
            assert!(self.place.is_empty() && self.kept.is_empty(), "{cell}");
            return if self.told { "not there, and the next run says that it may be" } else { "not there" };
        };
        assert_eq!(self.keys.len(), 1, "{cell}");
        let whole = |text: &str| text.contains(key.as_str());
        let nothing_or_whole = |text: &String| whole(text) || !text.contains("sk-proj-");
        assert!(nothing_or_whole(&self.place) && self.kept.iter().all(nothing_or_whole), "{cell}");
        if whole(&self.place) {
            "where it was wanted"
        } else if self.kept.iter().any(|kept| whole(kept)) {
            "in the recovery folder"
        } else {
            assert!(self.told, "{cell}: a key is lost");
            "lost, and the next run says so"
        }
    }
}
