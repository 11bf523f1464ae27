//! Where a key is wanted, and which borders a run gets to on its way there.

/// Where a key is wanted.
pub(crate) struct Destination {
    pub(crate) name: &'static str,
    /// With `--print`, standard output is a full disk.
    pub(crate) args: &'static [&'static str],
    pub(crate) site: Site,
    /// The borders that a run gets to because of this destination.
    pub(crate) borders: &'static [&'static str],
}

/// Where the key is looked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Site {
    StandardOutput,
    Nowhere,
    DotenvFile,
    /// The file of a command.
    Command,
    Keyring,
    /// The file of a program that stands in for a desktop's.
    Clipboard,
    /// What a terminal was sent.
    Terminal,
}

impl Site {
    /// The file in the home folder that it is.
    pub(crate) fn file(self) -> Option<&'static str> {
        match self {
            Self::DotenvFile => Some(".env"),
            Self::Command => Some("taken"),
            Self::Clipboard => Some("copied"),
            Self::Terminal => Some("screen"),
            Self::StandardOutput | Self::Nowhere | Self::Keyring => None,
        }
    }

    /// Whether a key is still there tomorrow.
    pub(crate) fn keeps(self) -> bool {
        !matches!(self, Self::Clipboard | Self::Terminal)
    }
}

impl Destination {
    /// Whether a run gets to this border: to some only because of certain places.
    pub(crate) fn reaches(&self, border: &str) -> bool {
        self.borders.contains(&border)
            || DESTINATIONS.iter().all(|destination| !destination.borders.contains(&border))
    }
}

/// What is in a dotenv file already.
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
