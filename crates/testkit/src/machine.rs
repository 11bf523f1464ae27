//! A machine with the two servers, and a whole sign-in on it.

use crate::{Ended, Launch, Running, Terminal, browse, free_port, until};
use keymint_sandbox::{Consent, Sandbox, Scenario};
use std::ffi::{OsStr, OsString};
use tempfile::TempDir;

/// A home directory, a port for the callback, and a sandbox that stands in for the servers.
pub struct Machine {
    /// The servers.
    pub sandbox: Sandbox,
    /// The home directory, which is also for temporary files.
    pub home: TempDir,
    /// The port for the callback.
    pub port: u16,
    program: OsString,
}

impl Machine {
    /// Starts the sandbox. `program` is the built command: `env!("CARGO_BIN_EXE_keymint")`, which only
    /// its own tests know.
    pub async fn start(program: impl AsRef<OsStr>, scenario: Scenario) -> Self {
        Self {
            sandbox: Sandbox::start(scenario).await.unwrap(),
            home: tempfile::tempdir().unwrap(),
            port: free_port(),
            program: program.as_ref().to_owned(),
        }
    }

    /// The command, with these servers.
    pub fn keymint<T: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = T>) -> Launch {
        Launch::new(&self.program, &self.home).envs(self.environment()).args(args)
    }

    /// The command at a terminal, with these servers.
    pub fn terminal(&self, words: &str) -> Terminal {
        Terminal::start(self.keymint(words.split(' ')))
    }

    /// The variables that lead a program to these servers.
    pub fn environment(&self) -> [(&'static str, OsString); 4] {
        [
            ("KEYMINT_ISSUER", self.sandbox.issuer().into()),
            ("KEYMINT_API_BASE", self.sandbox.api_base().into()),
            ("KEYMINT_CALLBACK_PORT", self.port.to_string().into()),
            ("TMPDIR", self.home.path().into()),
        ]
    }

    /// Returns how many requests had this method and a path that ends like this.
    pub fn count(&self, method: &str, path_end: &str) -> usize {
        let requests = self.sandbox.requests();
        requests.iter().filter(|request| request.method == method && request.path.ends_with(path_end)).count()
    }

    /// Waits until a request whose path ends like this has arrived.
    pub async fn requested(&self, path_end: &str) {
        until(|| self.sandbox.requests().iter().any(|request| request.path.ends_with(path_end))).await;
    }

    /// Returns every secret that was issued or sent.
    pub fn secrets(&self) -> Vec<String> {
        let mut secrets = self.sandbox.secrets();
        for request in self.sandbox.requests() {
            let bearer = request.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
            secrets.extend(bearer.map(str::to_owned));
            if request.path.ends_with("/oauth/token") {
                let body = request.text().into_owned();
                let fields = body.split('&').filter_map(|field| field.split_once('='));
                let secret = fields.filter(|(name, _)| matches!(*name, "code" | "code_verifier"));
                secrets.extend(secret.map(|(_, value)| value.to_owned()));
            }
        }
        secrets
    }
}

/// The command that signs in, and the servers that it will meet.
pub struct SignIn {
    scenario: Scenario,
    command: &'static str,
    opens_a_browser: bool,
}

/// `keymint create` on a machine of its own. `program` is the built command, as for [`Machine::start`].
pub fn create(program: impl AsRef<OsStr>, scenario: Scenario) -> Launch<SignIn> {
    Launch::with_setup(SignIn { scenario, command: "create", opens_a_browser: false }, program, "")
}

impl Launch<SignIn> {
    /// Runs another command that signs in.
    pub fn command(mut self, command: &'static str) -> Self {
        self.setup.command = command;
        self
    }

    /// Has the command open the browser that the environment names.
    pub fn with_browser(mut self) -> Self {
        self.setup.opens_a_browser = true;
        self
    }

    /// Starts the servers and the command.
    pub async fn start(mut self) -> Running<Machine> {
        let machine = Machine::start(&self.program, self.setup.scenario.clone()).await;
        let no_browser = (!self.setup.opens_a_browser).then_some("--no-browser");
        let words = [Some(self.setup.command), no_browser].into_iter().flatten();
        self.args.splice(0..0, words.map(OsString::from));
        // What the caller sets comes later, and wins.
        self.environment.splice(0..0, machine.environment().map(|(name, value)| (name.into(), value)));
        self.home = machine.home.path().to_owned();
        self.spawn_with(machine).unwrap()
    }

    /// Starts, signs in as a willing user, and waits for the end as [`Running::end`] does. Whether the
    /// browser still gets its last page is not checked.
    pub async fn sign_in(self) -> Ended<Machine> {
        let mut run = self.start().await;
        let url = run.url().await;
        let browser = browse(&url, Consent::Allow);
        let ended = run.end().await;
        browser.abort();
        ended
    }
}
