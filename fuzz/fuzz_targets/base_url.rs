//! A base URL, and the segments that are appended to it. The first line of the input is the URL, and each following
//! line is an id.
#![no_main]

use keymint_domain::{BaseUrl, OrganizationId, ProjectId};
use libfuzzer_sys::fuzz_target;
use url::Host;

fuzz_target!(|input: &str| {
    let mut lines = input.split('\n');
    let Ok(base) = BaseUrl::parse(lines.next().unwrap_or_default()) else {
        return;
    };
    let url = base.join(&[]);
    let is_loopback = match url.host().expect("a service has a host") {
        Host::Domain(name) => name == "localhost",
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    };
    assert_eq!(base.is_loopback(), is_loopback);
    assert!(url.scheme() == "https" || url.scheme() == "http" && is_loopback, "{url} is not secure");
    assert!(url.username().is_empty() && url.password().is_none() && url.port() != Some(0), "{url}");
    assert!(url.query().is_none() && url.fragment().is_none(), "{url}");

    let shown = base.as_str();
    assert!(shown.bytes().all(|byte| byte.is_ascii_graphic()) && !shown.ends_with('/'), "{shown}");
    // Percent-encoding may exceed the accepted length.
    if let Ok(again) = BaseUrl::parse(shown) {
        assert_eq!((again.as_str(), &again), (shown, &base), "the shown URL is the same URL");
    } else {
        assert!(shown.len() > 2048, "{shown} is shown, but not accepted");
    }

    for line in lines {
        let id = OrganizationId::parse(line).ok();
        assert_eq!(
            id.as_ref().map(OrganizationId::as_str),
            ProjectId::parse(line).ok().as_ref().map(ProjectId::as_str)
        );
        if let Some(id) = id {
            let joined = base.join(&["dashboard", "organizations", id.as_str(), "projects"]);
            assert_eq!(joined.as_str(), format!("{shown}/dashboard/organizations/{line}/projects"));
        }
        // A text that is not an id is still one segment, except for dots, which URLs resolve.
        if !matches!(line, "" | "." | "..") && !line.contains(['\t', '\r']) {
            let joined = base.join(&["a", line, "b"]);
            assert_eq!(joined.origin(), url.origin());
            let segments: Vec<_> = joined.path_segments().expect("a path").rev().take(3).collect();
            assert_eq!((segments[0], segments[2]), ("b", "a"), "{joined}");
        }
    }
});
