use crate::browser::{Browser, Opening};
use crate::host::environment::Advice;
use keymint_callback_adapter as listener;
use keymint_domain::{AccountEmail, Event, Stray, Target};
use std::time::Duration;

/// Something to tell.
pub(crate) enum Message<'a> {
    Warning(&'a str),
    #[cfg(feature = "sandbox")]
    Demonstration,
    Listening {
        redirect_uri: &'a str,
    },
    AuthorizeUrl {
        url: &'a str,
        browser: &'a Browser,
    },
    Browser(&'a Opening),
    RunByAgent(&'a str),
    Advice(&'a Advice),
    WaitingForPerson {
        patience: Duration,
        channel: ResponseChannel,
    },
    Pasted(Stray),
    PasteAddress,
    Started {
        expires_at: &'a str,
    },
    /// Reading the lists for `list`.
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
    Creating {
        target: &'a Target,
        name: &'a str,
    },
    StillCreating {
        patience: Duration,
    },
    KeyCreated {
        last_four: &'a str,
        name: &'a str,
        target: &'a Target,
    },
    /// A line that the command of --pipe-to said, fit for a person.
    CommandOutput(&'a str),
    Delivered {
        to: &'a str,
        what_now: &'a str,
    },
    Verified {
        words: &'a str,
    },
    Recovery {
        keys: usize,
    },
    Deleted {
        text: &'a str,
    },
    /// The key is kept, besides where it was wanted.
    Kept {
        text: &'a str,
    },
    Done {
        /// Where programs look for the key, if they do so by themselves.
        variable: Option<&'a str>,
        dashboard: Option<&'static str>,
    },
    DryRun {
        target: &'a Target,
    },
    Forgotten {
        profile: &'a str,
        last_four: Option<&'a str>,
    },
    NothingToForget {
        profile: &'a str,
    },
    #[cfg(feature = "sandbox")]
    SandboxUp,
    #[cfg(feature = "sandbox")]
    SandboxDown {
        requests: usize,
        keys: usize,
    },
}

/// How the browser's answer can come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ResponseChannel {
    Listener,
    ListenerOrPaste,
    Paste,
}
