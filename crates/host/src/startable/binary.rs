//! Binaries of Linux: ELF (elf(5)), and formats that are registered with the kernel (documented there as
//! "binfmt-misc").

use super::{HEAD, NotStartable};
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

const MAGIC: &[u8] = b"\x7fELF";

/// The ELF types of programs: those at a fixed address, and those at any address, which may also be libraries.
const PROGRAMS: [usize; 2] = [2, 3];

/// The type of the program header that has the path of the dynamic linker.
const INTERPRETER: usize = 3;

/// Machines that can also start programs of an older machine, each with that machine: x86 and Arm.
const OLDER: [(usize, usize); 2] = [(62, 3), (183, 40)];

pub(super) fn check(path: &Path, head: &[u8]) -> Result<(), NotStartable> {
    if is_of_this_machine(head) {
        return match dynamic_linker(head) {
            Some(linker) if !Path::new(&linker).is_file() => Err(NotStartable::NoInterpreter(linker)),
            _ => Ok(()),
        };
    }
    let registered = fs::read_dir("/proc/sys/fs/binfmt_misc").into_iter().flatten().flatten();
    let mut entries = registered.filter_map(|entry| fs::read_to_string(entry.path()).ok());
    if entries.any(|entry| matches(&entry, path, head)) { Ok(()) } else { Err(NotStartable::UnknownFormat) }
}

/// Returns whether the file is a program for the same machine as this program.
fn is_of_this_machine(head: &[u8]) -> bool {
    let mut own = Vec::new();
    let read = File::open("/proc/self/exe").and_then(|file| file.take(HEAD).read_to_end(&mut own));
    if read.is_err() || !own.starts_with(MAGIC) {
        return true;
    }
    let (machine, own_machine) = (number(head, 18, 2), number(&own, 18, 2));
    // The byte order, and then the machine.
    head.starts_with(MAGIC)
        && head.get(5) == own.get(5)
        && number(head, 16, 2).is_some_and(|kind| PROGRAMS.contains(&kind))
        && (machine == own_machine
            || OLDER.iter().any(|(new, old)| own_machine == Some(*new) && machine == Some(*old)))
}

/// Returns the path of the dynamic linker, if the program has one.
fn dynamic_linker(head: &[u8]) -> Option<String> {
    let is_64_bit = head.get(4) == Some(&2);
    let (table, size, count) = if is_64_bit { ((32, 8), 54, 56) } else { ((28, 4), 42, 44) };
    let (offset, length) = if is_64_bit { ((8, 8), (32, 8)) } else { ((4, 4), (16, 4)) };
    let table = number(head, table.0, table.1)?;
    let (size, count) = (number(head, size, 2)?, number(head, count, 2)?);
    let entries = (0..count).filter_map(|index| head.get(table.checked_add(index * size)?..));
    let entry = entries.into_iter().find(|entry| number(entry, 0, 4) == Some(INTERPRETER))?;
    let start = number(entry, offset.0, offset.1)?;
    let end = start.checked_add(number(entry, length.0, length.1)?)?;
    let path = head.get(start..end)?.strip_suffix(b"\0")?;
    Some(String::from_utf8_lossy(path).into_owned())
}

/// Reads a number of this many bytes, in the byte order of this machine.
fn number(bytes: &[u8], start: usize, length: usize) -> Option<usize> {
    let bytes = bytes.get(start..start + length)?;
    let mut all = [0; 8];
    if cfg!(target_endian = "little") {
        all[..length].copy_from_slice(bytes);
    } else {
        all[8 - length..].copy_from_slice(bytes);
    }
    usize::try_from(u64::from_ne_bytes(all)).ok()
}

/// Returns whether a registered format matches the file.
fn matches(entry: &str, path: &Path, head: &[u8]) -> bool {
    let value = |name: &str| entry.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    if entry.lines().next() != Some("enabled") {
        return false;
    }
    if let Some(extension) = value("extension") {
        return path.extension().is_some_and(|found| found == extension.trim_start_matches('.'));
    }
    let Some(magic) = value("magic").and_then(bytes) else { return false };
    let mask = value("mask").and_then(bytes).unwrap_or_else(|| vec![0xff; magic.len()]);
    let offset = value("offset").and_then(|offset| offset.parse().ok()).unwrap_or(0);
    let Some(found) = head.get(offset..).and_then(|rest| rest.get(..magic.len())) else { return false };
    found.iter().zip(&magic).zip(&mask).all(|((found, magic), mask)| found & mask == magic & mask)
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let digits = hex.trim().as_bytes().chunks(2);
    digits.map(|digits| u8::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_needs_its_dynamic_linker_and_its_machine() {
        let own = fs::read("/proc/self/exe").unwrap();
        let head = &own[..4096];
        let path = Path::new("/nowhere/tool");
        assert_eq!(check(path, head), Ok(()));
        let linker = dynamic_linker(head).unwrap();
        assert!(Path::new(&linker).is_file(), "{linker}");

        let at = head.windows(linker.len()).position(|window| window == linker.as_bytes()).unwrap();
        let mut missing = head.to_vec();
        missing[at + 1] = b'?';
        assert!(matches!(check(path, &missing), Err(NotStartable::NoInterpreter(_))));
        for (place, byte) in [(18, 0xee), (16, 1), (5, 7), (0, b'?')] {
            let mut other = head.to_vec();
            other[place] = byte;
            assert_eq!(check(path, &other), Err(NotStartable::UnknownFormat), "{place}");
        }
        for length in 0..200 {
            let _ = check(path, &head[..length]);
        }
    }

    #[test]
    fn a_registered_format_is_known_by_its_magic_or_its_extension() {
        const MAGIC: &str = "enabled\ninterpreter /x\nflags: \noffset 0\nmagic 4d5a\n";
        const MASK: &str = "enabled\ninterpreter /x\nflags: \noffset 1\nmagic 5a00\nmask ff00\n";
        const EXTENSION: &str = "enabled\ninterpreter /x\nflags: \nextension .exe\n";
        for (entry, path, head, expected) in [
            (MAGIC, "/x", &b"MZ\0"[..], true),
            (MAGIC, "/x", b"M", false),
            (MAGIC, "/x", b"NZ", false),
            (MASK, "/x", b"MZ\xee", true),
            (EXTENSION, "/x.exe", b"", true),
            (EXTENSION, "/x.sh", b"", false),
            ("disabled\nmagic 4d5a\n", "/x", b"MZ", false),
            ("enabled\nmagic zz\n", "/x", b"MZ", false),
            ("enabled\n", "/x", b"MZ", false),
            ("", "/x", b"MZ", false),
        ] {
            assert_eq!(matches(entry, Path::new(path), head), expected, "{entry} {path}");
        }
    }
}
