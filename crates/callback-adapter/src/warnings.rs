//! What a person should know while the listener waits, and that it is told once.

use std::sync::{Mutex, PoisonError};

/// Something that a person should know while the listener waits. The listener itself goes on
/// waiting as before. Each is told once, however often it happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ListenerWarning {
    /// Somebody spoke TLS to the port, most likely the browser: it goes to `https://localhost`
    /// instead of `http://localhost`, since it is told to use nothing else, or remembers that
    /// another program on this machine asked for it (RFC 6797). So it cannot come back by itself.
    SpokeTls,
    /// A second browser opened the start address, which was meant for one. Unless the person did
    /// that, somebody else sees what this program does.
    StartOpenedTwice,
    /// A callback with another state came: that of another sign-in, perhaps from an older tab.
    ForeignState,
    /// The operating system does not hand over a connection; most likely too many files are open.
    /// The listener tries again, 50 ms later each time.
    AcceptFailed,
}

type Observer = Box<dyn FnMut(ListenerWarning) + Send>;

/// Tells each warning once, to an observer that may come later than the warning.
#[derive(Default)]
pub(crate) struct Warnings(Mutex<Told>);

#[derive(Default)]
struct Told {
    warnings: Vec<ListenerWarning>,
    observer: Option<Observer>,
}

impl Warnings {
    /// From now on the observer is told, beginning with what there is to tell already.
    pub(crate) fn observe(&self, mut observer: Observer) {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for warning in &told.warnings {
            observer(*warning);
        }
        told.observer = Some(observer);
    }

    pub(crate) fn tell(&self, warning: ListenerWarning) {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if told.warnings.contains(&warning) {
            return;
        }
        told.warnings.push(warning);
        if let Some(observer) = &mut told.observer {
            observer(warning);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn each_notice_is_told_once_even_to_an_observer_that_comes_late() {
        let warnings = Warnings::default();
        warnings.tell(ListenerWarning::SpokeTls);
        warnings.tell(ListenerWarning::SpokeTls);

        let (observer, observed) = mpsc::channel();
        warnings.observe(Box::new(move |warning| observer.send(warning).unwrap()));
        warnings.tell(ListenerWarning::AcceptFailed);
        warnings.tell(ListenerWarning::SpokeTls);
        warnings.tell(ListenerWarning::AcceptFailed);
        assert_eq!(
            observed.try_iter().collect::<Vec<_>>(),
            [ListenerWarning::SpokeTls, ListenerWarning::AcceptFailed]
        );
    }
}
