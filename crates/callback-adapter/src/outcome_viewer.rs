//! The only viewer of the outcome page that has no time limit. There is only one, so that a flood of viewers cannot
//! occupy every connection.

use crate::connection_state::ConnectionState;
use std::sync::{Mutex, PoisonError};

/// The slot of the viewer without a time limit. It is meant for the browser that brought the authorization response,
/// which the cookie identifies. If that browser keeps no cookies, the first viewer gets the slot.
#[derive(Debug, Default)]
pub(crate) struct OutcomeViewer(Mutex<Option<Viewer>>);

#[derive(Debug)]
struct Viewer {
    /// Held until the viewer has the whole page.
    connection: ConnectionState,
    has_cookie: bool,
}

impl OutcomeViewer {
    /// Gives the slot to this connection and holds it, if the slot is free or a viewer without the cookie
    /// must leave it to one with the cookie.
    pub(crate) fn admit(&self, connection: &ConnectionState, has_cookie: bool) {
        let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &*slot {
            Some(viewer) if viewer.connection.is_held() && (viewer.has_cookie || !has_cookie) => return,
            Some(viewer) => viewer.connection.release(),
            None => {}
        }
        connection.hold();
        *slot = Some(Viewer { connection: connection.clone(), has_cookie });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_with_the_cookie_takes_the_place_of_one_without_and_keeps_it() {
        for (first_cookie, second_cookie, expected) in [
            (false, false, [true, false]),
            (false, true, [false, true]),
            (true, false, [true, false]),
            (true, true, [true, false]),
        ] {
            let slot = OutcomeViewer::default();
            let [first, second] = <[ConnectionState; 2]>::default();
            slot.admit(&first, first_cookie);
            slot.admit(&second, second_cookie);
            assert_eq!([first.is_held(), second.is_held()], expected, "{first_cookie} {second_cookie}");

            first.release();
            slot.admit(&second, second_cookie);
            assert!(second.is_held(), "the first has left");
        }
    }
}
