//! The key as a variable in a dotenv file.

mod dotenv;
mod drafts;
#[cfg_attr(not(unix), path = "env_file/folder_elsewhere.rs")]
mod folder;
mod git;
mod spot;
mod variable;

use super::Destination;
use crate::blocking;
use crate::config::EnvFileOptions;
use crate::error::CliError;
use crate::ui::prompter::Prompter;
use async_trait::async_trait;
use dotenv::{Dotenv, PlainValue};
use folder::Draft;
use git::Standing;
use keymint_domain::{ApiKey, Clock};
use keymint_tokio_clock::TokioClock;
use spot::{Spot, shown};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
pub(crate) use variable::Variable;
use zeroize::Zeroizing;

/// Largest file that is edited, in bytes. One that somebody wrote has a few thousand.
const LARGEST: usize = 1024 * 1024;

/// Room for a key. Those of today have 164 bytes.
const ROOM: usize = 1024;

/// How often, and how many times, another run in the same folder is waited for: 10 s.
const PAUSE: Duration = Duration::from_millis(100);
const PAUSES: usize = 100;

/// A file that was checked, and beside it the room for its next content.
pub(crate) struct EnvFile(Arc<Place>);

struct Place {
    spot: Spot,
    variable: Variable,
    draft: Draft,
    may_replace: MayReplace,
}

/// Which values of the variable may be lost.
enum MayReplace {
    Any,
    /// The one that was seen at the check. A person agreed to it, or it is empty.
    Seen(Zeroizing<Vec<u8>>),
}

/// What the file had at the check.
struct Checked {
    draft: Draft,
    current: Current,
    warnings: Vec<String>,
}

/// What the variable is set to.
enum Current {
    /// Nothing, or the same in each of these lines.
    One { value: Zeroizing<Vec<u8>>, lines: Vec<usize> },
    /// Different values, in these lines.
    Several(Vec<usize>),
}

impl EnvFile {
    /// Does all that can fail without the key, and asks about what would be lost.
    pub(crate) async fn check(wanted: &EnvFileOptions, prompter: Prompter<'_>) -> Result<Self, CliError> {
        let clock = TokioClock::new();
        let path = wanted.path.clone();
        let (spot, link) = checking(move || Spot::find(&path)).await?;
        if let Some(link) = link {
            prompter.warn(&format!("{} is a link: {spot} is the file that will change", shown(&link)));
        }
        if !spot.folder.try_lock() {
            prompter.warn(&format!(
                "another run of keymint seems to write beside {spot}; waiting for it, at most 10 s"
            ));
            lock(&clock, &spot).await?;
        }
        let variable = wanted.variable.clone();
        let (spot, checked) = checking(move || {
            let checked = look(&spot, &variable)?;
            Ok((spot, checked))
        })
        .await?;
        for warning in checked.warnings {
            prompter.warn(&warning);
        }
        ask_git(&clock, &spot, wanted.allow_tracked, prompter).await?;
        let may_replace = match wanted.force {
            true => MayReplace::Any,
            false => MayReplace::Seen(consent(&spot, &wanted.variable, checked.current, prompter).await?),
        };
        let variable = wanted.variable.clone();
        Ok(Self(Arc::new(Place { spot, variable, draft: checked.draft, may_replace })))
    }
}

#[async_trait]
impl Destination for EnvFile {
    fn name(&self) -> String {
        format!("env-file:{}", self.0.spot.now())
    }

    async fn deliver(&mut self, key: &ApiKey) -> io::Result<()> {
        let place = Arc::clone(&self.0);
        let key = Zeroizing::new(key.expose().to_owned());
        blocking::run(move || place.put(&key)).await?
    }

    fn what_now(&self) -> String {
        format!("It is in {} as {}.", self.0.spot.now(), self.0.variable.as_str())
    }
}

impl Drop for EnvFile {
    /// A delivery that nobody waits for may still hold the draft.
    fn drop(&mut self) {
        self.0.draft.remove();
    }
}

impl Place {
    /// Puts the key into the file as it is now, and makes sure that it is there.
    fn put(&self, key: &str) -> io::Result<()> {
        let Some(value) = PlainValue::parse(key) else {
            return Err(io::Error::other(
                "the key has characters that programs read differently from such a file",
            ));
        };
        let Spot { folder, name, .. } = &self.spot;
        // Once more where another program changes the file at the same moment.
        for _ in 0..2 {
            let found = folder.look(name, LARGEST)?;
            let old = found.as_ref().map_or(&[][..], |found| &found.content);
            let dotenv = Dotenv::parse(old, &self.variable)
                .map_err(|problem| io::Error::other(problem.to_string()))?;
            if !self.may_replace.allows(&dotenv) {
                return Err(io::Error::other("it has another value now than before the sign-in"));
            }
            let new = dotenv.set(&value);
            if folder.replace(name, found.as_ref(), &self.draft, &new)? {
                return match folder.look(name, new.len())? {
                    Some(found) if *found.content == *new => Ok(()),
                    _ => Err(io::Error::other("another program changed it at the same moment")),
                };
            }
        }
        Err(io::Error::other("another program keeps changing it"))
    }
}

impl MayReplace {
    fn allows(&self, dotenv: &Dotenv<'_>) -> bool {
        match self {
            Self::Any => true,
            Self::Seen(seen) => dotenv.values().all(|value| value.is_empty() || value == &***seen),
        }
    }
}

/// What a file sets a variable to, if it does: nothing is written, and nobody is waited for.
pub(crate) fn value_in_file(
    path: &Path,
    variable: &Variable,
) -> Result<Option<Zeroizing<Vec<u8>>>, CliError> {
    if path.symlink_metadata().is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
        return Ok(None);
    }
    let (spot, _) = Spot::find(path)?;
    let Some(found) = spot.folder.look(&spot.name, LARGEST).map_err(|error| spot.unusable(error))? else {
        return Ok(None);
    };
    let dotenv = Dotenv::parse(&found.content, variable).map_err(|problem| spot.unusable(problem))?;
    match Current::of(&dotenv) {
        Current::One { value, .. } => Ok(Some(value).filter(|value| !value.is_empty())),
        Current::Several(lines) => {
            let (name, lines) = (variable.as_str(), listed(&lines));
            Err(spot.unusable(format!(
                "{name} has different values in {lines}, and programs differ on which counts"
            )))
        }
    }
}

/// Keeps other runs from the folder until the end of this one.
async fn lock(clock: &dyn Clock, spot: &Spot) -> Result<(), CliError> {
    for _ in 0..PAUSES {
        if spot.folder.try_lock() {
            return Ok(());
        }
        clock.sleep(PAUSE).await;
    }
    // Whoever may read the folder can lock it.
    if spot.folder.has_live_draft().is_ok_and(|is_live| !is_live) {
        return Ok(());
    }
    Err(spot
        .unusable("another run of keymint writes in its folder")
        .hint("Wait for it or end it, and run this again."))
}

/// Reads the file and reserves the room for its next content.
fn look(spot: &Spot, variable: &Variable) -> Result<Checked, CliError> {
    let failed = |error: io::Error| spot.unusable(error);
    let mut warnings = Vec::new();
    for left in spot.folder.leftovers().map_err(failed)? {
        warnings.push(format!(
            "{} was left by a run that was killed, and may hold a key: look at it, then delete it",
            shown(&left)
        ));
    }
    let found = spot.folder.look(&spot.name, LARGEST).map_err(failed)?;
    let mut current = Current::One { value: Zeroizing::default(), lines: Vec::new() };
    if let Some(found) = &found {
        if found.is_read_only().map_err(failed)? {
            return Err(spot.unusable("it is read-only").hint("Make it writable, or name another file."));
        }
        if found.is_fixed() {
            return Err(spot
                .unusable("it is a mount point or immutable: no other file can take its place")
                .hint("Name another file, or the one that is mounted there."));
        }
        if found.has_other_names().map_err(failed)? {
            warnings.push(format!("{spot} has another name (a hard link), which keeps the old content"));
        }
        if let Some(mode) = found.readable_by_others().map_err(failed)? {
            warnings.push(format!(
                "other users may read {spot} (mode {mode:03o}): `chmod 600` makes it yours alone"
            ));
        }
        let dotenv = Dotenv::parse(&found.content, variable)
            .map_err(|problem| spot.unusable(problem).hint("Correct that line, or name another file."))?;
        current = Current::of(&dotenv);
    }
    let size = found.as_ref().map_or(0, |found| found.content.len()) + ROOM;
    let draft = Draft::reserve(&spot.folder, size, found.as_ref())
        .map_err(|error| spot.unusable(format!("it cannot be written: {error}")))?;
    Ok(Checked { draft, current, warnings })
}

impl Current {
    fn of(dotenv: &Dotenv<'_>) -> Self {
        let lines = dotenv.lines().collect();
        let mut values = dotenv.values();
        let first = values.next().unwrap_or_default();
        if values.all(|value| value == first) {
            Self::One { value: Zeroizing::new(first.to_vec()), lines }
        } else {
            Self::Several(lines)
        }
    }
}

/// Keeps a key out of what git publishes.
async fn ask_git(
    clock: &dyn Clock,
    spot: &Spot,
    allow_tracked: bool,
    prompter: Prompter<'_>,
) -> Result<(), CliError> {
    match git::standing(clock, spot.folder.path(), &spot.name).await {
        Standing::Apart => (),
        Standing::Tracked if allow_tracked => {
            prompter.warn(&format!("git tracks {spot}: do not commit the key"));
        }
        Standing::Tracked => {
            return Err(spot.unusable("git tracks it, and would publish the key").hint(format!(
                "Take it out of git (`git rm --cached {}`), or accept that with --allow-tracked.",
                shown(Path::new(&spot.name))
            )));
        }
        Standing::NotIgnored => {
            let gitignore = spot.folder.path().join(".gitignore");
            let line = git::ignoring(&spot.name);
            prompter
                .warn(&format!("git does not ignore {spot}: add the line {line} to {}", shown(&gitignore)));
        }
        Standing::Unknown(why) => {
            prompter.warn(&format!("whether git would publish {spot} is not known: {why}"));
        }
    }
    Ok(())
}

/// The value that may be replaced: it is empty, or the person agrees to lose it.
async fn consent(
    spot: &Spot,
    variable: &Variable,
    current: Current,
    prompter: Prompter<'_>,
) -> Result<Zeroizing<Vec<u8>>, CliError> {
    let variable = variable.as_str();
    let (value, lines) = match current {
        Current::One { value, .. } if value.is_empty() => return Ok(value),
        Current::One { value, lines } => (value, listed(&lines)),
        Current::Several(lines) => {
            let lines = listed(&lines);
            return Err(spot
                .unusable(format!(
                    "{variable} has different values in {lines}, and programs differ on which counts"
                ))
                .hint("Delete all but one, or replace them all with --force."));
        }
    };
    let question = format!("{spot} has {variable} already ({lines}). Replace its value, which is lost then?");
    match prompter.confirm(question).await {
        Some(true) => Ok(value),
        Some(false) => Err(spot
            .unusable(format!("{variable} has a value already ({lines}), and you want to keep it"))
            .hint("Name another variable with --var, or another file.")),
        None => Err(spot
            .unusable(format!("{variable} has a value already ({lines})"))
            .hint("Replace it with --force, or name another variable with --var.")),
    }
}

fn listed(lines: &[usize]) -> String {
    let numbers: Vec<_> = lines.iter().map(usize::to_string).collect();
    let word = if lines.len() == 1 { "line" } else { "lines" };
    format!("{word} {}", numbers.join(", "))
}

async fn checking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, CliError> + Send + 'static,
) -> Result<T, CliError> {
    blocking::run_to_its_end(work).await.map_err(|error| CliError::internal(&error))?
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;
    use keymint_domain::Moment;
    use std::fs;
    use std::path::PathBuf;

    /// Whose pauses take no time.
    struct Impatient;

    #[async_trait]
    impl Clock for Impatient {
        fn now(&self) -> Moment {
            Moment::ORIGIN
        }

        async fn sleep(&self, _duration: Duration) {}
    }

    fn place(folder: &Path) -> Place {
        let (spot, _) = Spot::find(&folder.join(".env")).unwrap();
        let variable = Variable::default();
        let Checked { draft, .. } = look(&spot, &variable).unwrap();
        Place { spot, variable, draft, may_replace: MayReplace::Seen(Zeroizing::default()) }
    }

    #[tokio::test]
    async fn a_run_that_does_not_end_is_not_waited_for_without_end() {
        let folder = tempfile::tempdir().unwrap();
        let find = || Spot::find(&folder.path().join(".env")).unwrap().0;
        let (first, second) = (find(), find());
        lock(&Impatient, &first).await.unwrap();
        let draft = Draft::reserve(&first.folder, ROOM, None).unwrap();
        assert_eq!(second.folder.leftovers().unwrap(), Vec::<PathBuf>::new());
        let failure = lock(&Impatient, &second).await.unwrap_err();
        assert!(
            failure.message.ends_with("another run of keymint writes in its folder"),
            "{}",
            failure.message
        );
        drop((first, draft));
        lock(&Impatient, &second).await.unwrap();
    }

    /// As anybody can who may read it.
    #[tokio::test]
    async fn a_folder_that_another_program_locks_keeps_nobody_away() {
        let folder = tempfile::tempdir().unwrap();
        let find = || Spot::find(&folder.path().join(".env")).unwrap().0;
        let (stranger, run) = (find(), find());
        assert!(stranger.folder.try_lock() && !run.folder.try_lock());
        lock(&Impatient, &run).await.unwrap();
    }

    #[test]
    fn a_key_that_a_shell_would_run_is_not_written() {
        let folder = tempfile::tempdir().unwrap();
        let place = place(folder.path());
        let refusal = place.put("sk-$(id)").unwrap_err().to_string();
        assert!(refusal.contains("characters") && !refusal.contains("id)"), "{refusal}");
        assert!(!folder.path().join(".env").exists());
    }

    #[test]
    fn a_key_longer_than_the_room_for_it_is_written_whole() {
        let folder = tempfile::tempdir().unwrap();
        let key = "k".repeat(ROOM * 3);
        place(folder.path()).put(&key).unwrap();
        let content = fs::read_to_string(folder.path().join(".env")).unwrap();
        assert_eq!(content, format!("OPENAI_API_KEY={key}\n"));
    }

    #[test]
    fn a_file_as_large_as_may_be_takes_the_key() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".env");
        fs::write(&path, "#".repeat(LARGEST)).unwrap();
        place(folder.path()).put("sk-proj-0123456789").unwrap();
        assert!(fs::read_to_string(&path).unwrap().ends_with("#\nOPENAI_API_KEY=sk-proj-0123456789\n"));
    }

    #[test]
    fn a_file_that_changed_since_it_was_read_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".env");
        fs::write(&path, "A=1\n").unwrap();
        let Place { spot, draft, .. } = &place(folder.path());
        let found = spot.folder.look(&spot.name, LARGEST).unwrap();
        fs::write(&path, "A=2\n").unwrap();
        assert!(!spot.folder.replace(&spot.name, found.as_ref(), draft, b"old").unwrap());
        assert!(!spot.folder.replace(&spot.name, None, draft, b"old").unwrap());
        assert_eq!(fs::read_to_string(&path).unwrap(), "A=2\n");
    }

    /// The program may end before a delivery that nobody waits for does.
    #[test]
    fn a_draft_is_gone_with_its_file_even_while_it_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let file = EnvFile(Arc::new(place(folder.path())));
        let writing = Arc::clone(&file.0);
        drop(file);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        assert!(writing.put("sk-proj-0123456789").is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
