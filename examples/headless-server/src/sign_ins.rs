//! The state of each sign-in. Time is an argument, so this code does not wait.

use keymint_domain::{
    ApiKey, AuthorizationGrant, Callback, Event, Moment, PendingAuthorization, ProvisionedKey, Stray, Target,
};
use std::collections::HashMap;
use std::mem;
use std::time::Duration;
use subtle::ConstantTimeEq;

/// The maximum number of sign-ins.
const MOST: usize = 100;

/// The time limit of a sign-in, and the lifetime of its outcome.
const LIFETIME: Duration = Duration::from_secs(10 * 60);

/// The maximum number of events of a sign-in. Only the newest are kept.
const MOST_EVENTS: usize = 100;

/// All sign-ins, by their id.
#[derive(Default)]
pub(crate) struct SignIns(HashMap<String, SignIn>);

/// A sign-in. It cannot be printed, since it may contain the key.
pub(crate) struct SignIn {
    token: Token,
    /// `None` while the key is being created, which ends by itself and must not be lost.
    expires: Option<Moment>,
    pub(crate) events: Vec<&'static str>,
    pub(crate) stage: Stage,
    /// The key, until it is handed over.
    key: Option<ApiKey>,
}

/// The secret of the owner. Unlike the id, it is in no URL and so in no log.
pub(crate) struct Token(pub(crate) String);

pub(crate) enum Stage {
    /// Waits for the URL of the browser's last page.
    Waiting(Box<PendingAuthorization>),
    Working,
    Created {
        name: String,
        target: Target,
        last_four: String,
    },
    Failed(String),
}

/// The reason why a request was refused. It changed nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The operating system provides no randomness.
    NoRandomness,
    /// The maximum number of sign-ins is reached.
    Full,
    /// The sign-in does not exist, or the token is wrong.
    Unknown,
    /// The URL is not the response to this sign-in, which remains pending.
    NotTheAnswer(Stray),
    AlreadyAnswered,
    /// The sign-in has no key, or not yet.
    NoKey,
    AlreadyHandedOver,
}

impl SignIns {
    pub(crate) fn begin(
        &mut self,
        now: Moment,
        id: String,
        token: Token,
        pending: PendingAuthorization,
    ) -> Result<(), Refusal> {
        self.remove_expired(now);
        if self.0.len() >= MOST {
            return Err(Refusal::Full);
        }
        let (expires, stage) = (Some(now + LIFETIME), Stage::Waiting(Box::new(pending)));
        self.0.insert(id, SignIn { token, expires, events: Vec::new(), stage, key: None });
        Ok(())
    }

    /// Returns the sign-in if the token is the right one.
    pub(crate) fn of_owner(&mut self, now: Moment, id: &str, token: &Token) -> Result<&mut SignIn, Refusal> {
        self.remove_expired(now);
        let sign_in = self.0.get_mut(id).ok_or(Refusal::Unknown)?;
        if bool::from(sign_in.token.0.as_bytes().ct_eq(token.0.as_bytes())) {
            Ok(sign_in)
        } else {
            Err(Refusal::Unknown)
        }
    }

    pub(crate) fn note(&mut self, id: &str, event: &Event) {
        if let Some(SignIn { events, .. }) = self.0.get_mut(id) {
            if events.len() == MOST_EVENTS {
                events.remove(0);
            }
            events.push(event.name());
        }
    }

    /// Holds a key for the owner of the sign-in. Returns whether the sign-in exists.
    pub(crate) fn hold(&mut self, id: &str, key: ApiKey) -> bool {
        self.0.get_mut(id).map(|sign_in| sign_in.key = Some(key)).is_some()
    }

    pub(crate) fn finish(&mut self, now: Moment, id: &str, outcome: Result<ProvisionedKey, String>) {
        if let Some(sign_in) = self.0.get_mut(id) {
            sign_in.stage = match outcome {
                Ok(ProvisionedKey { name, target, key, .. }) => {
                    Stage::Created { name, target, last_four: key.last_four().to_owned() }
                }
                Err(reason) => Stage::Failed(reason),
            };
            sign_in.expires = Some(now + LIFETIME);
        }
    }

    pub(crate) fn remove_expired(&mut self, now: Moment) {
        self.0.retain(|_, sign_in| sign_in.expires.is_none_or(|expires| now < expires));
    }
}

impl SignIn {
    /// Reads the URL of the browser's last page. The first one with the right state counts. If access was denied,
    /// the result has no grant and the sign-in has failed.
    pub(crate) fn answer(&mut self, address: &str) -> Result<Option<AuthorizationGrant>, Refusal> {
        match mem::replace(&mut self.stage, Stage::Working) {
            Stage::Waiting(pending) => match pending.read_pasted(address) {
                Callback::Response(response) => match pending.accept(response) {
                    Ok(grant) => {
                        self.expires = None;
                        Ok(Some(grant))
                    }
                    Err(refusal) => {
                        self.stage = Stage::Failed(refusal.to_string());
                        Ok(None)
                    }
                },
                Callback::Stray(stray) => {
                    self.stage = Stage::Waiting(pending);
                    Err(Refusal::NotTheAnswer(stray))
                }
            },
            later => {
                self.stage = later;
                Err(Refusal::AlreadyAnswered)
            }
        }
    }

    pub(crate) fn is_handed_over(&self) -> bool {
        self.key.is_none()
    }

    /// Returns the key, which is then no longer held.
    pub(crate) fn take_key(&mut self) -> Result<ApiKey, Refusal> {
        match self.stage {
            Stage::Created { .. } => self.key.take().ok_or(Refusal::AlreadyHandedOver),
            _ => Err(Refusal::NoKey),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use keymint_domain::testing::{approved_redirect, pending};

    fn token() -> Token {
        Token("a token".to_owned())
    }

    fn begin(sign_ins: &mut SignIns, now: Moment, id: &str) -> Result<(), Refusal> {
        sign_ins.begin(now, id.to_owned(), token(), pending())
    }

    #[test]
    fn one_without_an_answer_is_removed_after_ten_minutes_and_makes_room() {
        let (now, mut sign_ins) = (Moment::ORIGIN, SignIns::default());
        for number in 0..MOST {
            begin(&mut sign_ins, now, &number.to_string()).unwrap();
        }
        let later = now + LIFETIME;
        let just_before = now + (LIFETIME - Duration::from_secs(1));
        assert_eq!(begin(&mut sign_ins, just_before, "one more"), Err(Refusal::Full));
        assert!(sign_ins.of_owner(just_before, "0", &token()).is_ok());
        assert_eq!(sign_ins.of_owner(later, "0", &token()).err(), Some(Refusal::Unknown));
        assert_eq!(begin(&mut sign_ins, later, "one more"), Ok(()));
    }

    #[test]
    fn one_that_makes_a_key_stays_and_its_outcome_is_kept_for_ten_minutes() {
        let (now, mut sign_ins) = (Moment::ORIGIN, SignIns::default());
        begin(&mut sign_ins, now, "id").unwrap();
        let sign_in = sign_ins.of_owner(now, "id", &token()).unwrap();
        assert!(sign_in.answer(&approved_redirect(&pending())).unwrap().is_some());

        let late = now + LIFETIME * 2;
        assert!(sign_ins.of_owner(late, "id", &token()).is_ok());
        sign_ins.finish(late, "id", Err("it did not work".to_owned()));
        assert!(sign_ins.of_owner(late, "id", &token()).is_ok());
        assert_eq!(sign_ins.of_owner(late + LIFETIME, "id", &token()).err(), Some(Refusal::Unknown));
    }

    #[test]
    fn the_newest_events_are_kept() {
        let (now, mut sign_ins) = (Moment::ORIGIN, SignIns::default());
        begin(&mut sign_ins, now, "id").unwrap();
        sign_ins.note("id", &Event::CodeExchanged);
        for _ in 0..MOST_EVENTS {
            sign_ins.note("id", &Event::SignedIn);
        }
        assert_eq!(sign_ins.of_owner(now, "id", &token()).unwrap().events, ["signed_in"; MOST_EVENTS]);
    }
}
