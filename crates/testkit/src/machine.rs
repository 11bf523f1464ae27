//! A machine with the two servers, and a whole sign-in on it.

use crate::{Ended, Launch, Running, Terminal, browse, free_port, until};
use keymint_sandbox::{Consent, Sandbox, Scenario};
use std::ffi::{OsStr, OsString};
use tempfile::TempDir;

/// A home directory, a port for the callback, and a sandbox in place of the two servers.
pub struct Machine {
    /// The sandbox, which plays both servers.
    pub sandbox: Sandbox,
    /// The home directory, which also has the temporary files.
    pub home: TempDir,
    /// The port for the callback.
    pub port: u16,
    program: OsString,
}

impl Machine {
    /// Starts the sandbox. `program` is the path of the built command, `env!("CARGO_BIN_EXE_keymint")`. Cargo sets that
    /// variable only for the tests of the command's own package.
    pub async fn start(program: impl AsRef<OsStr>, scenario: Scenario) -> Self {
        Self {
            sandbox: Sandbox::start(scenario).await.unwrap(),
            home: tempfile::tempdir().unwrap(),
            port: free_port(),
            program: program.as_ref().to_owned(),
        }
    }

    /// Returns a launch of the command with these servers.
    pub fn keymint<T: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = T>) -> Launch {
        Launch::new(&self.program, &self.home).envs(self.environment()).args(args)
    }

    /// Starts the command at a terminal, with these servers. `words` are its arguments, separated by spaces.
    pub fn terminal(&self, words: &str) -> Terminal {
        Terminal::start(self.keymint(words.split(' ')))
    }

    /// Returns the environment variables by which the command uses these servers, this port and this directory.
    pub fn environment(&self) -> [(&'static str, OsString); 4] {
        [
            ("KEYMINT_ISSUER", self.sandbox.issuer().into()),
            ("KEYMINT_API_BASE", self.sandbox.api_base().into()),
            ("KEYMINT_CALLBACK_PORT", self.port.to_string().into()),
            ("TMPDIR", self.home.path().into()),
        ]
    }

    /// Returns the number of requests with this method and this end of the path.
    pub fn count(&self, method: &str, path_end: &str) -> usize {
        let requests = self.sandbox.requests();
        requests.iter().filter(|request| request.method == method && request.path.ends_with(path_end)).count()
    }

    /// Waits for a request with this end of the path.
    pub async fn requested(&self, path_end: &str) {
        until(|| self.sandbox.requests().iter().any(|request| request.path.ends_with(path_end))).await;
    }

    /// Returns every secret that the sandbox issued or received.
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

/// A command that signs in, and the scenario of its servers.
pub struct SignIn {
    scenario: Scenario,
    command: &'static str,
    opens_a_browser: bool,
}

/// Returns a launch of `keymint create` on a machine of its own. `program` is the path of the built command, as for
/// [`Machine::start`].
pub fn create(program: impl AsRef<OsStr>, scenario: Scenario) -> Launch<SignIn> {
    Launch::with_setup(SignIn { scenario, command: "create", opens_a_browser: false }, program, "")
}

impl Launch<SignIn> {
    /// Replaces `create` by another command that signs in.
    pub fn command(mut self, command: &'static str) -> Self {
        self.setup.command = command;
        self
    }

    /// Lets the command open the browser that the environment names.
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
        // The variables of the caller come later, and take precedence.
        self.environment.splice(0..0, machine.environment().map(|(name, value)| (name.into(), value)));
        self.home = machine.home.path().to_owned();
        self.spawn_with(machine).unwrap()
    }

    /// Starts the command, gives consent in the browser, and waits for the end as [`Running::end`] does. Does not check
    /// that the browser gets its last page.
    pub async fn sign_in(self) -> Ended<Machine> {
        let mut run = self.start().await;
        let url = run.url().await;
        let browser = browse(&url, Consent::Allow);
        let ended = run.end().await;
        browser.abort();
        ended
    }
}
