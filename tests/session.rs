//! A keyring: a real one, in a D-Bus session of its own.

#![cfg(target_os = "linux")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;

/// A D-Bus session, which ends with this, or with the tests.
pub(crate) struct Session {
    pub(crate) address: String,
    process: Child,
}

impl Session {
    pub(crate) fn start(keyring: &str) -> Self {
        let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests");
        let mut process = Command::new(tests.join("keyring-session"))
            .args(["sh", "-c", "echo \"$DBUS_SESSION_BUS_ADDRESS\"; exec cat"])
            .env("KEYRING", keyring)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut address = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut address).unwrap();
        assert!(address.starts_with("unix:"), "it needs dbus and gnome-keyring: {address}");
        Self { address: address.trim_end().to_owned(), process }
    }

    /// One with an unlocked keyring for all tests: each has a profile of its own.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: OnceLock<Session> = OnceLock::new();
        SHARED.get_or_init(|| Self::start("unlocked"))
    }

    pub(crate) fn lock(&self) {
        let default = "array:objpath:/org/freedesktop/secrets/aliases/default";
        let lock = "org.freedesktop.Secret.Service.Lock";
        let to = ["--dest=org.freedesktop.secrets", "--print-reply", "/org/freedesktop/secrets"];
        assert!(self.has(Command::new("dbus-send").args(to).args([lock, default])).status.success());
    }

    pub(crate) fn has(&self, command: &mut Command) -> Output {
        command.env("DBUS_SESSION_BUS_ADDRESS", &self.address).output().unwrap()
    }

    /// What another program finds.
    pub(crate) fn stored(&self, profile: &str) -> String {
        let mut tool = Command::new("secret-tool");
        let found = self.has(tool.args(["lookup", "service", "keymint", "username", profile]));
        String::from_utf8(found.stdout).unwrap()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}
