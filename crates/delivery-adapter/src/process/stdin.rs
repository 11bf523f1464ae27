//! A program that receives a secret on its standard input.

use crate::process::program::{AroundSpawn, Program, failed, succeeded};
use crate::{fail_point, threads};
use keymint_domain::Clock;
use keymint_mask::{Forms, Masker};
use std::io::{self, PipeReader, Write};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};
use tokio::process::Command;
use tokio::sync::{Notify, oneshot};
use tokio::task::coop::consume_budget;
use zeroize::Zeroizing;

/// The time for which background processes of the program may keep its output open.
const DRAIN: Duration = Duration::from_secs(1);

/// The maximum length of a piece of a line that is passed on at once, in bytes.
const LONGEST_LINE: u64 = 4096;

/// Starts the program, writes the secret to its standard input, closes it, and waits until the program ends.
/// `on_output` receives each line that the program writes to a piped stream, without the secret. The error completes
/// a sentence that begins with the name of the program.
///
/// The write itself has no time limit: a pipe takes a whole key at once, even without a reader. This process
/// therefore keeps a reading end, and checks afterwards whether the pipe is empty.
pub(crate) async fn write_to_stdin(
    mut command: Command,
    around_spawn: AroundSpawn,
    secret: Zeroizing<Vec<u8>>,
    on_output: &(dyn Fn(&str) + Sync),
    clock: &dyn Clock,
) -> io::Result<()> {
    let forms = Forms::of(&secret);
    let (mut reader, mut writer) = io::pipe()?;
    command.stdin(reader.try_clone()?);
    let mut program = Program::start(command, around_spawn)
        .map_err(|error| failed(format!("could not be started ({error})")))?;
    let (stdout, stderr) = (program.child.stdout.take(), program.child.stderr.take());
    // The pipe has room for a key, so this ends on any thread, at the latest when the other ends of the pipe close.
    let (written, has_written) = oneshot::channel::<()>();
    threads::start(Box::new(move || {
        let _ = writer.write_all(&secret);
        fail_point::reached("fed");
        drop((writer, written));
    }));

    let over = Notify::new();
    let waiting = async {
        let status = program.end(clock).await;
        over.notify_one();
        status
    };
    let listening = async {
        let everything = async {
            tokio::join!(read_lines(stdout, &forms, on_output), read_lines(stderr, &forms, on_output))
        };
        let long_enough = async {
            over.notified().await;
            clock.sleep(DRAIN).await;
        };
        tokio::select! {
            biased;
            _ = everything => {}
            () = long_enough => {}
        }
    };
    let (status, ()) = tokio::join!(waiting, listening);
    succeeded(status?)?;
    // If the pipe is not empty, the writer may still be waiting.
    let everything_was_written =
        is_empty(&mut reader) && clock.timeout(DRAIN, has_written).await.is_ok() && is_empty(&mut reader);
    if everything_was_written { Ok(()) } else { Err(failed("ended without reading the key")) }
}

/// Returns whether the pipe is empty, without reading from it, since a background process of the program may still
/// read the key.
#[cfg(unix)]
fn is_empty(reader: &mut PipeReader) -> bool {
    rustix::io::ioctl_fionread(reader).is_ok_and(|left| left == 0)
}

/// Returns whether the pipe is empty, and waits for the writer.
#[cfg(not(unix))]
fn is_empty(reader: &mut PipeReader) -> bool {
    matches!(io::Read::read(reader, &mut [0]), Ok(0))
}

/// Reads lines until the end of the stream. A very long line is passed on in pieces.
async fn read_lines(
    stream: Option<impl AsyncRead + Unpin>,
    forms: &Arc<Forms>,
    on_output: &(dyn Fn(&str) + Sync),
) {
    let Some(stream) = stream else { return };
    let (mut stream, mut masker) = (BufReader::new(stream), Masker::new(forms));
    let mut shown = Vec::new();
    loop {
        let mut line = Zeroizing::new(Vec::new());
        let read = (&mut stream).take(LONGEST_LINE).read_until(b'\n', &mut line).await;
        let is_over = !matches!(read, Ok(1..));
        shown.extend_from_slice(&masker.push(&line));
        if is_over {
            shown.extend_from_slice(&masker.end());
        }
        let is_complete = line.ends_with(b"\n") || line.len() as u64 == LONGEST_LINE || is_over;
        if is_complete && !shown.is_empty() {
            on_output(String::from_utf8_lossy(&shown).trim_end_matches(['\r', '\n']));
            shown.clear();
        }
        if is_over {
            return;
        }
        // A program that writes endlessly must not keep this task from handling signals.
        consume_budget().await;
    }
}

#[cfg(target_os = "linux")]
#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::program::{GRACE, TIMEOUT};
    use keymint_domain::{Moment, async_trait};
    use std::fs;
    use std::path::{Path, PathBuf};
    use std::process::Stdio;
    use std::sync::Mutex;
    use tempfile::TempDir;

    const SECRET: &str = "sk-proj-canary-0123456789";

    /// A clock on which a wait of a given length ends when a file exists, and any other wait never ends.
    struct Waits(Vec<(Duration, PathBuf)>);

    #[async_trait]
    impl Clock for Waits {
        fn now(&self) -> Moment {
            Moment::ORIGIN
        }

        async fn sleep(&self, duration: Duration) {
            match self.0.iter().find(|(length, _)| *length == duration) {
                Some((_, file)) => until(|| file.exists()).await,
                None => std::future::pending().await,
            }
        }
    }

    async fn until(holds: impl Fn() -> bool) {
        while !holds() {
            tokio::task::yield_now().await;
        }
    }

    /// A script in a separate directory.
    struct Script {
        directory: TempDir,
        command: Command,
    }

    impl Script {
        fn new(text: &str) -> Self {
            let directory = tempfile::tempdir().unwrap();
            let mut command = Command::new("/bin/sh");
            command.args(["-c", text]).current_dir(directory.path());
            command.stdout(Stdio::piped()).stderr(Stdio::piped());
            Self { directory, command }
        }

        fn file(&self, name: &str) -> PathBuf {
            self.directory.path().join(name)
        }

        /// Runs the script with a secret, and returns the error's text, its output and its directory.
        async fn write(self, waits: Vec<(Duration, PathBuf)>) -> (Option<String>, Vec<String>, TempDir) {
            let said = Mutex::new(Vec::new());
            let hear = |line: &str| said.lock().unwrap().push(line.to_owned());
            let secret = Zeroizing::new(SECRET.as_bytes().to_vec());
            let fed = write_to_stdin(self.command, |spawn| spawn(), secret, &hear, &Waits(waits)).await;
            (fed.err().map(|error| error.to_string()), said.into_inner().unwrap(), self.directory)
        }
    }

    /// Returns whether the process with the id in this file is running.
    fn runs(file: &Path) -> bool {
        let id = fs::read_to_string(file).unwrap();
        let status = fs::read_to_string(format!("/proc/{}/status", id.trim())).unwrap_or_default();
        status.contains("\nState:") && !status.contains("\nState:\tZ")
    }

    #[tokio::test]
    async fn a_program_gets_the_secret_the_end_of_its_input_and_nothing_in_other_places() {
        let script = Script::new("cat >got; cat /proc/$$/cmdline /proc/$$/environ >elsewhere");
        let (error, said, directory) = script.write(vec![]).await;
        assert_eq!((error, said), (None, vec![]));
        assert_eq!(fs::read_to_string(directory.path().join("got")).unwrap(), SECRET);
        let elsewhere = fs::read(directory.path().join("elsewhere")).unwrap();
        assert!(!String::from_utf8_lossy(&elsewhere).contains("canary"));
    }

    #[tokio::test]
    async fn a_program_that_fails_is_reported_in_its_words() {
        const UNREAD: &str = "ended without reading the key";
        let all_but_one = format!("dd bs=1 count={} >/dev/null 2>&1", SECRET.len() - 1);
        for (script, expected) in [
            ("exit 1", "ended with exit code 1"),
            ("dd bs=1 count=9 >/dev/null 2>&1; exit 3", "ended with exit code 3"),
            ("cat >/dev/null; exit 77", "ended with exit code 77"),
            ("kill -KILL $$", "was terminated by signal 9"),
            ("exit 0", UNREAD),
            ("exec 0<&-; exit 0", UNREAD),
            ("dd bs=1 count=9 >/dev/null 2>&1", UNREAD),
            (&all_but_one, UNREAD),
        ] {
            let (error, ..) = Script::new(script).write(vec![]).await;
            assert_eq!(error.as_deref(), Some(expected), "{script}");
        }
    }

    #[tokio::test]
    async fn a_program_that_is_gone_cannot_be_started() {
        let script = Script { command: Command::new("/nowhere/tool"), ..Script::new("") };
        let (error, ..) = script.write(vec![]).await;
        assert!(error.unwrap().starts_with("could not be started (No such file or directory"));
    }

    #[tokio::test]
    async fn a_program_that_hangs_is_asked_to_end_then_ended_and_with_the_leader_of_a_group_what_it_started()
    {
        const ASKED: &str = "trap 'touch asked; exit' TERM; echo $$ >id; touch ready; while :; do :; done";
        for (text, leads_a_group, ends_when_asked) in [
            (ASKED, false, true),
            (ASKED, true, true),
            ("cat >/dev/null; echo $$ >id; touch asked ready; exec sleep 1000", false, true),
            ("trap '' TERM; echo $$ >id; touch asked ready; exec sleep 1000", false, false),
            ("sleep 1000 & echo $! >id; touch asked ready; wait", true, true),
            ("trap '' TERM; sleep 1000 & echo $! >id; trap - TERM; touch asked ready; wait", true, true),
        ] {
            let mut script = Script::new(text);
            if leads_a_group {
                script.command.process_group(0);
            }
            let mut waits = vec![(TIMEOUT, script.file("ready")), (DRAIN, "/".into())];
            if !ends_when_asked {
                waits.push((GRACE, "/".into()));
            }
            let (error, _, directory) = script.write(waits).await;
            assert_eq!(error.as_deref(), Some("took longer than 2 min and was stopped"));
            assert!(directory.path().join("asked").exists(), "{text}");
            until(|| !runs(&directory.path().join("id"))).await;
        }
    }

    #[tokio::test]
    async fn a_program_does_not_outlive_a_delivery_that_is_given_up() {
        let Script { directory, command } = Script::new("echo $$ >id; touch ready; exec sleep 1000");
        let ready = directory.path().join("ready");
        let clock = Waits(vec![]);
        tokio::select! {
            fed = write_to_stdin(command, |spawn| spawn(), Zeroizing::default(), &|_| {}, &clock) => panic!("{fed:?}"),
            () = until(|| ready.exists()) => {}
        }
        until(|| !runs(&directory.path().join("id"))).await;
    }

    #[tokio::test]
    async fn a_program_that_leaves_others_behind_is_not_waited_for_longer_than_itself() {
        let script = Script::new("cat >/dev/null; sleep 1000 & echo $! >id; echo done");
        let (error, said, directory) = script.write(vec![(DRAIN, "/".into())]).await;
        assert_eq!((error, said), (None, vec!["done".to_owned()]));
        let id = directory.path().join("id");
        assert!(runs(&id));
        std::process::Command::new("kill").arg(fs::read_to_string(id).unwrap().trim()).status().unwrap();
    }

    #[tokio::test]
    async fn a_program_that_leaves_the_reading_to_another_is_reported_and_the_other_gets_the_whole_key() {
        let later = "{ until [ -e go ]; do sleep 0.01; done; cat >got; touch done; } <&3 >&- 2>&- &";
        let script = Script::new(&format!("exec 3<&0; {later}"));
        let (error, _, directory) = script.write(vec![]).await;
        assert_eq!(error.as_deref(), Some("ended without reading the key"));
        fs::write(directory.path().join("go"), "").unwrap();
        until(|| directory.path().join("done").exists()).await;
        assert_eq!(fs::read_to_string(directory.path().join("got")).unwrap(), SECRET);
    }

    #[tokio::test]
    async fn each_line_is_passed_on_and_an_endless_one_in_pieces() {
        let script = Script::new(
            "cat >/dev/null; printf 'one\\r\\n\\ntwo\\n'; head -c 10000 /dev/zero | tr '\\0' x; echo; printf last",
        );
        let (_, said, _) = script.write(vec![]).await;
        let (long, short): (Vec<_>, Vec<_>) = said.into_iter().partition(|line| line.starts_with('x'));
        assert_eq!(short, ["one", "", "two", "last"]);
        assert_eq!(long.concat().len(), 10_000);
        assert!(long.iter().all(|line| line.len() as u64 <= LONGEST_LINE));
    }

    #[tokio::test]
    async fn a_program_may_be_ended_by_a_broken_pipe_again() {
        let script = Script::new("cat >/dev/null; sed -n 's/^SigIgn:\t//p' /proc/self/status");
        let (_, said, _) = script.write(vec![]).await;
        let ignored = u64::from_str_radix(&said[0], 16).unwrap();
        let broken_pipe = 1 << (rustix::process::Signal::PIPE.as_raw() - 1);
        assert_eq!(ignored & broken_pipe, 0, "{said:?}");
    }
}
