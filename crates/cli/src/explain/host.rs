//! Advice about the machine, and about the program that runs this one.

use crate::config::Profile;
use crate::error::{CliError, ErrorKind};
use crate::ui::format::profile_flag;
use keymint_host::{Advice, Caller, HostEnvironment, HostKind};

/// The alternatives to `keymint create` in a CI system.
pub(crate) const INSTEAD_OF_CREATE: [&str; 3] = [
    "With an admin key: `keymint admin service-account`.",
    "In two steps: `keymint start`, then `keymint finish`.",
    "Or store a key from your own machine as a CI secret.",
];

/// The alternatives to `keymint create --keyring` in a CI system.
pub(crate) fn instead_of_create_in_keyring(profile: &Profile) -> [String; 3] {
    let flag = profile_flag(profile);
    [
        format!("With an admin key: `keymint admin service-account --keyring{flag}`."),
        format!("In two steps: `keymint start`, then `keymint finish --keyring{flag}`."),
        "Or store a key from your own machine as a CI secret, and run the command without keymint."
            .to_owned(),
    ]
}

/// Returns an error in a CI system, where no user can sign in with a browser.
pub(crate) fn check_ci(ci: &Option<Caller>, instead: &[&str]) -> Result<(), CliError> {
    let Some(Caller { variable, .. }) = ci else { return Ok(()) };
    let message = format!("no user can sign in with a browser in CI ({variable} is set)");
    let others = "--no-listen lets a user paste the URL. KEYMINT_CI=0 says that a user can sign in here.";
    Err(CliError::new(ErrorKind::Usage, message).hints_in_lines(instead.iter().copied().chain([others])))
}

/// Returns the steps by which the browser's redirect reaches this program.
pub(crate) fn redirect(host: &HostEnvironment, port: u16) -> Option<Advice> {
    let mut advice = host.advice(port)?;
    if host.kind == HostKind::Container {
        advice.text += " Or sign in with `keymint start` and `keymint finish`, which need no port.";
    }
    Some(advice)
}
