//! `create` with destinations that fail after their check, and the store that keeps the key then.

use crate::destination::{DESTINATIONS, Destination, Site};
use crate::harness::Harness;
use crate::table::{Row, show};
use crate::verdict::Verdict;
use keymint_testkit::{Session, script};
use std::fs;

/// A destination that takes no key.
struct Failing {
    destination: Destination,
    /// Breaks the destination during the sign-in.
    spoil: fn(&mut Harness),
    /// The expected message.
    message: &'static str,
}

/// The stores that can still keep the key.
#[derive(Clone, Copy)]
enum Keeper {
    RecoveryDirectory,
    TemporaryDirectory,
    Nobody,
}

const RECOVERY: &str = ".local/state/keymint/recovery";

const KEEPERS: [(&str, Keeper); 3] = [
    ("as usual", Keeper::RecoveryDirectory),
    ("no directory", Keeper::TemporaryDirectory),
    ("no directory at all", Keeper::Nobody),
];

#[rustfmt::skip]
static FAILING: [Failing; 14] = [
    failing("a full disk",                           &["--print"],                                                Site::Nowhere,    |_| {},              "standard output failed (No space left"),
    failing("a file whose directory is removed",     &["--env-file", "project/.env"],                             Site::Nowhere,    remove_directory,    "failed (No such file or directory"),
    failing("a file that is a directory now",        &["--env-file", ".env"],                                     Site::Nowhere,    make_it_a_directory, "failed (it is a directory"),
    failing("a file with another value now",         &["--env-file", ".env"],                                     Site::DotenvFile, set_a_value,         "failed (the value changed"),
    failing("a keyring that is locked",              &["--keyring"],                                              Site::Keyring,    lock,                "keyring failed (the keyring is locked"),
    failing("a keyring whose session has ended",     &["--keyring"],                                              Site::Keyring,    end_session,         "keyring failed (cannot reach a keyring"),
    failing("a command that fails",                  &["--pipe-to", "sh -c 'exit 1'"],                            Site::Nowhere,    |_| {},              "\"sh\" ended with exit code 1"),
    failing("a command that reads a part and fails", &["--pipe-to", "sh -c 'dd bs=1 count=20 >&- 2>&-; exit 3'"], Site::Nowhere,    |_| {},              "\"sh\" ended with exit code 3"),
    failing("a command that is killed",              &["--pipe-to", "sh -c 'cat >/dev/null; kill -KILL $$'"],     Site::Nowhere,    |_| {},              "\"sh\" was terminated by signal 9"),
    failing("a command that does not read",          &["--pipe-to", "true"],                                      Site::Nowhere,    |_| {},              "\"true\" ended without reading the key"),
    failing("a command that closes its input",       &["--pipe-to", "sh -c 'exec 0<&-'"],                         Site::Nowhere,    |_| {},              "\"sh\" ended without reading the key"),
    failing("a command that reads a part",           &["--pipe-to", "head -c 20"],                                Site::Nowhere,    |_| {},              "\"head\" ended without reading the key"),
    failing("a clipboard whose program fails",       &["--copy"],                                                 Site::Clipboard,  break_wl_copy,       "clipboard failed (wl-copy ended with exit code 1"),
    failing("a file, and a command that fails",      &["--env-file", ".env", "--pipe-to", "false"],               Site::DotenvFile, |_| {},              "\"false\" ended with exit code 1"),
];

const fn failing(
    name: &'static str,
    args: &'static [&'static str],
    site: Site,
    spoil: fn(&mut Harness),
    message: &'static str,
) -> Failing {
    Failing { destination: Destination { name, args, site, borders: &[] }, spoil, message }
}

fn remove_directory(harness: &mut Harness) {
    fs::remove_dir_all(harness.path("project")).unwrap();
}

fn make_it_a_directory(harness: &mut Harness) {
    fs::create_dir(harness.path(".env")).unwrap();
}

fn set_a_value(harness: &mut Harness) {
    harness.write(".env", "OPENAI_API_KEY=another\n");
}

fn lock(harness: &mut Harness) {
    harness.session().lock();
}

fn end_session(harness: &mut Harness) {
    harness.session = Some(Session::start("unlocked"));
}

fn break_wl_copy(harness: &mut Harness) {
    script(harness.path("bin/wl-copy"), "exit 1");
}

#[tokio::test]
async fn whatever_fails_the_key_is_kept_or_its_loss_is_reported() {
    let cells = FAILING.iter().flat_map(|failing| {
        KEEPERS.map(|(name, keeper)| Row {
            block: failing.destination.name.to_owned(),
            name,
            cell: failed(failing, keeper),
        })
    });
    show("create fails where the key is wanted, and to keep it there is …: the key is …, and the next run says …", cells.collect()).await;
}

async fn failed(failing: &'static Failing, keeper: Keeper) -> String {
    let cell = failing.destination.name;
    let mut harness = Harness::new(&failing.destination).await;
    let program = harness.delivers(&["create"]);
    let ended = harness
        .run(program, |harness| {
            (failing.spoil)(harness);
            keeper.leave_in(harness);
        })
        .await;
    assert_eq!(ended.code, 9, "{cell}: {}", ended.stderr);
    assert!(ended.stderr.contains(failing.message), "{cell}: {}", ended.stderr);
    assert_eq!(harness.keys().len(), 1, "{cell}: {}", ended.stderr);

    keeper.give_back_in(&harness);
    let verdict = Verdict::of(&harness, &ended).await;
    let row = verdict.check(cell);
    match keeper {
        Keeper::Nobody => {
            assert!(ended.stderr.contains("and it could not be kept either"), "{cell}: {}", ended.stderr);
            let hint =
                if row.starts_with("lost") { "Delete the key" } else { "It is not lost: take it from" };
            assert!(ended.stderr.contains(hint), "{cell}: {}", ended.stderr);
            assert!(harness.kept().is_empty() && verdict.report() == "it exists", "{cell}");
        }
        Keeper::RecoveryDirectory | Keeper::TemporaryDirectory => {
            assert_eq!([ended.kept().trim_end()], harness.keys()[..], "{cell}");
            assert_eq!(verdict.report(), "nothing", "{cell}");
        }
    }
    row
}

/// The user may not have pasted it yet.
#[tokio::test]
async fn a_key_that_only_a_clipboard_has_is_reported_by_the_next_run() {
    for destination in DESTINATIONS.iter().filter(|destination| !destination.site.keeps()) {
        let mut harness = Harness::new(destination).await;
        let program = harness.delivers(&["create"]);
        let ended = harness.run(program, |harness| Keeper::Nobody.leave_in(harness)).await.exits_with(0);
        assert!(ended.stderr.contains("the key could not be kept elsewhere"), "{}", ended.stderr);
        Keeper::Nobody.give_back_in(&harness);
        let verdict = Verdict::of(&harness, &ended).await;
        assert!(
            verdict.check(destination.name).starts_with("where it was wanted ")
                && verdict.report() == "it exists"
        );
    }
}

impl Keeper {
    /// Disables the stores that come before this one.
    fn leave_in(self, harness: &Harness) {
        if !matches!(self, Self::RecoveryDirectory) {
            fs::remove_dir_all(harness.path(RECOVERY)).unwrap();
            harness.write(RECOVERY, "");
        }
        if matches!(self, Self::Nobody) {
            fs::remove_dir(harness.path("temporary")).unwrap();
        }
    }

    /// Restores the directory, which another run needs.
    fn give_back_in(self, harness: &Harness) {
        if !matches!(self, Self::RecoveryDirectory) {
            fs::remove_file(harness.path(RECOVERY)).unwrap();
        }
    }
}
