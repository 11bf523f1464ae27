//! The amount and the form of what is reported.

/// How much is reported.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Verbosity {
    /// Only the URL, warnings and errors.
    Quiet,
    #[default]
    Normal,
    /// Every step, with its time.
    Verbose,
}

/// The form of the output, and how much of it there is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct OutputFormat {
    /// Standard output gets one JSON object.
    pub(crate) json: bool,
    /// Standard error gets JSON objects, one a line.
    pub(crate) events: bool,
    pub(crate) verbosity: Verbosity,
}
