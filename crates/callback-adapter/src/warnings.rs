//! Warnings to the user while the listener waits, each reported once.

use std::sync::{Mutex, PoisonError};

/// A condition that the user should know of while the listener waits. The listener itself continues.
/// Each warning is reported once, however often it occurs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ListenerWarning {
    /// A client spoke TLS to the port, most likely the browser. It uses `https://localhost` instead of
    /// `http://localhost`, since it is set to use HTTPS only or remembers that another program on this
    /// machine required it (RFC 6797). The browser cannot return on its own.
    SpokeTls,
    /// A second browser opened the start URL, which works in one. Unless the user did that, another
    /// user or program watches this one.
    StartOpenedTwice,
    /// A program that is not known to be this user's requested the start URL, and was refused. The program belongs to
    /// another user, unless the system hides who owns the browser's connections.
    StartRefused,
    /// A callback had the state of another sign-in, perhaps from an older tab.
    ForeignState,
    /// The operating system does not hand over a connection, most likely because too many files are
    /// open. The listener retries every 50 ms.
    AcceptFailed,
}

type Observer = Box<dyn FnMut(ListenerWarning) + Send>;

/// The warnings reported so far, and the observer to report them to, which may be set later.
#[derive(Default)]
pub(crate) struct Warnings(Mutex<Reported>);

#[derive(Default)]
struct Reported {
    warnings: Vec<ListenerWarning>,
    observer: Option<Observer>,
}

impl Warnings {
    /// Sets the observer, and first reports to it the warnings so far.
    pub(crate) fn observe(&self, mut observer: Observer) {
        let mut reported = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for warning in &reported.warnings {
            observer(*warning);
        }
        reported.observer = Some(observer);
    }

    pub(crate) fn report(&self, warning: ListenerWarning) {
        let mut reported = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if reported.warnings.contains(&warning) {
            return;
        }
        reported.warnings.push(warning);
        if let Some(observer) = &mut reported.observer {
            observer(warning);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn each_warning_is_reported_once_even_to_a_late_observer() {
        let warnings = Warnings::default();
        warnings.report(ListenerWarning::SpokeTls);
        warnings.report(ListenerWarning::SpokeTls);

        let (observer, observed) = mpsc::channel();
        warnings.observe(Box::new(move |warning| observer.send(warning).unwrap()));
        warnings.report(ListenerWarning::AcceptFailed);
        warnings.report(ListenerWarning::SpokeTls);
        warnings.report(ListenerWarning::AcceptFailed);
        assert_eq!(
            observed.try_iter().collect::<Vec<_>>(),
            [ListenerWarning::SpokeTls, ListenerWarning::AcceptFailed]
        );
    }
}
