//! The amount and the format of the output.

/// The amount of output.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Verbosity {
    /// Only the URL, warnings and errors.
    Quiet,
    #[default]
    Normal,
    /// Every step, with its time.
    Verbose,
}

/// The format and the amount of the output.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct OutputFormat {
    /// True if standard output receives one JSON object.
    pub(crate) json: bool,
    /// True if standard error receives JSON objects, one in each line.
    pub(crate) events: bool,
    pub(crate) verbosity: Verbosity,
}
