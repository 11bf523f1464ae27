//! Exported lines, each read by the shells and programs that it is meant for.
//!
//! Each reader gets all lines at once, and prints the values, each followed by a NUL.

use crate::{docker_variables, readers};
use keymint_delivery_adapter::{ExportFormat, VariableName};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

/// The number of generated values: half of them keys, half of them any text.
const VALUES: usize = 10_000;

/// Texts with a special meaning for some reader.
const HOSTILE: [&str; 56] = [
    "'",
    "''",
    "\"",
    "`",
    "\\",
    "\\'",
    "\\\\",
    "\\n",
    "$",
    "${",
    "}",
    "$(",
    ")",
    "$x",
    "${HOME}",
    "!",
    "!!",
    "%",
    "%PATH%",
    "^",
    "&",
    "|",
    ";",
    "<",
    "<<",
    ">",
    "*",
    "?",
    "[",
    "]",
    "~",
    "-",
    "--",
    "#",
    " #",
    "=",
    "==",
    ":",
    ",",
    "@",
    " ",
    "\t",
    "\n",
    "\r",
    "\r\n",
    "\u{1b}",
    "\u{7f}",
    "\u{85}",
    "\u{2018}",
    "\u{2019}",
    "\u{2028}",
    "\u{feff}",
    "\u{f600}",
    "\u{fdd0}",
    "\u{ffff}",
    "\u{10ffff}",
];

/// An exported line, and its value.
struct Exported {
    variable: String,
    value: String,
    line: String,
}

/// Keys as [`keymint_domain::ApiKey`] accepts them, and texts without NUL.
fn values() -> Vec<String> {
    let mut runner = TestRunner::deterministic();
    let hostile = || select(HOSTILE.to_vec()).prop_map(str::to_owned);
    let key = prop_oneof![2 => "[!-~]", 1 => "[A-Za-z0-9_-]{1,8}", 1 => "sk-proj-", 3 => hostile()];
    let key = prop::collection::vec(key, 1..16)
        .prop_map(|parts| parts.concat().replace(|char: char| !char.is_ascii_graphic(), "~"));
    let text = prop_oneof![3 => hostile(), 1 => any::<char>().prop_map(String::from), 1 => "[a-z]{1,4}"];
    let text = prop::collection::vec(text, 1..16).prop_map(|parts| parts.concat().replace('\0', "'"));
    let mut values = Vec::new();
    for _ in 0..VALUES / 2 {
        values.push(key.new_tree(&mut runner).unwrap().current());
        values.push(text.new_tree(&mut runner).unwrap().current());
    }
    values
}

/// Returns the lines of the values that the format can express, each for a different variable.
fn exported(format: ExportFormat) -> Vec<Exported> {
    let lines = values().into_iter().enumerate().filter_map(|(number, value)| {
        let variable = format!("V{number}");
        let line = format.line(&VariableName::parse(&variable).unwrap(), &value).ok()?.to_string();
        Some(Exported { variable, value, line })
    });
    lines.collect()
}

/// Runs a program with this text as its input, and returns the values that it prints.
fn values_of(program: &mut Command, input: &str) -> Vec<String> {
    program.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).env("NODE_OPTIONS", "");
    let mut child = program.spawn().unwrap_or_else(|error| panic!("{program:?}: {error}"));
    let (mut stdin, input) = (child.stdin.take().unwrap(), input.to_owned());
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().unwrap();
    let _ = writer.join();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && errors.is_empty(), "{program:?}: {}: {errors}", output.status);
    let values = String::from_utf8(output.stdout).unwrap();
    values.split_terminator('\0').map(str::to_owned).collect()
}

fn compare(reader: &str, exported: &[Exported], values: &[String]) {
    assert_eq!(values.len(), exported.len(), "{reader}");
    for (Exported { value, line, .. }, seen) in exported.iter().zip(values) {
        assert_eq!(seen, value, "{reader}, of {line:?}");
    }
}

/// A script that runs each line, and prints each variable before a NUL.
fn script(exported: &[Exported], print: &str) -> String {
    exported.iter().fold(String::new(), |mut script, Exported { variable, line, .. }| {
        writeln!(script, "{line}\n{print} \"${variable}\"").unwrap();
        script
    })
}

#[test]
fn every_shell_sees_ten_thousand_generated_values_as_they_are() {
    let lines = exported(ExportFormat::Sh);
    assert_eq!(lines.len(), VALUES);
    let script = script(&lines, "printf '%s\\0'");
    for shell in [
        &["dash"][..],
        &["bash"],
        &["bash", "--posix"],
        &["bash", "-H"],
        &["zsh", "-f"],
        &["zsh", "-f", "-o", "rcquotes"],
        &["ksh"],
        &["busybox", "sh"],
    ] {
        // Uses the command from the hint of `keymint export`.
        let mut command = Command::new(shell[0]);
        command.args(&shell[1..]).args(["-c", "eval \"$(cat)\""]);
        compare(&shell.join(" "), &lines, &values_of(&mut command, &script));
    }
}

#[test]
fn fish_sees_ten_thousand_generated_values_as_they_are() {
    let lines = exported(ExportFormat::Fish);
    assert_eq!(lines.len(), VALUES);
    let home = tempfile::tempdir().unwrap();
    let mut fish = Command::new("fish");
    fish.args(["--no-config", "-c", "source -"]).env("HOME", home.path()).env("LC_ALL", "C.UTF-8");
    compare("fish", &lines, &values_of(&mut fish, &script(&lines, "printf '%s\\0'")));
}

#[test]
fn every_reader_of_json_sees_ten_thousand_generated_values_as_they_are() {
    let lines = exported(ExportFormat::Json);
    assert_eq!(lines.len(), VALUES);
    let input: String = lines.iter().map(|exported| format!("{}\n", exported.line)).collect();
    let node = "process.stdout.write(require('fs').readFileSync(0, 'utf8').split('\\n').slice(0, -1)\
                .map((line) => Object.values(JSON.parse(line))[0] + '\\0').join(''))";
    let python = "import json, sys\n\
                  for line in sys.stdin.buffer:\n    \
                      sys.stdout.buffer.write(next(iter(json.loads(line).values())).encode() + b'\\0')";
    for program in
        [&["jq", "--join-output", ".[] + \"\\u0000\""][..], &["node", "-e", node], &["python3", "-c", python]]
    {
        compare(program[0], &lines, &values_of(Command::new(program[0]).args(&program[1..]), &input));
    }
}

#[test]
fn every_reader_of_dotenv_files_sees_the_generated_values_that_a_line_can_have() {
    let lines = exported(ExportFormat::Dotenv);
    assert!(lines.len() > VALUES / 8, "{}", lines.len());
    let text: String = lines.iter().map(|exported| format!("{}\n", exported.line)).collect();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(".env");
    fs::write(&path, &text).unwrap();

    let found: HashMap<_, _> = dotenvy::from_path_iter(&path).unwrap().map(Result::unwrap).collect();
    compare("dotenvy", &lines, &lines.iter().map(|line| found[&line.variable].clone()).collect::<Vec<_>>());

    let names: String =
        lines.iter().map(|exported| format!("printf '%s\\0' \"${}\"\n", exported.variable)).collect();
    for shell in [&["dash"][..], &["bash"], &["zsh", "-f"], &["ksh"], &["busybox", "sh"]] {
        let mut command = Command::new(shell[0]);
        command.args(&shell[1..]).args(["-c", ". ./.env; eval \"$(cat)\""]).current_dir(&directory);
        compare(&shell.join(" "), &lines, &values_of(&mut command, &names));
    }

    let names: String = lines.iter().map(|exported| format!("{}\n", exported.variable)).collect();
    let print = "for (const name of require('fs').readFileSync(0, 'utf8').split('\\n').slice(0, -1))\
                 process.stdout.write(found[name] + '\\0')";
    let mut node = Command::new("node");
    let node = node.args(["--env-file=.env", "-e", &format!("const found = process.env; {print}")]);
    compare("node", &lines, &values_of(node.current_dir(&directory), &names));
    let Some(readers) = readers() else { return };
    let dotenv =
        format!("const found = require('dotenv').parse(require('fs').readFileSync('.env')); {print}");
    let mut node = Command::new("node");
    let node = node.args(["-e", &dotenv]).env("NODE_PATH", readers.join("node_modules"));
    compare("npm's dotenv", &lines, &values_of(node.current_dir(&directory), &names));
    for (reader, found) in [
        ("python-dotenv", "import dotenv; found = dotenv.dotenv_values('.env')"),
        ("python-decouple", "import decouple; found = decouple.RepositoryEnv('.env').data"),
    ] {
        let print = "import sys\n\
                     for name in sys.stdin.read().split():\n    \
                         sys.stdout.buffer.write(found[name].encode() + b'\\0')";
        let mut python = Command::new(readers.join("python/bin/python"));
        let python = python.args(["-c", &format!("{found}\n{print}")]);
        compare(reader, &lines, &values_of(python.current_dir(&directory), &names));
    }
}

#[test]
fn docker_and_github_see_the_generated_values_that_a_line_can_have() {
    for (format, read) in [
        (ExportFormat::Docker, docker_variables as fn(&str) -> Option<Vec<(String, String)>>),
        (ExportFormat::GitHub, github_variables),
    ] {
        let lines = exported(format);
        assert!(lines.len() > VALUES / 2, "{}", lines.len());
        let text: String = lines.iter().map(|exported| format!("{}\n", exported.line)).collect();
        let (names, values): (Vec<_>, Vec<_>) = read(&text).unwrap().into_iter().unzip();
        assert!(names.iter().eq(lines.iter().map(|exported| &exported.variable)), "{format}");
        compare(format.name(), &lines, &values);
    }
}

/// The environment file of GitHub Actions, as its runner reads it: `NAME=value`, where no `<<` comes before the `=`.
fn github_variables(text: &str) -> Option<Vec<(String, String)>> {
    let lines = text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line));
    let variable = |line: &str| {
        let (name, value) = line.split_once('=')?;
        (!name.is_empty() && !name.contains("<<")).then(|| (name.to_owned(), value.to_owned()))
    };
    lines.filter(|line| !line.is_empty()).map(variable).collect()
}
