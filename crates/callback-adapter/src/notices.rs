//! What a person should know while the listener waits, and that it is told once.

use std::sync::{Mutex, PoisonError};

/// Something that a person should know while the listener waits. The listener itself goes on
/// waiting as before. Each is told once, however often it happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
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

type Observer = Box<dyn FnMut(Notice) + Send>;

/// Tells each notice once, to an observer that may come later than the notice.
#[derive(Default)]
pub(crate) struct Notices(Mutex<Told>);

#[derive(Default)]
struct Told {
    notices: Vec<Notice>,
    observer: Option<Observer>,
}

impl Notices {
    /// From now on the observer is told, beginning with what there is to tell already.
    pub(crate) fn observe(&self, mut observer: Observer) {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for notice in &told.notices {
            observer(*notice);
        }
        told.observer = Some(observer);
    }

    pub(crate) fn tell(&self, notice: Notice) {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if told.notices.contains(&notice) {
            return;
        }
        told.notices.push(notice);
        if let Some(observer) = &mut told.observer {
            observer(notice);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn each_notice_is_told_once_even_to_an_observer_that_comes_late() {
        let notices = Notices::default();
        notices.tell(Notice::SpokeTls);
        notices.tell(Notice::SpokeTls);

        let (observer, observed) = mpsc::channel();
        notices.observe(Box::new(move |notice| observer.send(notice).unwrap()));
        notices.tell(Notice::AcceptFailed);
        notices.tell(Notice::SpokeTls);
        notices.tell(Notice::AcceptFailed);
        assert_eq!(observed.try_iter().collect::<Vec<_>>(), [Notice::SpokeTls, Notice::AcceptFailed]);
    }
}
