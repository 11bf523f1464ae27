//! The system's conditions for starting a file besides its permissions: its format and its interpreter.

#[cfg(target_os = "linux")]
mod binary;

#[cfg(target_os = "linux")]
use binary::check as check_binary;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// The number of bytes of a file that are examined. Linux examines 256 bytes for an interpreter, and one page for a
/// binary.
const HEAD: u64 = 4096;
const LONGEST_LINE: usize = 256;

/// The maximum depth of scripts whose interpreters are scripts (execve(2)).
const DEEPEST: usize = 4;

/// The reason why the system cannot start a file that has the permission to be executed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotStartable {
    /// The interpreter of a script or the dynamic linker of a binary cannot be started.
    #[error("needs {0:?}, which cannot be started")]
    NoInterpreter(String),
    /// The file is neither a binary of this machine nor a script that names its interpreter.
    #[error("is not a program for this machine, and has no `#!` line")]
    UnknownFormat,
}

/// Checks that the system can start a file that has the permission to be executed. A file that cannot be read passes.
/// `exists` returns whether a program of this name can be found.
pub(crate) fn check(path: &Path, exists: &dyn Fn(&str) -> bool) -> Result<(), NotStartable> {
    check_at(path, exists, 0)
}

pub(crate) fn may_be_executed(path: &Path) -> bool {
    path.is_file() && is_executable(path).is_ok()
}

#[cfg(unix)]
fn is_executable(path: &Path) -> io::Result<()> {
    use rustix::fs::{Access, access};
    Ok(access(path, Access::EXEC_OK)?)
}

#[cfg(not(unix))]
fn is_executable(_: &Path) -> io::Result<()> {
    Ok(())
}

fn check_at(path: &Path, exists: &dyn Fn(&str) -> bool, depth: usize) -> Result<(), NotStartable> {
    let mut head = Vec::new();
    if File::open(path).and_then(|file| file.take(HEAD).read_to_end(&mut head)).is_err() {
        return Ok(());
    }
    let Some(line) = head.strip_prefix(b"#!") else { return check_binary(path, &head) };
    let (interpreter, argument) = words(line);
    let missing = |name: &str| NotStartable::NoInterpreter(name.to_owned());
    // The system resolves the interpreter from the current directory, never from the search path.
    let interpreter_path = Path::new(&interpreter);
    if depth == DEEPEST || !may_be_executed(interpreter_path) {
        return Err(missing(&interpreter));
    }
    check_at(interpreter_path, exists, depth + 1)?;
    // `env` searches for the actual interpreter.
    let proper = argument.split([' ', '\t']).find(|word| !word.starts_with('-') && !word.contains('='));
    match proper.filter(|word| interpreter_path.ends_with("env") && !word.is_empty()) {
        Some(name) if !exists(name) => Err(missing(name)),
        _ => Ok(()),
    }
}

/// Returns the interpreter of the first line, and its argument. A carriage return belongs to either of them.
fn words(line: &[u8]) -> (String, String) {
    let line = &line[..line.len().min(LONGEST_LINE)];
    let line = line.split(|byte| matches!(byte, b'\n' | b'\0')).next().unwrap_or_default();
    let line = String::from_utf8_lossy(line);
    let line = line.trim_matches([' ', '\t']);
    let (interpreter, argument) = line.split_once([' ', '\t']).unwrap_or((line, ""));
    (interpreter.to_owned(), argument.trim_start_matches([' ', '\t']).to_owned())
}

/// Checks nothing: the formats of other systems are not examined.
#[cfg(not(target_os = "linux"))]
fn check_binary(_: &Path, _: &[u8]) -> Result<(), NotStartable> {
    Ok(())
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_script_needs_its_interpreter() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        let put = |name: &str, text: &str| {
            fs::write(at(name), text).unwrap();
            fs::set_permissions(at(name), Permissions::from_mode(0o755)).unwrap();
        };
        put("script", "#!/bin/sh\n");
        put("loop", &format!("#!{}\n", at("loop").display()));
        for (text, missing) in [
            ("#!/bin/sh\ncat", None),
            ("#! \t/bin/sh -e \n", None),
            ("#!/bin/sh", None),
            ("#!/bin/sh\r\ncat", Some("/bin/sh\r")),
            ("#!/nowhere/sh\n", Some("/nowhere/sh")),
            ("#!sh\n", Some("sh")),
            ("#!\n", Some("")),
            ("#!/\n", Some("/")),
            ("#!/etc/passwd\n", Some("/etc/passwd")),
            ("#!/usr/bin/env sh\n", None),
            ("#!/usr/bin/env -S A=1 sh -e\n", None),
            ("#!/usr/bin/env no-such-program\n", Some("no-such-program")),
            ("#!/usr/bin/env sh\r\n", Some("sh\r")),
            (&format!("#!{}\n", at("script").display()), None),
            (&format!("#!{}\n", at("loop").display()), Some(at("loop").to_str().unwrap())),
        ] {
            put("tool", text);
            let expected = missing.map_or(Ok(()), |name| Err(NotStartable::NoInterpreter(name.to_owned())));
            assert_eq!(check(&at("tool"), &|name| name == "sh"), expected, "{text:?}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_text_without_an_interpreter_is_no_program() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("tool");
        for text in ["", "cat\n", "#", "# !/bin/sh\n"] {
            fs::write(&path, text).unwrap();
            assert_eq!(check(&path, &|_| true), Err(NotStartable::UnknownFormat), "{text:?}");
        }
    }
}
