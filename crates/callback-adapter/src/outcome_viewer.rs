//! The one viewer of the outcome page without a time limit. The number is limited to one, so that a
//! flood of viewers cannot take every connection.

use crate::connection_state::ConnectionState;
use std::sync::{Mutex, PoisonError};

/// The slot of that viewer. It is meant for the browser that brought the authorization response, known
/// by its cookie. If that browser keeps no cookies, the first viewer gets the slot.
#[derive(Debug, Default)]
pub(crate) struct OutcomeViewer(Mutex<Option<Viewer>>);

#[derive(Debug)]
struct Viewer {
    /// Held until the viewer has the whole page.
    connection: ConnectionState,
    has_cookie: bool,
}

impl OutcomeViewer {
    /// Holds the connection if the place is free, or if one without the cookie has it, which loses
    /// it to one with the cookie.
    pub(crate) fn let_in(&self, connection: &ConnectionState, has_cookie: bool) {
        let mut place = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &*place {
            Some(viewer) if viewer.connection.is_held() && (viewer.has_cookie || !has_cookie) => return,
            Some(viewer) => viewer.connection.release(),
            None => {}
        }
        connection.hold();
        *place = Some(Viewer { connection: connection.clone(), has_cookie });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_reader_has_the_place_until_it_leaves() {
        for has_cookie in [false, true] {
            let place = OutcomeViewer::default();
            let [first, second] = [ConnectionState::default(), ConnectionState::default()];
            place.let_in(&first, has_cookie);
            place.let_in(&second, has_cookie);
            assert_eq!((first.is_held(), second.is_held()), (true, false));

            first.release();
            place.let_in(&second, has_cookie);
            assert!(second.is_held());
        }
    }

    #[test]
    fn a_reader_with_the_cookie_takes_the_place_of_one_without_and_keeps_it() {
        let place = OutcomeViewer::default();
        let [without, with, other] =
            [ConnectionState::default(), ConnectionState::default(), ConnectionState::default()];
        place.let_in(&without, false);
        place.let_in(&with, true);
        place.let_in(&other, false);
        assert_eq!([&without, &with, &other].map(ConnectionState::is_held), [false, true, false]);
    }
}
