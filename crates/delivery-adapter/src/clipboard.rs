//! The clipboard.

mod osc52;

use crate::process::program::AroundSpawn;
use crate::process::stdin::write_to_stdin;
use crate::process::terminal;
use crate::threads;
use keymint_domain::text::{human_duration, sanitize};
use keymint_domain::{AdminKey, ApiKey, Clock, DeliveryError, DestinationId, KeyDestination, async_trait};
use keymint_host::which;
use keymint_terminal::write_all;
use keymint_tokio_clock::TokioClock;
use osc52::{Wrapping, set_clipboard};
use std::env;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::process::Command;
use zeroize::Zeroizing;

/// The time limit of a request to the terminal.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The maximum size of an error message from a program: in bytes when read, in characters when displayed.
const LONGEST_MESSAGE: u64 = 4096;
const LONGEST_SHOWN: usize = 200;

/// The error messages of wl-paste and xclip for an empty clipboard.
const EMPTY: [&str; 4] = ["Nothing is copied", "No selection", "No suitable type", "not available"];

/// A way to the clipboard. The clipboard does not keep a key permanently.
#[derive(Debug)]
pub struct Clipboard {
    way: Way,
    around_spawn: AroundSpawn,
}

#[derive(Debug)]
enum Way {
    /// A program of the system or the desktop, with its arguments.
    Program { name: &'static str, path: PathBuf, arguments: &'static [&'static str] },
    /// The terminal, which may ignore the request.
    Terminal,
}

/// The error for a machine on which no way to a clipboard works.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no clipboard can be reached{}", .tried.iter().map(|tried| format!("; {tried}")).collect::<String>())]
pub struct NoClipboard {
    /// The programs that were tried, each with the reason why it cannot be used. It is safe to display.
    pub tried: Vec<String>,
}

/// A program that may reach the clipboard.
struct Candidate {
    name: &'static str,
    /// The arguments that put the standard input on the clipboard.
    copy: &'static [&'static str],
    /// The program of this name in the same directory, and the arguments that read the clipboard.
    look: Option<(&'static str, &'static [&'static str])>,
}

impl Clipboard {
    /// The name of the clipboard as a destination.
    pub const ID: &'static str = "clipboard";

    /// Finds a way to the clipboard. A program is preferred, since it reports whether it succeeded. Each program is
    /// tested by reading the clipboard, which does not change the content.
    ///
    /// The terminal is not used if its output is recorded, since the escape sequence contains the key.
    ///
    /// # Errors
    ///
    /// [`NoClipboard`] if no program and no terminal can be used.
    pub async fn find(is_recorded: bool) -> Result<Self, NoClipboard> {
        let is_set = |name: &str| env::var_os(name).is_some_and(|value| !value.is_empty());
        let mut tried = Vec::new();
        for Candidate { name, copy, look } in programs(is_set) {
            let Ok(path) = which(name) else { continue };
            match look_at_clipboard(&path, look, &TokioClock::new()).await {
                Ok(()) => return Ok(Self::by(Way::Program { name, path, arguments: copy })),
                Err(problem) => tried.push(format!("{name} {problem}")),
            }
        }
        if understands_sequences(env::var("TERM").ok().as_deref())
            && (io::stderr().is_terminal() || terminal::exists())
        {
            if !is_recorded {
                return Ok(Self::by(Way::Terminal));
            }
            tried.push("the terminal's output is recorded".to_owned());
        }
        Err(NoClipboard { tried })
    }

    fn by(way: Way) -> Self {
        Self { way, around_spawn: |spawn| spawn() }
    }

    /// Sets the function through which each program is started. It receives a closure that starts the program, must
    /// call it once, and can change what the program inherits.
    pub fn around_spawn(self, around_spawn: fn(&mut dyn FnMut())) -> Self {
        Self { around_spawn, ..self }
    }

    /// Returns whether a delivery reports whether it succeeded. A program does, a terminal does not.
    pub fn is_confirmed(&self) -> bool {
        matches!(self.way, Way::Program { .. })
    }
}

/// Returns the programs that may reach the clipboard of this session, the best first. Each reads its standard
/// input.
fn programs(is_set: impl Fn(&str) -> bool) -> Vec<Candidate> {
    if cfg!(target_os = "macos") {
        return vec![Candidate { name: "pbcopy", copy: &[], look: None }];
    }
    if cfg!(windows) {
        return vec![Candidate { name: "clip", copy: &[], look: None }];
    }
    let mut programs = Vec::new();
    if is_set("WAYLAND_DISPLAY") {
        let look = Some(("wl-paste", &["--list-types"][..]));
        programs.push(Candidate { name: "wl-copy", copy: &["--type", "text/plain"], look });
    }
    if is_set("DISPLAY") {
        let look = Some(("xclip", &["-selection", "clipboard", "-out", "-target", "TARGETS"][..]));
        programs.push(Candidate { name: "xclip", copy: &["-selection", "clipboard", "-in"], look });
        let look = Some(("xsel", &["--clipboard", "--output"][..]));
        programs.push(Candidate { name: "xsel", copy: &["--clipboard", "--input"], look });
    }
    if is_set("WSL_DISTRO_NAME") {
        programs.push(Candidate { name: "clip.exe", copy: &[], look: None });
    }
    programs
}

/// Reads the clipboard, to check that its program reaches it. The error completes a sentence that begins with the
/// name of the program.
async fn look_at_clipboard(
    program: &Path,
    look: Option<(&str, &[&str])>,
    clock: &dyn Clock,
) -> Result<(), String> {
    let Some((name, arguments)) = look else { return Ok(()) };
    let path = program.with_file_name(name);
    if !path.exists() {
        return Ok(());
    }
    let mut command = quiet(&path, arguments);
    let started = command.stdin(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true).spawn();
    let mut program = started.map_err(|error| format!("could not be started ({error})"))?;
    match clock.timeout(TIMEOUT, program.wait()).await {
        Ok(Ok(status)) if status.success() => return Ok(()),
        Ok(_) => {}
        Err(_) => return Err(format!("did not end within {}", human_duration(TIMEOUT))),
    }
    let (mut stderr, mut said) =
        (program.stderr.take().expect("it is piped").take(LONGEST_MESSAGE), Vec::new());
    // A background process of the program may keep the stream open.
    let _ = clock.timeout(TIMEOUT, stderr.read_to_end(&mut said)).await;
    let said = String::from_utf8_lossy(&said);
    if EMPTY.iter().any(|words| said.contains(words)) {
        return Ok(());
    }
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    Err(format!("failed ({})", sanitize(&said, LONGEST_SHOWN)))
}

/// Returns whether a terminal of this kind understands the escape sequence, or at least does not display it.
fn understands_sequences(term: Option<&str>) -> bool {
    !matches!(term, None | Some("" | "dumb" | "linux"))
}

#[async_trait]
impl KeyDestination for Clipboard {
    fn id(&self) -> DestinationId {
        DestinationId::new(Self::ID)
    }

    fn is_durable(&self) -> bool {
        false
    }

    async fn deliver(&mut self, key: &ApiKey) -> Result<(), DeliveryError> {
        match &self.way {
            Way::Program { name, path, arguments } => {
                let key = Zeroizing::new(key.expose().as_bytes().to_vec());
                let command = quiet(path, arguments);
                let written =
                    write_to_stdin(command, self.around_spawn, key, &|_| {}, &TokioClock::new()).await;
                written.map_err(|error| DeliveryError::new(format!("{name} {error}")))
            }
            Way::Terminal => {
                let wrapping = Wrapping::of(|name| env::var(name).ok());
                let sequences = set_clipboard(key.expose(), wrapping);
                let writing = threads::run(move || write_to_terminal(&sequences));
                match TokioClock::new().timeout(TIMEOUT, writing).await {
                    Ok(written) => written.and_then(|result| result).map_err(DeliveryError::new),
                    Err(_) => Err(DeliveryError::new("writing to the terminal timed out")),
                }
            }
        }
    }
}

/// Creates a command without standard streams that Ctrl-C does not reach, since some of these programs keep running
/// to serve the clipboard.
fn quiet(path: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(path);
    command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
    command.env_remove(AdminKey::VARIABLE);
    #[cfg(unix)]
    command.process_group(0);
    command
}

fn write_to_terminal(sequences: &str) -> io::Result<()> {
    let sequences = sequences.as_bytes();
    let stderr = io::stderr();
    if stderr.is_terminal() { write_all(stderr, sequences) } else { write_all(terminal::open()?, sequences) }
}

#[cfg(target_os = "linux")]
#[cfg(test)]
mod tests {
    use super::*;
    use keymint_domain::testing::conformance;
    use std::fs;

    #[tokio::test]
    async fn it_keeps_what_the_port_promises() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("taken");
        let shell = |script: String| {
            let arguments = vec!["-c", script.leak()].leak();
            Clipboard::by(Way::Program { name: "sh", path: "/bin/sh".into(), arguments })
        };
        let read = async || fs::read_to_string(&file).ok();
        let mut takes = shell(format!("cat >{}", file.display()));
        conformance::key_destination(&mut takes, read).await.unwrap();
        let mut fails = shell("cat >&2; exit 3".to_owned());
        conformance::failing_key_destination(&mut fails).await.unwrap();
    }

    #[tokio::test]
    async fn a_program_is_tried_and_an_empty_clipboard_is_none_that_is_out_of_reach() {
        let directory = tempfile::tempdir().unwrap();
        let (xclip, wl_copy) = (directory.path().join("xclip"), directory.path().join("wl-copy"));
        for (script, expected) in [
            ("exit 0", None),
            (
                "echo \"Error: Can't open display: :77\" >&2; exit 1",
                Some("failed (Error: Can't open display: :77)"),
            ),
            ("echo Error: target TARGETS not available >&2; exit 1", None),
            ("printf 'no\\033[2J\\n\\n' >&2; exit 1", Some(r"failed (no\u{1b}[2J)")),
            ("kill -KILL $$", Some("failed ()")),
            // Real programs may leave a background process that holds the streams, and so does this one.
            ("sleep 1 &", None),
        ] {
            let arguments = ["-c", script];
            let look = Some(("sh", &arguments[..]));
            let found = look_at_clipboard(Path::new("/bin/xclip"), look, &TokioClock::new()).await;
            assert_eq!(found.err().as_deref(), expected, "{script}");
        }
        let clock = TokioClock::new();
        assert_eq!(
            look_at_clipboard(&wl_copy, Some(("wl-paste", &[])), &clock).await,
            Ok(()),
            "nothing to try"
        );
        fs::write(&xclip, "#!/nowhere").unwrap();
        assert!(look_at_clipboard(&xclip, Some(("xclip", &[])), &clock).await.is_err());
    }

    #[test]
    fn a_program_is_asked_only_where_its_desktop_is() {
        for (set, expected) in [
            (&[][..], &[][..]),
            (&["WAYLAND_DISPLAY", "DISPLAY"], &["wl-copy", "xclip", "xsel"]),
            (&["DISPLAY"], &["xclip", "xsel"]),
            (&["WSL_DISTRO_NAME"], &["clip.exe"]),
        ] {
            let programs: Vec<_> =
                programs(|name| set.contains(&name)).iter().map(|program| program.name).collect();
            assert_eq!(programs, expected, "{set:?}");
        }
    }

    #[test]
    fn a_terminal_that_would_show_the_sequence_gets_none() {
        for term in [None, Some(""), Some("dumb"), Some("linux")] {
            assert!(!understands_sequences(term), "{term:?}");
        }
        assert!(understands_sequences(Some("xterm-256color")));
    }
}
