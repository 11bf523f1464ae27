//! The destinations of a key, and the fail points of a run on the way to each.

/// A destination of a key.
pub(crate) struct Destination {
    pub(crate) name: &'static str,
    /// With `--print`, standard output is a full disk.
    pub(crate) args: &'static [&'static str],
    pub(crate) site: Site,
    /// The fail points that occur because of this destination.
    pub(crate) borders: &'static [&'static str],
}

/// The place in which a key is searched for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Site {
    StandardOutput,
    Nowhere,
    DotenvFile,
    /// The file of a command.
    Command,
    Keyring,
    /// The file of a simulated clipboard program.
    Clipboard,
    /// The bytes that a terminal received.
    Terminal,
}

impl Site {
    /// Returns the name of the file in the home directory.
    pub(crate) fn file(self) -> Option<&'static str> {
        match self {
            Self::DotenvFile => Some(".env"),
            Self::Command => Some("taken"),
            Self::Clipboard => Some("copied"),
            Self::Terminal => Some("screen"),
            Self::StandardOutput | Self::Nowhere | Self::Keyring => None,
        }
    }

    /// Returns whether a key is durable there.
    pub(crate) fn keeps(self) -> bool {
        !matches!(self, Self::Clipboard | Self::Terminal)
    }
}

impl Destination {
    /// Returns whether a run reaches this fail point, which may depend on the destination.
    pub(crate) fn reaches(&self, border: &str) -> bool {
        self.borders.contains(&border)
            || DESTINATIONS.iter().all(|destination| !destination.borders.contains(&border))
    }
}

/// The existing content of a dotenv file.
pub(crate) const OTHER_LINES: &str = "# mine\nPORT=8080\n";

pub(crate) const WITH_OTHER_LINES: &str = "a file with other lines";

#[rustfmt::skip]
pub(crate) static DESTINATIONS: [Destination; 9] = [
    Destination { name: "standard output",        args: &[],                                  site: Site::StandardOutput, borders: &["noted"] },
    Destination { name: "a full disk",            args: &["--print"],                         site: Site::Nowhere,        borders: &["recovery-made", "kept"] },
    Destination { name: "a new file",             args: &["--env-file", ".env"],              site: Site::DotenvFile,     borders: &["temp-file-written", "file-replaced", "noted"] },
    Destination { name: WITH_OTHER_LINES,         args: &["--env-file", ".env"],              site: Site::DotenvFile,     borders: &["temp-file-written", "file-replaced", "noted"] },
    Destination { name: "a keyring",              args: &["--keyring"],                       site: Site::Keyring,        borders: &["keyring-tried", "keyring-written", "noted"] },
    Destination { name: "a command",              args: &["--pipe-to", "sh -c 'cat >taken'"], site: Site::Command,        borders: &["fed", "noted"] },
    Destination { name: "a clipboard",            args: &["--copy"],                          site: Site::Clipboard,      borders: &["fed", "recovery-made", "kept", "noted"] },
    Destination { name: "a terminal's clipboard", args: &["--copy"],                          site: Site::Terminal,       borders: &["recovery-made", "kept", "noted"] },
    Destination { name: "a file and a full disk", args: &["--env-file", ".env", "--print"],   site: Site::DotenvFile,     borders: &["temp-file-written", "file-replaced", "recovery-made", "kept"] },
];
