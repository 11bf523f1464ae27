//! The servers, a home directory, and the program in it.

use crate::destination::{Destination, OTHER_LINES, Site, WITH_OTHER_LINES};
use crate::verdict::has_a_key;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use keymint_sandbox::{Consent, Scenario};
use keymint_testkit::{
    BESIDE_A_TERMINAL, Ended, Launch, Machine, Session, before_the_search_path, browse, full_disk, script,
    until,
};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};

/// The simulated clipboard program of a desktop.
const WL_COPY: &str = "exec cat >copied";

pub(crate) struct Harness {
    pub(crate) destination: &'static Destination,
    pub(crate) machine: Machine,
    /// The session with the keyring that is the destination. It is not shared, since the service may crash when
    /// programs that use it are killed.
    pub(crate) session: Option<Session>,
}

impl Harness {
    pub(crate) async fn new(destination: &'static Destination) -> Self {
        let machine = Machine::start(env!("CARGO_BIN_EXE_keymint"), Scenario::ready()).await;
        let session = (destination.site == Site::Keyring).then(|| Session::start("unlocked"));
        let harness = Self { destination, machine, session };
        match destination.site.file() {
            Some(name) if destination.name == WITH_OTHER_LINES => harness.write(name, OTHER_LINES),
            Some(name) if destination.site != Site::DotenvFile => harness.write(name, ""),
            _ => {}
        }
        for directory in ["bin", "project", "temporary"] {
            fs::create_dir(harness.path(directory)).unwrap();
        }
        script(harness.path("bin/wl-copy"), WL_COPY);
        harness
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.machine.home.path().join(name)
    }

    /// Writes a private file.
    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// Returns the content of a file, or an empty text if it does not exist.
    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// Returns a command with the destination of this harness.
    pub(crate) fn delivers(&self, command: &[&str]) -> Launch {
        let mut program = self.keymint().args(command).args(self.destination.args);
        if self.destination.site == Site::Terminal {
            program = program.under(BESIDE_A_TERMINAL);
        }
        if self.destination.args.contains(&"--print") {
            program = program.stdout(full_disk());
        }
        program
    }

    /// Returns keymint in this home directory and with these servers.
    pub(crate) fn keymint(&self) -> Launch {
        let organization = Scenario::ready().organization_ids().next().unwrap().to_owned();
        let program = self
            .machine
            .keymint::<&str>([])
            .env("KEYMINT_NO_BROWSER", "1")
            .env("OPENAI_ADMIN_KEY", self.machine.sandbox.admin_key(&organization))
            .env("TMPDIR", self.path("temporary"))
            .current_dir(&self.machine.home);
        match self.destination.site {
            Site::Keyring => program.env("DBUS_SESSION_BUS_ADDRESS", &self.session().address),
            Site::Clipboard => program
                .env("PATH", before_the_search_path(self.path("bin")))
                .env("WAYLAND_DISPLAY", "wayland-0"),
            Site::Terminal => program.env("TERM", "xterm-256color").env("SCREEN", self.path("screen")),
            Site::StandardOutput | Site::Nowhere | Site::DotenvFile | Site::Command => program,
        }
    }

    /// Returns the session of the keyring that is the destination.
    pub(crate) fn session(&self) -> &Session {
        self.session.as_ref().unwrap()
    }

    /// Runs the program to its end after `before`, and signs in if it waits for that.
    pub(crate) async fn run(&mut self, program: Launch, before: impl Fn(&mut Self)) -> Ended {
        let mut run = program.spawn();
        if let Some(url) = run.try_url().await {
            before(self);
            browse(&url, Consent::Allow);
        }
        let ended = run.finish().await;
        // A command that got its input continues without the program.
        until(|| !is_in_use(self.machine.home.path())).await;
        assert!(!has_a_key(&ended.stderr), "{}", ended.stderr);
        no_file_is_for_others(self.machine.home.path());
        ended
    }

    /// Runs a command of keymint until this fail point, at which it is killed.
    pub(crate) async fn kill(&mut self, command: &[&str], border: &str) -> Ended {
        let program = self.delivers(command).env("KEYMINT_FAIL_POINT", border);
        let ended = self.run(program, |_| {}).await;
        // Its parent process may report that it was killed.
        let was_killed = ended.status.signal() == Some(9) || ended.code == 128 + 9;
        assert!(was_killed, "{command:?}, {}, {border}: {}", self.destination.name, ended.stderr);
        ended
    }

    /// Returns the output of the next run up to the sign-in.
    pub(crate) async fn next_run(&self) -> String {
        let mut program = self.keymint().args(["create"]);
        if !self.temp_files().is_empty() {
            program = program.args(["--env-file", ".env", "--force"]);
        }
        let mut run = program.spawn();
        run.url().await;
        run.signal("TERM").await;
        let ended = run.finish().await.exits_with(143);
        ended.stderr
    }

    /// Returns the keys that the server created.
    pub(crate) fn keys(&self) -> Vec<String> {
        self.machine.sandbox.keys().into_iter().map(|key| key.value).collect()
    }

    /// Returns the new content of the destination.
    pub(crate) fn delivered(&self, stdout: &str) -> String {
        match (self.destination.site, self.destination.site.file()) {
            (Site::StandardOutput, _) => stdout.to_owned(),
            (Site::Keyring, _) => self.session().stored("default"),
            (Site::Terminal, Some(screen)) => {
                let screen = self.text(screen);
                let sent = screen.split_once("\x1b]52;c;").and_then(|(_, rest)| rest.split_once('\x07'));
                String::from_utf8(BASE64_STANDARD.decode(sent.map_or("", |(sent, _)| sent)).unwrap()).unwrap()
            }
            (_, Some(file)) => {
                let text = self.text(file);
                if self.destination.name == WITH_OTHER_LINES {
                    text.strip_prefix(OTHER_LINES).expect("the other lines are whole").to_owned()
                } else {
                    text
                }
            }
            (_, None) => String::new(),
        }
    }

    /// Returns the content of each file that keeps a key: in the recovery directory, or in the one that replaces
    /// it.
    pub(crate) fn kept(&self) -> Vec<String> {
        self.files(|path| path.extension().is_some_and(|extension| extension == "key"))
    }

    /// Returns the remaining temporary files of a dotenv file, each with its name and its content.
    pub(crate) fn temp_files(&self) -> Vec<(String, String)> {
        let names = fs::read_dir(&self.machine.home)
            .unwrap()
            .map(|file| file.unwrap().file_name().into_string().unwrap());
        let names = names.filter(|name| name.starts_with(".keymint-"));
        names.map(|name| (name.clone(), self.text(&name))).collect()
    }

    /// Returns the content of each file whose path matches.
    pub(crate) fn files(&self, fits: impl Fn(&Path) -> bool) -> Vec<String> {
        let paths = files_below(self.machine.home.path()).into_iter().filter(|path| fits(path));
        paths.map(|path| String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned()).collect()
    }
}

/// Returns whether a process has this working directory.
fn is_in_use(directory: &Path) -> bool {
    let processes = fs::read_dir("/proc").unwrap().filter_map(|entry| Some(entry.ok()?.path().join("cwd")));
    processes.filter_map(|cwd| fs::read_link(cwd).ok()).any(|cwd| cwd == directory)
}

fn no_file_is_for_others(home: &Path) {
    for path in files_below(home) {
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{}", path.display());
    }
}

fn files_below(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap());
    let files = entries.map(|entry| {
        if entry.file_type().unwrap().is_dir() { files_below(&entry.path()) } else { vec![entry.path()] }
    });
    files.flatten().collect()
}
