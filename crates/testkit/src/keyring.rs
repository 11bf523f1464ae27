//! A real keyring in a D-Bus session of its own.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;

/// A D-Bus session, which ends when the value is dropped or the test process ends.
pub struct Session {
    /// The address of the bus.
    pub address: String,
    process: Child,
}

impl Session {
    /// Starts a session. `keyring` is `unlocked` for a session with an unlocked keyring, or `none`.
    pub fn start(keyring: &str) -> Self {
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

    /// Returns the session with an unlocked keyring that all tests share. Each test uses a profile of its own.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Session> = OnceLock::new();
        SHARED.get_or_init(|| Self::start("unlocked"))
    }

    /// Locks the default keyring.
    pub fn lock(&self) {
        let default = "array:objpath:/org/freedesktop/secrets/aliases/default";
        let lock = "org.freedesktop.Secret.Service.Lock";
        let to = ["--dest=org.freedesktop.secrets", "--print-reply", "/org/freedesktop/secrets"];
        assert!(self.run(Command::new("dbus-send").args(to).args([lock, default])).status.success());
    }

    /// Runs a command in this session.
    pub fn run(&self, command: &mut Command) -> Output {
        command.env("DBUS_SESSION_BUS_ADDRESS", &self.address).output().unwrap()
    }

    /// Stores a value with additional attributes, as another program would.
    pub fn store(&self, profile: &str, attributes: &[&str], value: &str) {
        let mut tool = Command::new("secret-tool")
            .args(["store", "--label=a test", "service", "keymint", "username", profile])
            .args(attributes)
            .env("DBUS_SESSION_BUS_ADDRESS", &self.address)
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        tool.stdin.take().unwrap().write_all(value.as_bytes()).unwrap();
        assert!(tool.wait().unwrap().success());
    }

    /// Returns the value that another program finds, or an empty text.
    pub fn stored(&self, profile: &str) -> String {
        let mut tool = Command::new("secret-tool");
        let found = self.run(tool.args(["lookup", "service", "keymint", "username", profile]));
        String::from_utf8(found.stdout).unwrap()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}
