use super::LineNumbers;
use super::parser::SyntaxError;
use keymint_domain::text::sanitize;
use std::error::Error;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// The reason why a dotenv file cannot take a key. It repeats no content of the file.
#[derive(Debug)]
pub struct EnvFileError {
    /// The file.
    pub path: PathBuf,
    /// The problem.
    pub kind: EnvFileErrorKind,
}

/// The problem with a dotenv file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EnvFileErrorKind {
    /// The path has no characters.
    #[error("the path is empty")]
    EmptyPath,
    /// The path ends with a separator, or names no file.
    #[error("it is the path of a folder, not of a file")]
    IsDirectory,
    /// The directory does not exist, and is not created.
    #[error("its folder does not exist")]
    NoDirectory,
    /// The path is not UTF-8.
    #[error("the path is not UTF-8 text")]
    NotText,
    /// The path has control or invisible characters.
    #[error("the path has characters that cannot be seen")]
    InvisibleCharacters,
    /// The directory is one of the system's that keep no files.
    #[error("no file can be kept there")]
    SystemDirectory,
    /// Another user could replace files in the directory.
    #[error("{0}")]
    DirectoryOfOthers(io::Error),
    /// The file is a symbolic link that another user could have made.
    #[error("it is a link in a folder in which other users may write, too")]
    LinkOfOthers,
    /// The file is a symbolic link, and its target does not exist.
    #[error("it is a link to a file that is not there")]
    LinkToNothing,
    /// The file is a symbolic link that cannot be followed.
    #[error("it is a link that leads nowhere: {0}")]
    BrokenLink(io::Error),
    /// Another run did not release its lock in 10 s.
    #[error("another program has locked its folder")]
    Locked,
    /// The owner may not write the file.
    #[error("it is read-only")]
    ReadOnly,
    /// No other file can replace it.
    #[error("it is a mount point or immutable: no other file can take its place")]
    Fixed,
    /// Common readers disagree on a line that matters.
    #[error("{0}")]
    Syntax(SyntaxError),
    /// The variable has a value, which may not be replaced.
    #[error("{variable} has a value already ({lines})")]
    HasValue {
        /// The variable.
        variable: String,
        /// The lines that set it.
        lines: LineNumbers,
    },
    /// The variable has different values.
    #[error("{variable} has different values in {lines}, and programs differ on which counts")]
    DifferentValues {
        /// The variable.
        variable: String,
        /// The lines that set it.
        lines: LineNumbers,
    },
    /// The value of the variable cannot be a key.
    #[error("the value is no key")]
    NotAKey,
    /// There is no room for the new content, or the directory cannot be written.
    #[error("it cannot be written: {0}")]
    NotWritable(io::Error),
    /// The file cannot be read, or is none that may be edited.
    #[error("{0}")]
    Io(#[from] io::Error),
}

impl EnvFileError {
    pub(super) fn new(path: &Path, kind: EnvFileErrorKind) -> Self {
        Self { path: path.to_owned(), kind }
    }
}

impl From<SyntaxError> for EnvFileErrorKind {
    fn from(error: SyntaxError) -> Self {
        Self::Syntax(error)
    }
}

impl fmt::Display for EnvFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            EnvFileErrorKind::EmptyPath => self.kind.fmt(f),
            _ => write!(f, "{}: {}", shown(&self.path), self.kind),
        }
    }
}

impl Error for EnvFileError {}

/// A path, safe to display. No system has longer ones.
pub(super) fn shown(path: &Path) -> String {
    sanitize(&path.to_string_lossy(), 32 * 1024)
}
