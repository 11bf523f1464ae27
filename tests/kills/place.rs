//! Where a key is wanted, and which borders a run gets to on its way there.

/// Where a key is wanted.
pub(crate) struct Place {
    pub(crate) name: &'static str,
    /// With `--print`, standard output is a full disk.
    pub(crate) args: &'static [&'static str],
    pub(crate) site: Site,
    /// The borders that a run gets to because of this place.
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

impl Place {
    /// Whether a run gets to this border: to some only because of certain places.
    pub(crate) fn reaches(&self, border: &str) -> bool {
        self.borders.contains(&border) || PLACES.iter().all(|place| !place.borders.contains(&border))
    }
}

/// What is in a dotenv file already.
pub(crate) const OTHER_LINES: &str = "# mine\nPORT=8080\n";

pub(crate) const WITH_OTHER_LINES: &str = "a file with other lines";

#[rustfmt::skip]
pub(crate) static PLACES: [Place; 9] = [
    Place { name: "standard output",        args: &[],                                  site: Site::StandardOutput, borders: &["noted"] },
    Place { name: "a full disk",            args: &["--print"],                         site: Site::Nowhere,        borders: &["recovery-made", "kept"] },
    Place { name: "a new file",             args: &["--env-file", ".env"],              site: Site::DotenvFile,     borders: &["draft-written", "file-replaced", "noted"] },
    Place { name: WITH_OTHER_LINES,         args: &["--env-file", ".env"],              site: Site::DotenvFile,     borders: &["draft-written", "file-replaced", "noted"] },
    Place { name: "a keyring",              args: &["--keyring"],                       site: Site::Keyring,        borders: &["keyring-tried", "keyring-written", "noted"] },
    Place { name: "a command",              args: &["--pipe-to", "sh -c 'cat >taken'"], site: Site::Command,        borders: &["fed", "noted"] },
    Place { name: "a clipboard",            args: &["--copy"],                          site: Site::Clipboard,      borders: &["fed", "recovery-made", "kept", "noted"] },
    Place { name: "a terminal's clipboard", args: &["--copy"],                          site: Site::Terminal,       borders: &["recovery-made", "kept", "noted"] },
    Place { name: "a file and a full disk", args: &["--env-file", ".env", "--print"],   site: Site::DotenvFile,     borders: &["draft-written", "file-replaced", "recovery-made", "kept"] },
];
