//! The errors of the callback listener.

use crate::error::{CliError, ErrorKind};
use keymint_callback_adapter::{BindError, BindErrorKind, PortOwner, SelfTestError, SelfTestErrorKind};

/// The steps that free port 5000 on a Mac.
const AIRPLAY_OFF: &str =
    "Switch AirPlay Receiver off in System Settings, General, AirDrop & Handoff, and run this again.";

/// Returns the error of a port that cannot be bound. The owner is the program that listens there, if it is known.
pub(crate) fn bind(error: BindError, owner: Option<&PortOwner>) -> CliError {
    let hint = match error.kind {
        BindErrorKind::InUse => in_use_hint(error.address.port(), owner),
        BindErrorKind::NotPermitted => {
            "The system reserves that port. On Windows, `netsh interface ipv4 show excludedportrange tcp` shows the \
             reserved ranges; elsewhere, ports below 1024 are the administrator's."
                .to_owned()
        }
        _ => "Check that this machine's loopback addresses work: `ping 127.0.0.1`.".to_owned(),
    };
    CliError::from_source(ErrorKind::CallbackUnavailable, error).hint(hint)
}

fn in_use_hint(port: u16, owner: Option<&PortOwner>) -> String {
    match owner {
        Some(owner) if owner.is_airplay() => format!("{owner} holds it. {AIRPLAY_OFF}"),
        Some(owner) if owner.is_named(env!("CARGO_PKG_NAME")) => {
            format!("Another sign-in is in progress: {owner}. Finish it or end it, and run this again.")
        }
        Some(owner) => {
            format!("{owner} holds port {port}. Wait for it or end it, and run this again.")
        }
        None => {
            let who = if cfg!(windows) {
                format!("`netstat -ano | findstr :{port}` shows which it is.")
            } else {
                format!("`sudo lsof -nP -iTCP:{port} -sTCP:LISTEN` shows which it is.")
            };
            let airplay = format!(" It may be AirPlay Receiver. {AIRPLAY_OFF}");
            let airplay = if cfg!(target_os = "macos") { &airplay } else { "" };
            format!(
                "Another program uses port {port}. Wait for it or end it, and run this again. {who}{airplay}"
            )
        }
    }
}

/// Returns the error of a listener that a browser would not reach.
pub(crate) fn self_test(error: SelfTestError) -> CliError {
    let hint = self_test_hint(&error.kind);
    CliError::from_source(ErrorKind::CallbackUnavailable, error).hint(hint)
}

pub(crate) fn self_test_hint(kind: &SelfTestErrorKind) -> &'static str {
    match kind {
        SelfTestErrorKind::ResolvesElsewhere => {
            "Browsers would come back to that address. Correct the line for localhost in the hosts file: it should \
             lead to 127.0.0.1 and ::1 only."
        }
        SelfTestErrorKind::NoAnswer => "A firewall may block connections of this machine to itself.",
        SelfTestErrorKind::AirPlayReceiver => AIRPLAY_OFF,
        _ => "Another program would get the browser's answer. End it, and run this again.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_owner_of_the_port_is_named_as_far_as_it_is_known() {
        assert!(in_use_hint(5000, None).contains(if cfg!(windows) { "netstat" } else { "lsof" }));
        for (name, expected) in [
            ("node", "node (process 7) holds port 5000. Wait for it or end it"),
            ("ControlCenter", "Switch AirPlay Receiver off"),
            ("keymint", "Another sign-in is in progress: keymint (process 7). Finish it"),
        ] {
            let owner = PortOwner::new(name, 7);
            let hint = in_use_hint(5000, Some(&owner));
            assert!(hint.contains(expected), "{hint}");
        }
    }

    #[test]
    fn each_way_of_not_being_reached_has_its_hint() {
        for (kind, hint) in [
            (SelfTestErrorKind::ResolvesElsewhere, "hosts file"),
            (SelfTestErrorKind::NoAnswer, "firewall"),
            (SelfTestErrorKind::AirPlayReceiver, "Switch AirPlay Receiver off in System Settings"),
            (SelfTestErrorKind::Stranger { server: None }, "Another program"),
        ] {
            assert!(self_test_hint(&kind).contains(hint), "{kind:?}");
        }
    }
}
