//! Opening the browser.

use crate::hardening;
#[cfg(feature = "sandbox")]
use keymint_sandbox::{Choice, visit};
use std::env;
use url::Url;

/// Whose browser opens the address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Browser {
    /// Nobody's: the person opens it.
    None,
    /// The one that this system opens addresses in.
    System,
    #[cfg(feature = "sandbox")]
    /// The sandbox's, which agrees to everything.
    Sandbox,
}

/// What became of the attempt. Success is not known: a launcher that starts may still show nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opening {
    NotWanted,
    Impossible,
    Tried,
}

impl Browser {
    /// Tries to open the sign-in, beside what else is going on. Nothing depends on it.
    ///
    /// The system's browser is given the start address: arguments can be read by other users of the
    /// machine, and the authorize URL holds the state.
    #[cfg_attr(
        not(feature = "sandbox"),
        expect(unused_variables, reason = "its browser is the one that opens it")
    )]
    pub(crate) fn open(self, start_url: impl FnOnce() -> Url, authorize_url: &Url) -> Opening {
        match self {
            Self::None => return Opening::NotWanted,
            Self::System if !can_show_windows() => return Opening::Impossible,
            Self::System => {
                let url = start_url();
                // A thread of its own, since some launchers run in the foreground. Their output is
                // discarded.
                drop(std::thread::spawn(move || {
                    let _ = hardening::with_the_persons_limits(|| webbrowser::open(url.as_str()));
                }));
            }
            #[cfg(feature = "sandbox")]
            Self::Sandbox => {
                let url = authorize_url.to_string();
                drop(tokio::spawn(async move { visit(&url, Choice::Continue).await }));
            }
        }
        Opening::Tried
    }
}

/// Without a display, a launcher would start a browser in the terminal that this program talks in.
fn can_show_windows() -> bool {
    let set = |name: &str| env::var_os(name).is_some_and(|value| !value.is_empty());
    let other_systems = cfg!(any(target_os = "macos", windows));
    other_systems || ["BROWSER", "DISPLAY", "WAYLAND_DISPLAY", "WSL_DISTRO_NAME"].into_iter().any(set)
}
