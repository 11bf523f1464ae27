//! Advice about the machine.

use keymint_host::{Advice, HostEnvironment, HostKind};

/// The steps after which the browser's redirect reaches this program.
pub(crate) fn redirect(host: &HostEnvironment, port: u16) -> Option<Advice> {
    let mut advice = host.advice(port)?;
    if host.kind == HostKind::Container {
        advice.text += " Or sign in with `keymint start` and `keymint finish`, which need no port.";
    }
    Some(advice)
}
