//! The checks of this machine.

use crate::config::{Endpoints, Sources};
use crate::error::CliError;
use crate::explain::delivery as explain;
use crate::explain::host::{INSTEAD_OF_CREATE, redirect};
use crate::explain::listener::{self_test, self_test_hint};
use crate::flow::context::Context;
use crate::flow::env_conflicts;
use crate::flow::response::bind_error;
use crate::os::env::Environment;
use crate::ui::format::{of_obstacle, of_warning, stop_sign_in};
use crate::ui::json::{Finding, Health};
use keymint_callback_adapter::{BindErrorKind, LoopbackListener, PortOwner, SelfTestErrorKind};
use keymint_delivery_adapter::{Keyring, KeyringError, Overwrite, StateDir, StoredItem, wall_clock};
use keymint_domain::Clock;
use keymint_host::{Browser, Caller, HostEnvironment, HostKind, Obstacle};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

/// The time limit of resolving `localhost`.
const LOOKUP: Duration = Duration::from_secs(5);

/// Checks that the callback port can be bound at both addresses. A sign-in that was already found is not reported
/// again.
pub(super) fn port(endpoints: &Endpoints, sign_in: &Finding) -> (Option<Finding>, Option<LoopbackListener>) {
    let port = endpoints.callback_port;
    let listener = match LoopbackListener::bind(port) {
        Ok(listener) => listener,
        Err(error) => {
            let is_keymint = |owner: PortOwner| owner.is_named(env!("CARGO_PKG_NAME"));
            let is_found = sign_in.status == Health::Problem
                && error.kind == BindErrorKind::InUse
                && PortOwner::of(error.address).is_none_or(is_keymint);
            return ((!is_found).then(|| of_failure("port", bind_error(error))), None);
        }
    };
    let finding = match endpoints.port_warning() {
        Some(warning) => Finding::problem("port", &of_warning(&warning), "Leave --callback-port out."),
        None => Finding::ok("port", &format!("{port} is free on this machine")),
    };
    (Some(finding), Some(listener))
}

/// Checks the addresses of `localhost`.
pub(super) async fn localhost(clock: &dyn Clock) -> Finding {
    let found = clock.timeout(LOOKUP, tokio::net::lookup_host(("localhost", 0))).await;
    let found = found.into_iter().flatten().flatten();
    let mut addresses: Vec<_> = found.map(|address| address.ip()).collect();
    addresses.dedup();
    let own = [IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST)];
    if let Some(elsewhere) = addresses.iter().find(|address| !own.contains(address)) {
        let message = format!("leads to {elsewhere}, where keymint does not listen");
        return Finding::problem(
            "localhost",
            &message,
            self_test_hint(&SelfTestErrorKind::ResolvesElsewhere),
        );
    }
    if addresses.is_empty() {
        return Finding::ok("localhost", "is not known to the system; browsers know it by themselves");
    }
    let addresses: Vec<_> = addresses.iter().map(ToString::to_string).collect();
    Finding::ok("localhost", &format!("leads to {}", addresses.join(" and ")))
}

/// Checks that connections reach a listener. If the port is in use, a listener on another port is tested.
pub(super) async fn loopback(listener: &Option<LoopbackListener>) -> Option<Finding> {
    let other = if listener.is_none() { LoopbackListener::bind(0).ok() } else { None };
    let listener = listener.as_ref().or(other.as_ref())?;
    match listener.self_test().await {
        Ok(()) => Some(Finding::ok("loopback", "this machine reaches itself")),
        // The addresses of `localhost` have a check of their own.
        Err(error) if error.kind == SelfTestErrorKind::ResolvesElsewhere => None,
        Err(error) => Some(of_failure("loopback", self_test(error))),
    }
}

/// Checks which browser is used, and whether it can be opened.
pub(super) fn browser(browser: &Browser, host: &HostEnvironment) -> Finding {
    let by_hand = |obstacle| {
        let why = of_obstacle(obstacle).unwrap_or_else(|| "is not on this machine".to_owned());
        let fix = "Open the URL yourself, or name a browser with --browser or BROWSER.";
        Finding::warning("browser", &why, fix)
    };
    let finding = match browser.launchers(host) {
        Ok(launchers) if launchers.is_empty() => Finding::ok("browser", "none is opened, as you asked"),
        Ok(launchers) => match launchers.iter().find(|launcher| launcher.can_start()) {
            Some(launcher) => Finding::ok("browser", &format!("opened by {}", launcher.name())),
            None => by_hand(&Obstacle::cannot_start(&launchers)),
        },
        Err(obstacle) => by_hand(&obstacle),
    };
    match (browser, finding.status) {
        (Browser::Named(_), Health::Ok) => finding.in_public("opened by a program that is named"),
        (Browser::Named(_), _) => finding.in_public("no program that is named can be started"),
        _ => finding,
    }
}

/// Checks whether the browser's redirect can reach this program.
pub(super) fn place(host: &HostEnvironment, port: u16) -> Finding {
    match redirect(host, port) {
        Some(advice) if host.kind != HostKind::Wsl => Finding::warning("place", host.description(), advice),
        _ => Finding::ok("place", host.description()),
    }
}

/// Checks that the clock is plausible, since certificates are not valid at a wrong time.
pub(super) fn clock(now: &str) -> Finding {
    let shown = format!("{} UTC", now[.."YYYY-MM-DDTHH:MM".len()].replace('T', " "));
    if wall_clock::is_plausible(now) {
        Finding::ok("clock", &shown)
    } else {
        Finding::problem("clock", &format!("{shown} is long past"), "Set the clock of this machine.")
    }
}

/// Checks that the state directory can be used.
pub(super) fn state() -> Finding {
    match StateDir::open_default().and_then(|state| state.check().map(|()| state)) {
        Ok(state) => Finding::ok("state", &format!("kept in {}", state.path().display())),
        Err(error) => Finding::problem(
            "state",
            &format!("cannot be used: {error}"),
            "Make it a directory of your own that only you can write to, or set XDG_STATE_HOME to another.",
        ),
    }
}

/// Checks whether another sign-in of this user holds the port.
pub(super) fn lock(port: u16) -> Finding {
    match StateDir::open_default().and_then(|state| state.port_lock_holder(port)) {
        Ok(None) => Finding::ok("sign-in", "no other one of yours is in progress"),
        Ok(Some(holder)) => Finding::problem(
            "sign-in",
            &format!("another one of yours waits for the browser on port {port}: {holder}"),
            stop_sign_in(&holder),
        ),
        // The state directory has a check of its own.
        Err(_) => Finding::ok("sign-in", "cannot determine whether another one of yours is in progress"),
    }
}

/// Checks whether a coding agent runs this program.
pub(super) fn agent(agent: Option<Caller>) -> Finding {
    let message = match agent {
        Some(agent) => format!("{agent}: a key is printed only with --print"),
        None => "no coding agent is recognized".to_owned(),
    };
    Finding::ok("agent", &message)
}

/// Checks whether a CI system runs this program.
pub(super) fn ci(ci: &Option<Caller>) -> Finding {
    match ci {
        None => Finding::ok("ci", "no CI system is recognized"),
        Some(ci) => {
            let message = format!("{ci}, and no user can sign in with a browser there");
            Finding::warning("ci", &message, INSTEAD_OF_CREATE.join(" "))
        }
    }
}

/// Checks, as `create --keyring` does, that the keyring stores keys. A key can have another destination, so this is
/// never a problem.
pub(super) async fn keyring(context: &Context) -> Finding {
    let profile = &context.sources.profile;
    match context.patiently(last_four_in_usable_keyring(profile.as_str())).await {
        Ok(None) => Finding::ok("keyring", &format!("has no key for the profile {profile}"))
            .in_public("has no key for the profile"),
        Ok(Some(last_four)) => {
            Finding::ok("keyring", &format!("has a key for the profile {profile}, ending in {last_four}"))
                .in_public("has a key for the profile")
        }
        Err(error @ KeyringError::NotBuiltIn) => Finding::ok("keyring", &explain::keyring(&error).message()),
        Err(error) => {
            let message = explain::keyring(&error).message();
            // The cause may contain an address.
            let public = message.split(':').next().unwrap_or_default();
            Finding { status: Health::Warning, ..of_failure("keyring", explain::keyring(&error)) }
                .in_public(public)
        }
    }
}

/// Returns the last characters of the profile's key, if the keyring also stores a trial item, which is removed.
async fn last_four_in_usable_keyring(profile: &str) -> Result<Option<String>, KeyringError> {
    let found = Keyring::inspect(profile).await?;
    let last_four = match found.current() {
        StoredItem::Nothing => None,
        StoredItem::Key(key) => Some(key.last_four().to_owned()),
        StoredItem::NoKey(_) => return Err(KeyringError::NotAKey),
    };
    found.reserve(Overwrite::Always).await?;
    Ok(last_four)
}

/// Reports the configuration file in use. An invalid file has already ended the program.
pub(super) fn config(options: &Sources<'_>) -> Finding {
    let message = match &options.file {
        Some(path) if path.exists() => path.display().to_string(),
        Some(path) => format!("{} (does not exist, and is not needed)", path.display()),
        None => "none: there is no home directory".to_owned(),
    };
    Finding::ok("config", &message)
}

/// Checks for variables that make programs use another key or another server. Their values are not shown.
pub(super) fn environment(environment: &dyn Environment) -> Finding {
    let set = env_conflicts::all_set(environment);
    if set.is_empty() {
        return Finding::ok("environment", "no variable hides a new key");
    }
    let unset = if cfg!(windows) {
        format!("Remove-Item Env:{}", set.join(", Env:"))
    } else {
        format!("unset {}", set.join(" "))
    };
    Finding::warning(
        "environment",
        &format!("programs started from here heed what is set already: {}", set.join(", ")),
        format!("To use the new key instead: `{unset}`."),
    )
}

pub(super) fn of_failure(check: &'static str, failure: CliError) -> Finding {
    Finding::problem(check, &failure.message(), failure.hints().unwrap_or_default())
}
