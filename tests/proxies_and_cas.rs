//! The routes to the servers: a company's proxy, a company's certificates, and connections that are opened ahead.
//! The sandbox is behind TLS, as every server on another machine has to be.

use crate::support::{Ended, Run, Start, create};
use keymint_sandbox::{Consent, FinalPage, NamedScenario, Organization, Project, Reply, Scenario, Step};
use keymint_testkit::{Launch, Relay, Running, Strace, authority, browse, free_port, skipped, watch};
use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::path::Path;
use std::time::Duration;
use tempfile::{NamedTempFile, TempDir};
use tokio::task::JoinHandle;

const PASSWORD: &str = "canary-of-the-proxy";

/// The loopback address is never proxied.
const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

#[tokio::test]
async fn a_key_is_made_through_a_proxy_that_may_want_a_password() {
    for (variable, password) in [("HTTPS_PROXY", ""), ("ALL_PROXY", PASSWORD)] {
        let Some((company, proxy)) = behind_a_proxy(password).await else { return };
        let account = if password.is_empty() { String::new() } else { format!("corp:{password}@") };
        // The HTTP library itself uses no proxy if this variable is set.
        let variables = [(variable, &*proxy.url(&account)), ("REQUEST_METHOD", "GET")];
        let ended = company.sign_in(&variables).await.exits_with(0);
        assert!(!ended.stderr.contains(PASSWORD), "{}", ended.stderr);
        company.held_to_both_in(&proxy.end().await);
    }
}

#[tokio::test]
async fn a_proxy_that_refuses_the_password_is_reported_with_its_variable() {
    let Some((company, proxy)) = behind_a_proxy("another").await else { return };
    let url = proxy.url(&format!("corp:{PASSWORD}@"));
    let ended = company.sign_in(&[("HTTPS_PROXY", &url)]).await.exits_with(6);
    for words in ["or rejects the user name or password", "HTTPS_PROXY names the proxy", "password in it"] {
        assert!(ended.stderr.contains(words), "{}", ended.stderr);
    }
    assert!(!ended.stderr.contains(PASSWORD), "{}", ended.stderr);
    assert_eq!((company.issuer.counts().open, company.api.counts().open), (0, 0));
}

#[tokio::test]
async fn a_proxy_that_is_down_is_reported_with_its_variable() {
    let Some(address) = own_address() else { return };
    let company = Company::at(address).await;
    let url = format!("http://corp:{PASSWORD}@127.0.0.1:1");
    for variable in ["HTTPS_PROXY", "all_proxy"] {
        let ended = company.sign_in(&[(variable, &url)]).await.exits_with(6);
        assert!(ended.stderr.contains(&format!("{variable} names the proxy")), "{}", ended.stderr);
        assert!(!ended.stderr.contains(PASSWORD), "{}", ended.stderr);
    }
    assert_eq!((company.issuer.counts().open, company.api.counts().open), (0, 0));
}

#[tokio::test]
async fn a_host_that_no_proxy_names_is_reached_without_one() {
    let Some((company, proxy)) = behind_a_proxy("").await else { return };
    let host = company.address.to_string();
    company.sign_in(&[("HTTPS_PROXY", &proxy.url("")), ("NO_PROXY", &host)]).await.exits_with(0);
    assert_eq!(proxy.end().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_refused_country_names_the_proxy_if_it_was_used() {
    let Some((company, proxy)) = behind_a_proxy(PASSWORD).await else { return };
    let (host, pem) = (company.address.to_string(), company.pem.path().to_str().unwrap());
    for (no_proxy, words) in [("other.test", "the proxy http://127.0.0.1:"), (&*host, "No proxy is used")] {
        let start = create(NamedScenario::Country.scenario()).args(["--ca-file", pem]);
        let start =
            start.env("HTTPS_PROXY", proxy.url(&format!("corp:{PASSWORD}@"))).env("NO_PROXY", no_proxy);
        let ended = company.end(company.lead(start).await).await.exits_with(7);
        assert!(ended.stderr.contains(words) && !ended.stderr.contains(PASSWORD), "{}", ended.stderr);
    }
}

#[tokio::test]
async fn a_companys_certificates_are_trusted_whatever_names_them() {
    let company = Company::at(HERE).await;
    let pem = company.pem.path().to_str().unwrap();
    for variable in ["KEYMINT_CA_FILE", "CODEX_CA_CERTIFICATE", "SSL_CERT_FILE"] {
        let ended = company.end(company.start(&[], &[(variable, pem)]).await).await;
        assert_eq!(ended.code, 0, "{variable}: {}", ended.stderr);
    }
    company.sign_in(&[]).await.exits_with(0);
}

/// The library that verifies certificates reads these variables by itself.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_certificate_that_another_user_may_replace_is_not_trusted_whatever_names_it() {
    use std::os::unix::fs::PermissionsExt;
    let company = Company::at(HERE).await;
    let (other, directory) = (authority("another company").pem(), tempfile::tempdir().unwrap());
    let file = |name: &str, content: &str, mode| {
        let path = directory.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let pem = fs::read_to_string(company.pem.path()).unwrap();
    let (own, other) = (file("own/ca.pem", &pem, 0o644), file("other.pem", &other, 0o644));
    let (open, broken) =
        (file("open/ca.pem", &pem, 0o666), file("broken.pem", &format!("{pem}{}", &pem[1..]), 0o644));
    let parent = |path: &str| Path::new(path).parent().unwrap().to_str().unwrap().to_owned();
    for (flag, variable, value, code, message) in [
        (None, "SSL_CERT_DIR", &parent(&own), 0, ""),
        (Some(&other), "SSL_CERT_FILE", &own, 0, ""),
        (None, "SSL_CERT_DIR", &parent(&open), 2, "ca.pem: other users can write to it"),
        (Some(&other), "SSL_CERT_FILE", &open, 2, "other users can write to it"),
        (Some(&other), "SSL_CERT_FILE", &broken, 2, "malformed PEM"),
    ] {
        let args: Vec<_> = flag.iter().flat_map(|path| ["--ca-file", path.as_str()]).collect();
        let run = company.start(&args, &[(variable, value)]).await;
        let ended = if code == 0 { company.end(run).await } else { run.end().await };
        assert_eq!(ended.code, code, "{}", ended.stderr);
        assert!(
            ended.stderr.contains(message) && (code == 0 || ended.stderr.contains(variable)),
            "{}",
            ended.stderr
        );
    }
}

/// A connection that closes while the user is in the browser is replaced once.
#[tokio::test]
async fn each_server_gets_one_connection_and_no_request_before_the_user_is_back() {
    for opened in [1, 2] {
        let company = Company::at(HERE).await;
        let run = company.start_trusting(&[]).await;
        company.opened(1).await;
        if opened == 2 {
            company.issuer.close_unused();
            company.api.close_unused();
        }
        company.opened(opened).await;
        assert_eq!((company.issuer.counts().used, company.api.counts().used), (0, 0));
        let ended = company.end(run).await.exits_with(0);
        for relay in [&company.issuer, &company.api] {
            assert_eq!((relay.counts().open, relay.counts().used), (opened, 1), "{}", ended.stderr);
        }
    }
}

#[tokio::test]
async fn eight_lists_are_requested_concurrently_each_on_a_connection_of_its_own() {
    let company = Company::at(HERE).await;
    let last = Organization::new("org-last").with_project(Project::new("proj_last").as_initial());
    let scenario = Scenario::of((1..50).map(Organization::numbered).chain([last]));
    // The lists that are first requested concurrently.
    let held: Vec<_> = (2..=9).map(|number| format!("org-{number}")).collect();
    let hold = Reply::default().delayed(Duration::from_secs(3600));
    let scenario = held
        .iter()
        .fold(scenario, |scenario, id| scenario.reply(Step::Projects.of(id.as_str()), hold.clone()));
    let start = create(scenario).args(["--ca-file", company.pem.path().to_str().unwrap()]);
    let mut run = company.lead(start).await;
    company.browser(&mut run).await;
    for id in &held {
        run.requested(&format!("/{id}/projects")).await;
    }
    // One of the connections is that of all earlier requests.
    assert_eq!(company.api.counts().used, 8);
    run.sandbox.release();
    let ended = run.end().await;
    assert_eq!((ended.code, ended.count("GET", "/v1/organizations")), (0, 1), "{}", ended.stderr);
    assert_eq!((ended.count("GET", "/projects"), ended.sandbox.in_flight_peak()), (50, 8));
}

/// Reading certificates takes longer than all work before the URL is shown. It is therefore done while the user
/// reads the URL.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_url_is_shown_before_a_certificate_is_read_or_a_server_contacted() {
    let calls = "write,writev,openat,connect";
    let Some(strace) = Strace::of(calls, &["-s", "1000"]) else { return };
    let company = Company::at(HERE).await;
    let trusted = tempfile::tempdir().unwrap();
    fs::copy(company.pem.path(), trusted.path().join("company.pem")).unwrap();
    let start = create(Scenario::ready()).under(strace.words()).env("SSL_CERT_DIR", trusted.path());
    company.end(company.lead(start).await).await.exits_with(0);

    let log = strace.log();
    let Some(shown) = log.lines().position(|call| call.contains("/oauth/authorize?")) else {
        return skipped("only the administrator sees the memory of a run");
    };
    let first = |words: &str| log.lines().position(|call| call.contains(words)).unwrap();
    assert!(shown < first("company.pem"), "{log}");
    for relay in [&company.issuer, &company.api] {
        let port = relay.url.rsplit_once(':').unwrap().1;
        assert!(shown < first(&format!("sin_port=htons({port})")), "{log}");
    }
    let bundle = log.lines().position(|call| call.contains("/etc/ssl/certs"));
    assert!(bundle.is_none_or(|read| shown < read), "{log}");
}

/// Both servers behind TLS, with certificates of a company's own authority.
struct Company {
    address: IpAddr,
    pem: NamedTempFile,
    issuer: Relay,
    api: Relay,
}

impl Company {
    async fn at(address: IpAddr) -> Self {
        let (authority, pem) = (authority("a company"), NamedTempFile::new().unwrap());
        fs::write(pem.path(), authority.pem()).unwrap();
        let (issuer, api) =
            (Relay::start(address, &authority).await, Relay::start(address, &authority).await);
        Self { address, pem, issuer, api }
    }

    async fn start(&self, args: &[&str], variables: &[(&str, &str)]) -> Run {
        self.lead(create(Scenario::ready()).args(args).envs(variables.iter().copied())).await
    }

    /// Starts a run that reaches its sandbox through these servers.
    async fn lead(&self, start: Start) -> Run {
        let start = start.env("KEYMINT_ISSUER", &self.issuer.url).env("KEYMINT_API_BASE", &self.api.url);
        let run = start.start().await;
        self.issuer.lead_to(run.sandbox.issuer());
        self.api.lead_to(run.sandbox.api_base());
        run
    }

    async fn start_trusting(&self, variables: &[(&str, &str)]) -> Run {
        self.start(&["--ca-file", self.pem.path().to_str().unwrap()], variables).await
    }

    async fn sign_in(&self, variables: &[(&str, &str)]) -> Ended {
        self.end(self.start_trusting(variables).await).await
    }

    /// Plays a user who signs in, with a browser that contacts the sandbox directly.
    async fn browser(&self, run: &mut Run) -> JoinHandle<io::Result<FinalPage>> {
        let url = run.url().await.replace(&self.issuer.url, run.sandbox.issuer());
        browse(&url, Consent::Allow)
    }

    /// Signs in as that user, and waits for the end.
    async fn end(&self, mut run: Run) -> Ended {
        self.browser(&mut run).await;
        run.end().await
    }

    /// Waits until each server has had this many connections.
    async fn opened(&self, number: usize) {
        watch(async {
            self.issuer.opened(number).await;
            self.api.opened(number).await;
        })
        .await;
    }

    fn held_to_both_in(&self, asked: &[String]) {
        for relay in [&self.issuer, &self.api] {
            let host = relay.url.trim_start_matches("https://");
            assert!(asked.iter().any(|asked| asked == host), "{host} is not in {asked:?}");
        }
    }
}

/// Starts servers that are not on loopback, and a proxy with or without a password.
async fn behind_a_proxy(password: &str) -> Option<(Company, Tinyproxy)> {
    let address = own_address()?;
    let proxy = Tinyproxy::start(password).await?;
    Some((Company::at(address).await, proxy))
}

/// Returns a non-loopback address of this machine. No packet is sent to find it.
fn own_address() -> Option<IpAddr> {
    let found = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).and_then(|socket| {
        // An address that is reserved for documentation (RFC 5737).
        socket.connect("203.0.113.1:9")?;
        socket.local_addr()
    });
    let address = found.ok().map(|address| address.ip()).filter(|address| !address.is_loopback());
    if address.is_none() {
        skipped("this machine has no address but loopback, which is never proxied");
    }
    address
}

/// A real proxy.
struct Tinyproxy {
    port: u16,
    running: Running,
    _home: TempDir,
}

impl Tinyproxy {
    async fn start(password: &str) -> Option<Self> {
        let (home, port) = (tempfile::tempdir().unwrap(), free_port());
        if !Launch::new("tinyproxy", &home).args(["-v"]).succeeds().await {
            skipped("tinyproxy is not installed");
            return None;
        }
        let account =
            if password.is_empty() { String::new() } else { format!("BasicAuth corp {password}\n") };
        let settings = home.path().join("tinyproxy.conf");
        fs::write(&settings, format!("Port {port}\nListen 127.0.0.1\nLogLevel Connect\n{account}")).unwrap();
        let tinyproxy = Launch::new("tinyproxy", &home).args(["-d", "-c"]).args([settings]);
        let mut running = tinyproxy.under(["sh", "-c", "exec \"$@\" >&2", "sh"]).spawn();
        // It logs this when it is ready.
        running.line(|line| line.contains("done sending stored logs")).await;
        Some(Self { port, running, _home: home })
    }

    fn url(&self, account: &str) -> String {
        format!("http://{account}127.0.0.1:{}", self.port)
    }

    /// Ends the proxy, and returns the targets of its connections.
    async fn end(self) -> Vec<String> {
        self.running.signal("KILL").await;
        let log = self.running.finish().await.stderr;
        let asked = log.lines().filter_map(|line| Some(line.split_once(": CONNECT ")?.1));
        asked.map(|to| to.trim_end_matches(" HTTP/1.1").to_owned()).collect()
    }
}
