//! The facts that the command reports while it runs.

use crate::error::CliError;
use keymint_callback_adapter as listener;
use keymint_delivery_adapter::{ExportFormat, KeyRecord};
use keymint_domain::{
    AccountEmail, BaseUrl, DeliveryError, Event, InventoryKey, KeyCheck, OldKeyOutcome, Restriction,
    RevocationOutcome, Stray, Target,
};
use keymint_host::{Advice, Caller, Opening};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A fact to report. The text and the event are functions of it.
pub(crate) enum Message<'a> {
    Warning(Warning<'a>),
    #[cfg(feature = "sandbox")]
    Demonstration,
    #[cfg(feature = "sandbox")]
    DemonstrationOver,
    Listening {
        redirect_uri: &'a str,
    },
    AuthorizeUrl {
        url: &'a str,
        /// True if the sandbox simulates the browser.
        is_played: bool,
    },
    Browser(&'a Opening),
    RunByAgent(&'a Caller),
    Advice(&'a Advice),
    WaitingForPerson {
        patience: Duration,
        channel: ResponseChannel,
    },
    Pasted(Stray),
    /// The terminal has truncated the pasted text.
    PastedInPart,
    PasteAddress,
    Started {
        patience: Duration,
    },
    /// The lists for `list` are being read.
    Reading,
    NothingToList,
    Chosen {
        target: &'a Target,
        account: Option<&'a AccountEmail>,
    },
    Listener(listener::ListenerWarning),
    CallbackReceived,
    Looking {
        patience: Duration,
    },
    Flow(&'a Event),
    /// More organizations were skipped than have a message of their own.
    MoreOrganizationsSkipped,
    /// A new key is about to replace this one.
    Rotating {
        old: &'a KeyRecord,
    },
    /// The new key of a rotation is delivered, and is checked before the old one is revoked.
    CheckingKey,
    /// The state of the old key after a rotation.
    OldKey {
        old: &'a KeyRecord,
        outcome: &'a OldKeyOutcome,
    },
    Creating {
        place: &'a str,
        name: &'a str,
    },
    StillCreating {
        patience: Duration,
    },
    KeyCreated {
        last_four: &'a str,
        name: &'a str,
        place: &'a str,
        /// The time at which the key expires, if the server sent it.
        expires_at: Option<&'a str>,
    },
    /// A line that the command of --pipe-to printed, safe to display.
    CommandOutput(&'a str),
    /// The next line of standard output is the key, or the URL of a sign-in.
    Printing,
    Delivered(&'a DeliveredTo<'a>),
    KeyChecked(KeyCheck),
    Recovery {
        keys: usize,
    },
    /// A key was deleted from the recovery store.
    Deleted(&'a KeyRecord),
    /// The recovery store has a key that no durable destination has.
    Kept {
        path: &'a Path,
    },
    Done {
        /// True if only standard output has received the key.
        is_only_printed: bool,
        dashboard: Option<&'static str>,
    },
    Revocation(&'a RevocationOutcome),
    DryRun {
        place: &'a str,
    },
    Forgotten {
        profile: &'a str,
        last_four: Option<&'a str>,
        is_revoked: bool,
        record: Option<&'a KeyRecord>,
    },
    NothingToForget {
        profile: &'a str,
    },
    /// `run` is about to create the missing key.
    NoKeyStored,
    AskingForKey,
    /// The key to import was read.
    KeyRead {
        name: &'a str,
        last_four: &'a str,
    },
    /// An exported line was printed to the terminal, where no program reads it.
    Exported(ExportFormat),
    /// The server has deleted a key, or no longer had it.
    Revoked {
        key: &'a InventoryKey,
        is_gone: bool,
    },
    #[cfg(feature = "sandbox")]
    SandboxUp,
    #[cfg(feature = "sandbox")]
    SandboxDown {
        requests: usize,
        keys: usize,
    },
}

/// A warning to report.
pub(crate) enum Warning<'a> {
    Text(&'a str),
    OtherServers {
        issuer: &'a BaseUrl,
        api_base: &'a BaseUrl,
    },
    OtherPort {
        port: u16,
        registered: u16,
    },
    /// A rotation was interrupted after the delivery of its new key.
    OldKeyLeft {
        old: &'a KeyRecord,
    },
    /// A run was interrupted, and its key may exist.
    EarlierRun(&'a KeyRecord),
    MoreEarlierRuns(usize),
    KeyringIsSlow {
        may_prompt: bool,
    },
    NotKept(&'a DeliveryError),
    CutAnswer,
    Unconfirmed {
        restrictions: &'a [Restriction],
        /// The page that shows the key.
        page: &'static str,
    },
    NotChecked(&'a CliError),
    NotDeleted {
        path: &'a Path,
        error: &'a io::Error,
    },
    KeyVariableIsSet(&'a str),
    LibraryVariablesAreSet(Vec<&'static str>),
}

/// The channels through which the browser's response can arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ResponseChannel {
    Listener,
    ListenerOrPaste,
    Paste,
}

/// A destination that has the key.
pub(crate) enum DeliveredTo<'a> {
    EnvFile {
        path: PathBuf,
        variable: &'a str,
        /// The reasons why others may get the content of the file.
        warnings: &'a [String],
    },
    Keyring {
        profile: &'a str,
        /// The flag that selects the profile, after a space.
        profile_flag: String,
    },
    Command {
        name: &'a str,
    },
    Clipboard {
        /// True if a program has the key. False for a terminal, which may have ignored the request.
        is_confirmed: bool,
    },
    StandardOutput,
}
