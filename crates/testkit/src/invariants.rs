//! The invariants of every run against a sandbox.

use crate::{Canaries, Ended, Machine, Running, is_free};
use keymint_sandbox::Consent;

impl Running<Machine> {
    /// Signs in at the URL that the program shows, or denies consent there. Then waits for the end as [`Self::end`]
    /// does. The browser must get its last page.
    pub async fn answer(mut self, consent: Consent) -> Ended<Machine> {
        self.browser(consent).await;
        self.end().await
    }

    /// Waits for the end of the program, and checks the invariants of every run.
    pub async fn end(self) -> Ended<Machine> {
        let prints = self.prints;
        let ended = self.finish().await;
        ended.check_the_invariants(prints);
        assert_eq!(ended.sandbox.violations(), Vec::<String>::new(), "{}", ended.stderr);
        ended
    }
}

/// Returns whether a text has control characters other than newlines, or characters that change the direction of
/// text.
pub fn steers_a_terminal(text: &str) -> bool {
    text.contains(|c: char| {
        c.is_control() && c != '\n'
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    })
}

impl Ended<Machine> {
    /// Returns the only key that the sandbox created.
    pub fn key(&self) -> String {
        let keys = self.sandbox.keys();
        assert_eq!(keys.len(), 1, "{}", self.stderr);
        keys[0].value.clone()
    }

    fn check_the_invariants(&self, prints: bool) {
        assert!(self.status.code().is_some(), "{}: {}", self.status, self.stderr);
        assert!(self.sandbox.keys().len() <= 1, "{:?}", self.sandbox.keys());
        for path_end in ["/oauth/token", "/api_keys"] {
            self.check_for_blind_retries(path_end);
        }
        self.check_the_revocation();
        self.check_the_exit_code(prints);
        assert!(!steers_a_terminal(&self.stderr), "{:?}", self.stderr);
        self.check_for_secrets(prints);
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
        assert!(is_free(self.port), "port {} is still bound", self.port);
    }

    /// Checks that an unrepeatable request was sent again only after an answer that the server did not process it.
    fn check_for_blind_retries(&self, path_end: &str) {
        let requests = self.sandbox.requests();
        let sent: Vec<_> = requests.iter().filter(|request| request.path.ends_with(path_end)).collect();
        let repeated = sent.split_last().map_or(&[][..], |(_, before)| before);
        assert!(sent.len() <= 3 && repeated.iter().all(|request| request.status == Some(429)), "{sent:?}");
    }

    /// Checks that a run that got tokens ends with one revocation of the refresh token.
    fn check_the_revocation(&self) {
        let revocations = self.count("POST", "/oauth/revoke");
        let has_logged_in = self.count("POST", "/login") > 0;
        assert!(revocations == 1 || revocations == 0 && !has_logged_in, "{revocations}: {}", self.stderr);
    }

    /// Checks that exit code 0 means a requested key on standard output, or no key at all, and that any other code
    /// reports an existing key with its place or the way to find it.
    fn check_the_exit_code(&self, prints: bool) {
        let Some(key) = self.sandbox.keys().into_iter().next() else {
            assert!(!self.stdout.contains("sk-proj-"), "{}", self.stdout);
            return;
        };
        match self.code {
            0 => assert_eq!(self.stdout.contains(&key.value), prints, "{}", self.stderr),
            9 => assert!(self.stderr.contains("the key was created"), "{}", self.stderr),
            10 => assert!(self.stderr.contains(&key.name), "{}", self.stderr),
            code => panic!("exit code {code}, although a key exists:\n{}", self.stderr),
        }
    }

    /// Checks that a key is once on standard output after a success, or in one file if it could not be printed, and
    /// that no other secret or part of one is anywhere.
    fn check_for_secrets(&self, prints: bool) {
        let keys: Vec<_> = self.sandbox.keys().into_iter().map(|key| key.value).collect();
        let secrets = Canaries::of(self.secrets());
        let mut stdout = self.stdout.clone();
        if let (0 | 9, true, Some(key)) = (self.code, prints, keys.first()) {
            stdout = stdout.replacen(key, "", 1);
        }
        for (stream, text) in [("error", &self.stderr), ("output", &stdout)] {
            assert_eq!(secrets.find(text), None, "on standard {stream}, exit code {}:\n{text}", self.code);
        }
        let mut files = secrets.files_below(self.home.path());
        let is_kept = self.code == 9 || self.stderr.contains("so the key is also kept in ");
        if is_kept && files.len() == 1 {
            let content = std::fs::read_to_string(&files[0].0).unwrap();
            files.retain(|_| !keys.iter().any(|key| content == format!("{key}\n")));
        }
        assert_eq!(files, [], "exit code {}", self.code);
    }
}
