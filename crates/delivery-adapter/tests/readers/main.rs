//! Dotenv files to which a key was delivered, read by the programs that read such files.
//!
//! `scripts/test` installs the programs and names their directory in `KEYMINT_DOTENV_READERS`. Each program reads all
//! files in one process.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "the helpers of tests count as tests too")]

mod export;
mod files;

use keymint_delivery_adapter::{EnvFile, EnvFileErrorKind, Overwrite, VariableName, Warning};
use keymint_domain::{ApiKey, KeyDestination};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

const KEY: &str = "sk-proj-New_0123456789";

/// The value of the variable in each file, empty if the reader sees none.
type Values = Vec<String>;

/// A file to which keymint delivered the key, by its report.
struct Delivered {
    path: PathBuf,
    /// The text before the delivery.
    old: String,
    /// True if keymint warned that some readers take quotes or a comment for a part of the value.
    is_warned: bool,
}

#[tokio::test]
async fn every_reader_sees_the_key_in_a_thousand_generated_files_or_the_file_was_refused() {
    let count = std::env::var("KEYMINT_DOTENV_FILES").map_or(1000, |count| count.parse().unwrap());
    let mut runner = TestRunner::deterministic();
    let file = files::file();
    let texts = (0..count).map(|_| file.new_tree(&mut runner).unwrap().current());
    let directory = tempfile::tempdir().unwrap();
    let delivered = deliver_all(directory.path(), texts).await;
    assert!(delivered.len() > count / 4, "{} of {count} were not refused", delivered.len());
    compare(&delivered);
}

#[tokio::test]
async fn every_reader_sees_the_key_in_files_that_were_reported_as_faults_or_the_file_was_refused() {
    let directory = tempfile::tempdir().unwrap();
    let texts = files::REPORTED.iter().map(|text| (*text).to_owned());
    compare(&deliver_all(directory.path(), texts).await);
}

/// Writes each text to a file, and delivers the key to it. A refusal must name a line.
async fn deliver_all(directory: &Path, texts: impl Iterator<Item = String>) -> Vec<Delivered> {
    let mut delivered = Vec::new();
    for (number, old) in texts.enumerate() {
        let path = directory.join(format!("{number:06}.env"));
        fs::write(&path, &old).unwrap();
        match EnvFile::inspect(&path, VariableName::default()).await {
            Ok(found) => {
                let is_warned =
                    found.warnings().iter().any(|warning| matches!(warning, Warning::TakenLiterally(_)));
                let mut file = found.reserve(Overwrite::Always).unwrap();
                file.deliver(&ApiKey::parse(KEY.to_owned()).unwrap()).await.unwrap();
                delivered.push(Delivered { path, old, is_warned });
            }
            Err(error) => {
                assert!(matches!(error.kind, EnvFileErrorKind::Syntax(_)), "{error}");
                assert!(error.kind.to_string().starts_with("line "), "{error}");
                assert_eq!(fs::read_to_string(&path).unwrap(), old);
            }
        }
    }
    delivered
}

fn compare(delivered: &[Delivered]) {
    let paths: Vec<_> = delivered.iter().map(|file| &*file.path).collect();
    let mut differences = Vec::new();
    let docker: Vec<_> = paths.iter().map(|path| docker(path)).collect();
    let mut check = |reader: &str, values: &Values, is_literal: bool| {
        assert_eq!(values.len(), delivered.len(), "{reader}");
        for ((file, value), docker) in delivered.iter().zip(values).zip(&docker) {
            let is_literal = is_literal && (file.is_warned || docker == REJECTED);
            if value != KEY && !is_literal {
                differences.push(format!("{reader} sees {value:?} in what was {:?}", file.old));
            }
        }
    };
    check("dotenvy", &paths.iter().map(|path| dotenvy(path)).collect(), false);
    check("docker", &docker, true);
    for shell in [&["bash"][..], &["bash", "--posix"], &["dash"], &["zsh", "-f"]] {
        let mut command = Command::new(shell[0]);
        check(&shell.join(" "), &ask(command.args(&shell[1..]).arg(script("shell.sh")), &paths), false);
    }
    if let Some(readers) = readers() {
        let node = || {
            let mut node = Command::new("node");
            node.arg(script("node.cjs")).env("NODE_PATH", readers.join("node_modules"));
            node
        };
        check("node", &ask(node().arg("node"), &paths), false);
        check("npm's dotenv", &ask(node().arg("dotenv"), &paths), false);
        let python = || {
            let mut python = Command::new(readers.join("python/bin/python"));
            python.arg(script("python.py"));
            python
        };
        check("python-dotenv", &ask(python().arg("dotenv"), &paths), false);
        check("python-decouple", &ask(python().arg("decouple"), &paths), true);
    }
    assert!(differences.is_empty(), "{}\n{}", differences.len(), differences.join("\n"));
}

/// Returns the directory of the programs of other package managers, if there is one.
fn readers() -> Option<PathBuf> {
    let readers = std::env::var_os("KEYMINT_DOTENV_READERS").map(PathBuf::from);
    if readers.is_none() {
        let reason = "KEYMINT_DOTENV_READERS names no readers from npm and PyPI: scripts/test installs them";
        std::io::stderr().write_all(format!("SKIPPED: {reason}\n").as_bytes()).unwrap();
    }
    readers
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/readers").join(name)
}

/// Passes the paths of the files to a program, one in each line. The program prints as many values, each followed by
/// a NUL.
fn ask(program: &mut Command, paths: &[&Path]) -> Values {
    let list = tempfile::NamedTempFile::new().unwrap();
    let lines: String = paths.iter().map(|path| format!("{}\n", path.display())).collect();
    fs::write(list.path(), lines).unwrap();
    let output = program.arg(list.path()).arg("OPENAI_API_KEY").env("NODE_OPTIONS", "").output();
    let output = output.unwrap_or_else(|error| panic!("{program:?}: {error}"));
    assert!(output.status.success(), "{program:?}: {}", String::from_utf8_lossy(&output.stderr));
    let values = String::from_utf8_lossy(&output.stdout);
    values.split_terminator('\0').map(str::to_owned).collect()
}

fn dotenvy(path: &Path) -> String {
    let text = fs::read(path).unwrap();
    // Skips the mark, as `dotenvy::dotenv` does.
    let text = text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&text);
    let variables = dotenvy::from_read_iter(text).collect::<Result<Vec<_>, _>>().unwrap_or_default();
    // The first assignment counts, since a variable that is already set is not changed.
    variables.into_iter().find(|(name, _)| name == "OPENAI_API_KEY").unwrap_or_default().1
}

/// The reader rejects the whole file.
const REJECTED: &str = "(rejected)";

/// Returns the value of the variable. The last line counts.
fn docker(path: &Path) -> String {
    let Some(variables) = docker_variables(&fs::read_to_string(path).unwrap()) else {
        return REJECTED.to_owned();
    };
    variables.into_iter().rev().find(|(name, _)| name == "OPENAI_API_KEY").unwrap_or_default().1
}

/// Returns the variables that `docker run --env-file` sees, by the rules of docker/cli's pkg/kvfile, which supports
/// neither quotes nor `export`, nor a comment after a value. `None` if it rejects the file.
fn docker_variables(text: &str) -> Option<Vec<(String, String)>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let lines = text.lines().map(str::trim_start).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let variable = |line: &str| {
        let (name, value) = line.split_once('=').unwrap_or((line, ""));
        (!name.is_empty() && !name.contains([' ', '\t'])).then(|| (name.to_owned(), value.to_owned()))
    };
    lines.map(variable).collect()
}
