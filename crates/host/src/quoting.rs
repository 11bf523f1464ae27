//! The quoting of commands for POSIX shells.

use std::borrow::Cow;

/// Returns a command in the quoting of a POSIX shell. On Windows, where a backslash separates directories and does
/// not escape, each backslash outside single quotes is doubled. Elsewhere the command is unchanged.
pub fn posix_quoting(command: &str) -> Cow<'_, str> {
    if cfg!(windows) { double_backslashes(command).into() } else { command.into() }
}

fn double_backslashes(command: &str) -> String {
    let (mut doubled, mut quote) = (String::with_capacity(command.len()), None);
    for c in command.chars() {
        match quote {
            None if matches!(c, '\'' | '"') => quote = Some(c),
            Some(open) if c == open => quote = None,
            _ => {}
        }
        if c == '\\' && quote != Some('\'') {
            doubled.push('\\');
        }
        doubled.push(c);
    }
    doubled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backslash_of_windows_means_itself() {
        for (command, words) in [
            (r"C:\tools\store.exe /c x", &[r"C:\tools\store.exe", "/c", "x"][..]),
            (r#""C:\my tools\store.exe" "D:\""#, &[r"C:\my tools\store.exe", r"D:\"]),
            (r"'C:\my tools\store.exe' \\server\share", &[r"C:\my tools\store.exe", r"\\server\share"]),
            (r#"cmd /c "more > C:\key.txt""#, &["cmd", "/c", r"more > C:\key.txt"]),
            (r#"a 'b"\' "c'\""#, &["a", r#"b"\"#, r"c'\"]),
        ] {
            assert_eq!(shell_words::split(&double_backslashes(command)).unwrap(), words, "{command}");
        }
    }
}
