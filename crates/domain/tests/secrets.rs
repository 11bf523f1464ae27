//! The traits that types with secrets must not implement, and the secrets that their `Debug` must not show.

use keymint_domain::testing::{
    FakeAuthServer, FakeClock, FakePlatform, granted, organization, pending, project,
};
use keymint_domain::{
    AccessToken, AccountEmail, AdminKey, ApiKey, AuthorizationCode, AuthorizationGrant, CodeVerifier,
    Entropy, PendingAuthorization, Plan, Ports, ProvisionedAccount, ProvisionedKey, Provisioner,
    RefreshToken, Revocation, SavedAuthorization, Session, SessionKey, State, Target, Tokens,
};
use std::fmt::{Debug, Display};

/// Fails to compile if the type implements one of the traits, because two implementations are ambiguous then.
macro_rules! never {
    ($type:ty: $($trait:path),+) => {
        $(const _: fn() = || {
            trait Ambiguous<A> {
                fn item() {}
            }
            impl<T: ?Sized> Ambiguous<()> for T {}
            struct Implemented;
            impl<T: ?Sized + $trait> Ambiguous<Implemented> for T {}
            let _ = <$type as Ambiguous<_>>::item;
        };)+
    };
}

macro_rules! keep_to_themselves {
    ($($type:ty),+ $(,)?) => {
        $(never!($type: Display, Clone, PartialEq, AsRef<str>, Into<String>, serde::Serialize);)+
    };
}

keep_to_themselves!(
    AccessToken,
    AccountEmail,
    AdminKey,
    ApiKey,
    AuthorizationCode,
    AuthorizationGrant,
    CodeVerifier,
    Entropy,
    PendingAuthorization,
    ProvisionedAccount,
    ProvisionedKey,
    RefreshToken,
    Revocation,
    Session,
    SessionKey,
    State,
    Tokens,
);

// It is saved by its fields, or with the feature `serde`.
never!(SavedAuthorization: Debug, Display, Clone, PartialEq, AsRef<str>, Into<String>);
#[cfg(not(feature = "serde"))]
never!(SavedAuthorization: serde::Serialize);

fn shown(it: &impl Debug) -> String {
    format!("{it:?} {it:#?}")
}

#[test]
fn no_secret_shows_in_debug_from_the_beginning_of_a_flow_to_its_end() {
    let clock = FakeClock::new();
    let auth_server = FakeAuthServer::new(&clock).email("address@example.com");
    let platform = FakePlatform::ready(&clock);
    let ports = Ports { auth_server: &auth_server, platform: &platform, clock: &clock };
    let plan = Plan::named("my key");
    let Ok(entropy) = Entropy::fill_with(|bytes| {
        bytes.fill(0x5a);
        Ok::<_, std::convert::Infallible>(())
    });
    let mut said = vec![shown(&entropy), shown(&pending()), shown(&granted())];
    said.push(shown(&AdminKey::parse("canary-admin".to_owned()).unwrap()));
    said.push(shown(&Tokens::new(AccessToken::parse("canary-canary".to_owned()).unwrap())));
    let grant = granted();
    let revocation = grant.revocation();
    let session = clock.run(Provisioner::new(ports, &plan).sign_in(grant)).unwrap();
    said.push(shown(&revocation));
    assert_eq!(session.account().unwrap().as_str(), "address@example.com");
    said.extend([shown(&session.account()), shown(&session)]);
    let target = Target::new(&organization("org-1"), &project("proj_1", true));
    let created = clock.run(Provisioner::new(ports, &plan).create_key(session, target)).unwrap();
    said.push(shown(&created));

    let grant = granted();
    let secrets = [
        "90, 90",
        "WlpaWlpa",
        grant.verifier().expose(),
        grant.code().expose(),
        "canary",
        "address",
        "the-refresh-token",
        created.key.expose(),
    ];
    assert!(said[1].contains("https://auth.openai.com"), "{}", said[1]);
    for text in said {
        for secret in secrets {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
        assert!(text.contains("[redacted]") || text.contains(".."), "{text}");
    }
}
