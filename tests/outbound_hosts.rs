//! The hosts that a run contacts.

#![cfg(target_os = "linux")]

use crate::support::create;
use keymint_sandbox::Scenario;
use keymint_testkit::Strace;

#[tokio::test]
async fn a_run_contacts_the_two_servers_and_no_other_host() {
    // Every system call that can name another host.
    let Some(strace) = Strace::of("connect,sendto,sendmsg,sendmmsg", &[]) else { return };
    let ended = create(Scenario::ready()).under(strace.words()).sign_in().await.exits_with(0);

    let calls = strace.log();
    // Other address families do not leave the machine: they reach the name service and the routing table.
    let addresses: Vec<_> = calls.lines().filter(|call| call.contains("sa_family=AF_INET")).collect();
    let on_loopback = |call: &str, port: &str| {
        let v4 = format!("sin_port=htons({port}), sin_addr=inet_addr(\"127.0.0.1\")");
        let v6 = format!("sin6_port=htons({port})");
        call.contains(&v4) || call.contains(&v6) && call.contains("\"::1\"")
    };
    let is_for = |call: &str, url: &str| on_loopback(call, url.rsplit_once(':').unwrap().1);
    for url in [ended.sandbox.issuer(), ended.sandbox.api_base()] {
        assert!(addresses.iter().any(|call| is_for(call, url)), "{url} was not contacted: {addresses:#?}");
    }
    // The self-test of the listener resolves `localhost`. No other name is resolved, and no other server is
    // contacted.
    let own_port = ended.port.to_string();
    let is_expected = |call: &str| {
        is_for(call, ended.sandbox.issuer())
            || is_for(call, ended.sandbox.api_base())
            || on_loopback(call, &own_port)
    };
    let strange: Vec<_> = addresses.iter().filter(|call| !is_expected(call)).collect();
    assert!(strange.is_empty(), "{strange:#?}");
    // The run sent the revocation as well.
    assert_eq!(ended.count("POST", "/oauth/revoke"), 1);
}
