use super::line_numbers::LineNumbers;
use super::parser::SyntaxError;
use keymint_domain::text::{in_one_piece, sanitize};
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
    /// The path is empty.
    #[error("the path is empty")]
    EmptyPath,
    /// The path is `-`, by which other programs mean standard output.
    #[error("write `./-` for a file of this name")]
    Dash,
    /// The path begins with `~`, which only a shell expands.
    #[error("only a shell expands `~`")]
    Tilde,
    /// The path cannot be that of a dotenv file, for this reason.
    #[error("{0}")]
    Path(&'static str),
    /// The directory does not exist. It is not created.
    #[error("its directory does not exist")]
    NoDirectory,
    /// Another user could replace files in the directory.
    #[error("{0}")]
    DirectoryOfOthers(io::Error),
    /// The file is a symbolic link that is broken or that another user could have created.
    #[error("it is a link {0}")]
    Link(String),
    /// Another run did not release its lock within 10 s.
    #[error("another process is about to replace it")]
    Locked,
    /// The file is read-only for its owner.
    #[error("it is read-only")]
    ReadOnly,
    /// The file cannot be replaced: it is a mount point or has restrictive attributes.
    #[error("it is a mount point or immutable, so it cannot be replaced")]
    Fixed,
    /// Common readers disagree on a line that matters.
    #[error(transparent)]
    Syntax(#[from] SyntaxError),
    /// The variable has a value, which may not be replaced.
    #[error("{variable} already has a value ({lines})")]
    HasValue {
        /// The variable.
        variable: String,
        /// The lines that set it.
        lines: LineNumbers,
    },
    /// The variable has different values.
    #[error("{variable} has different values in {lines}, and programs disagree on which one counts")]
    DifferentValues {
        /// The variable.
        variable: String,
        /// The lines that set it.
        lines: LineNumbers,
    },
    /// The value of the variable cannot be a key.
    #[error("the value is not a key")]
    NotAKey,
    /// There is no disk space for the new content, or the directory is not writable.
    #[error("it cannot be written: {0}")]
    NotWritable(io::Error),
    /// The file cannot be read, or is not a file that may be edited.
    #[error("{0}")]
    Io(#[from] io::Error),
}

impl EnvFileError {
    pub(super) fn new(path: &Path, kind: EnvFileErrorKind) -> Self {
        Self { path: path.to_owned(), kind }
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

/// Returns a path that is safe to display, in quotes if it contains spaces. The length limit exceeds that of every
/// system.
pub(super) fn shown(path: &Path) -> String {
    in_one_piece(sanitize(&path.to_string_lossy(), 32 * 1024))
}
