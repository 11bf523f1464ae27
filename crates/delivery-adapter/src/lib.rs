//! Destinations of a created key, and records of the keys.
//!
//! A front end delivers a key in three steps, and makes its own decisions between them:
//!
//! 1. **Inspect.** [`EnvFile::inspect`], [`Keyring::inspect`], [`Command::parse`] and [`Clipboard::find`]
//!    return their findings as values: warnings, the current content of the destination, the git status.
//!    The destination does not change. [`EnvFile::inspect`] also locks the directory against other runs and
//!    removes empty temporary files of killed runs, and a locked keyring may prompt for its password.
//! 2. **Reserve.** [`FoundEnvFile::reserve`] and [`FoundItem::reserve`] do everything that can fail without
//!    the key, so that a key is created only if its destinations can take it. Dropping the future of an
//!    inspection or a reservation undoes it. Dropping a reservation blocks until it is undone, at most 3 s.
//! 3. **Deliver.** [`deliver`](keymint_domain::deliver) delivers the key to each destination. If one fails, or
//!    none is durable, a [`RecoveryStore`] keeps the key.
//!
//! A [`Journal`] records that a key may exist before the key is requested. If the program is killed, the next run
//! finds the record with [`StateDir::finished_runs`].
//!
//! A [`StateDir`] also saves a sign-in that another process completes ([`StateDir::save_sign_in`]), and locks the
//! callback port against other sign-ins of the user ([`StateDir::lock_port`]).
//!
//! ```
//! use keymint_delivery_adapter::{Command, EnvFile, Overwrite, StateDir, VariableName};
//! use keymint_domain::{ApiKey, KeyDestination, deliver};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! # let directory = tempfile::tempdir()?;
//! # let (path, state) = (directory.path().join(".env"), directory.path().join("state"));
//!
//! let found = EnvFile::inspect(&path, VariableName::default()).await?;
//! for warning in found.warnings() {
//!     println!("{warning:?}");
//! }
//! let file = found.reserve(Overwrite::Never)?;
//! let vault = Command::parse("sh -c 'exit 1'")?;
//! let state = StateDir::at(state);
//! let mut recovery = state.recovery("my-run");
//!
//! // Only now is the key created.
//! let key = ApiKey::parse("sk-proj-0123456789".to_owned())?;
//! let mut destinations: [Box<dyn KeyDestination>; 2] = [Box::new(file), Box::new(vault)];
//! let report = deliver(&key, &mut destinations, &mut recovery).await;
//!
//! assert_eq!(std::fs::read_to_string(&path)?, "OPENAI_API_KEY=sk-proj-0123456789\n");
//! assert_eq!(report.failures()[0].1.to_string(), "\"sh\" ended with exit code 1");
//! assert_eq!(state.stored_keys()?[0].read()?.expose(), key.expose());
//! # Ok(())
//! # })
//! # }
//! ```
//!
//! The feature `keyring` (off by default) adds support for the keyring of the operating system. Without it, a
//! [`Keyring`] reports [`KeyringError::NotBuiltIn`]. The feature `fail-points` is for keymint's own tests.
//!
//! The asynchronous functions need a tokio runtime with time enabled. They access files and the keyring on separate
//! [threads]. The keyring, git and other programs have a time limit. [`StateDir`] and [`Journal`] are synchronous,
//! and block their caller. [`private_files`] has functions for private files, which a front end can use for its own
//! files.

#![warn(missing_debug_implementations)]

mod clipboard;
mod command;
mod env_file;
mod export;
// Public for tests that also end a front end between its own steps.
#[doc(hidden)]
pub mod fail_point;
mod fingerprint;
mod found_key;
mod keyring;
mod process;
mod profile;
mod run;
mod store;
pub mod threads;
mod variable;
pub mod wall_clock;

pub use clipboard::{Clipboard, NoClipboard};
pub use command::{Command, CommandError};
pub use env_file::{
    Current, EnvFile, EnvFileError, EnvFileErrorKind, FileLocation, FoundEnvFile, GitStatus, LineNumbers,
    SyntaxError, Warning,
};
pub use export::{ExportFormat, NotExpressible};
pub use found_key::{FoundKey, KeySource};
pub use keymint_host::WhichError;
pub use keyring::{FoundItem, Keyring, KeyringError, OtherValue, StoredItem};
pub use profile::{InvalidProfile, Profile};
pub use run::run_command;
#[cfg(unix)]
pub use run::{monitor, restart};
pub use store::{
    AccountDescription, DeliveryRecord, Expiry, FindSignInError, FinishedRun, Journal, KeyDescription,
    KeyOrigin, KeyRecord, KeyState, MadeHere, Named, PendingSignIn, PortLock, PortLockError, PortLockHolder,
    RecordedKey, RecoveryStore, Replacement, RotationOutcome, RotationRecord, StateDir, StoredKey,
    check_trusted_directory, is_same_file, private_files, read_trusted,
};
pub use variable::{InvalidVariableName, VariableName};

/// Reports that a test cannot run here. The message is visible even if the test runner captures output.
#[cfg(all(test, unix))]
fn skipped(reason: &str) {
    let _ = std::io::Write::write_all(&mut std::io::stderr(), format!("SKIPPED: {reason}\n").as_bytes());
}

/// The existing values that a new key may replace at a destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overwrite {
    /// No value.
    Never,
    /// Only the value that the inspection found.
    IfUnchanged,
    /// Any value.
    Always,
}
