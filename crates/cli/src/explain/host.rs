//! Advice about the machine, and about the program that runs this one.

use crate::error::{CliError, ErrorKind};
use keymint_host::{Advice, Caller, HostEnvironment, HostKind};

/// The alternatives to `keymint create` in a CI system.
pub(crate) const INSTEAD_OF_CREATE: &str = "with an admin key, `keymint admin \
                                            service-account` creates a key there without a browser; or run `keymint \
                                            start`, open its URL in a browser elsewhere and give the URL of the last \
                                            page to `keymint finish`; or store a key from your own machine as a \
                                            secret of the CI";

/// Returns an error in a CI system, where no user can sign in with a browser.
pub(crate) fn check_ci(ci: &Option<Caller>, instead: &str) -> Result<(), CliError> {
    let Some(ci) = ci else { return Ok(()) };
    let hint = "--no-listen lets a user paste the URL. KEYMINT_CI=0 says that a user can sign in here.";
    Err(CliError::new(ErrorKind::Usage, format!("{ci}, and no user can sign in there: {instead}")).hint(hint))
}

/// Returns the steps by which the browser's redirect reaches this program.
pub(crate) fn redirect(host: &HostEnvironment, port: u16) -> Option<Advice> {
    let mut advice = host.advice(port)?;
    if host.kind == HostKind::Container {
        advice.text += " Or sign in with `keymint start` and `keymint finish`, which need no port.";
    }
    Some(advice)
}
