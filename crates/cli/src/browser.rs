//! Opening the person's browser.

use crate::hardening;
use std::env;

/// Tries to open `url` in the person's browser, beside what else is going on.
///
/// Nothing depends on it, and success is not known: a launcher that starts may still show nothing.
/// Returns whether it was tried.
pub(crate) fn open(url: &str) -> bool {
    if !can_show_windows() {
        return false;
    }
    let url = url.to_owned();
    // A thread of its own, since some launchers run in the foreground. Their output is discarded.
    std::thread::spawn(move || {
        let _ = hardening::with_the_persons_limits(|| webbrowser::open(&url));
    });
    true
}

/// Without a display, a launcher would start a browser in the terminal that this program talks in.
fn can_show_windows() -> bool {
    let set = |name: &str| env::var_os(name).is_some_and(|value| !value.is_empty());
    let other_systems = cfg!(any(target_os = "macos", windows));
    other_systems || ["BROWSER", "DISPLAY", "WAYLAND_DISPLAY", "WSL_DISTRO_NAME"].into_iter().any(set)
}
