//! `completions` and `man`, accepted by real shells and a real typesetter.

use crate::support::{KEYMINT, keymint};
use keymint_testkit::Launch;
use serde_json::json;
use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use tempfile::TempDir;

async fn printed(home: &TempDir, args: &[&str]) -> String {
    let output = keymint(home).args(args).output().await;
    assert!(output.code == 0 && output.stderr.is_empty(), "{args:?}: {}", output.stderr);
    output.stdout
}

/// Returns the output of a program with these arguments, which must not write an error.
async fn said(program: &str, args: &[&OsStr], home: &TempDir) -> String {
    let output = Launch::new(program, home).args(args).output().await;
    assert!(output.code == 0 && output.stderr.is_empty(), "{program}: {}", output.stderr);
    output.stdout
}

fn write(home: &TempDir, name: &str, text: &str) -> std::path::PathBuf {
    let path = home.path().join(name);
    std::fs::write(&path, text).unwrap();
    path
}

/// Returns a home with two profiles, and with the command `zz-command` and keymint in `bin`.
fn home() -> TempDir {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir_all(home.path().join(".config/keymint")).unwrap();
    fs::create_dir(home.path().join("bin")).unwrap();
    write(&home, ".config/keymint/config.toml", "[profiles.work]\n[profiles.home]\n\"no name\" = 1\n");
    symlink(KEYMINT, home.path().join("bin/keymint")).unwrap();
    symlink("/bin/true", home.path().join("bin/zz-command")).unwrap();
    home
}

async fn script(home: &TempDir, shell: &str) -> std::path::PathBuf {
    write(home, &format!("_keymint.{shell}"), &printed(home, &["completions", shell]).await)
}

#[tokio::test]
async fn the_known_profiles_are_those_of_the_file_and_of_the_stored_keys() {
    let home = home();
    let profiles = ["completions", "--profiles"];
    assert_eq!(printed(&home, &profiles).await, "home\nwork\n");
    let record = json!({
        "version": 1, "state": "delivered", "time": "2026-11-01T10:00:00Z", "name": "a key",
        "organization": {"id": "org-1"}, "project": {"id": "proj_1"}, "api_base": "https://api.openai.com",
        "last4": "aaaa", "deliveries": [
            {"to": "keyring", "profile": "stored", "at": "2026-11-01T10:00:00Z"},
            {"to": "keyring", "profile": "removed", "at": "2026-11-01T10:00:00Z", "removed_at": "2026-11-02T10:00:00Z"},
        ]
    });
    let records = home.path().join(".local/state/keymint/records");
    fs::create_dir_all(&records).unwrap();
    fs::write(records.join("20261101T100000000000Z-1.jsonl"), record.to_string()).unwrap();
    for path in records.ancestors().take(2) {
        fs::set_permissions(path, Permissions::from_mode(0o700)).unwrap();
    }
    assert_eq!(printed(&home, &profiles).await, "home\nstored\nwork\n");
    write(&home, ".config/keymint/config.toml", "no TOML");
    assert_eq!(printed(&home, &profiles).await, "stored\n");
}

#[tokio::test]
async fn bash_completes_a_command_and_an_option() {
    let home = home();
    let test = r#"
        PATH=~/bin:$PATH
        source "$1"
        [[ $(complete -p keymint) == *" -F _keymint_line keymint" ]] || exit
        ask() {
            COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
            _keymint_line keymint "${@: -1}" "${@: -2:1}"
            echo "${COMPREPLY[@]}"
        }
        ask keymint cre
        ask keymint create --api-
        ask keymint completions el
        ask keymint man cre
        ask keymint man rev
        ask keymint man admin ""
        ask keymint completions --p
        ask keymint create --profile wo
        ask keymint run --profile ""
        ask keymint run --mas
        ask keymint run -- zz-c
        ask keymint run --profile = work --mask zz-c
        ask keymint run -- zz-command --mas
        _command_offset() { echo "from $1"; }
        ask keymint run --var NAME -- zz-command --mas
        ask keymint status -- zz-c
    "#;
    let args = ["--noprofile", "--norc", "-c", test, "bash"].map(OsStr::new);
    let script = script(&home, "bash").await;
    let said = said("bash", &[&args[..], &[script.as_os_str()]].concat(), &home).await;
    let expected = [
        "create",
        "--api-base",
        "elvish",
        "create",
        "",
        "list revoke service-account",
        "",
        "work",
        "home work",
        "--mask",
        "zz-command",
        "zz-command",
        "",
        "from 5",
        "",
        "",
        "",
    ];
    assert_eq!(said, expected.join("\n"));
}

/// zsh completes only in an interactive shell, so the test starts one and types Tab.
#[tokio::test]
async fn zsh_completes_a_command_and_an_option() {
    let home = home();
    std::fs::rename(script(&home, "zsh").await, home.path().join("_keymint")).unwrap();
    let inner = r#"
        path=(~/bin $path); fpath=(~ $fpath); autoload -Uz compinit; compinit -u -d ~/dump; PS1=
        keymint() { if [[ $1 == completions ]]; then command keymint "$@"; else print -r "GOT <$*>"; fi }
        bindkey "^I" expand-or-complete
    "#;
    write(&home, "inner", inner);
    let test = r#"
        zmodload zsh/zpty
        zpty shell zsh --no-rcs -i
        zpty -w shell '. ~/inner; print READY'
        zpty -r -m shell seen "*READY*READY*"
        for typed in cre "create --api-" "man cre" "man admin rev" "create --profile wo" "run --profile wo" "run -- zz-c" "run --mask zz-c"; do
            zpty -w -n shell "keymint $typed"$'\t\n'
            zpty -r -m shell seen "*GOT <*>*" ; print -r -- ${${seen##*GOT}//[^a-z<> -]/}
        done
        zpty -d shell
    "#;
    let args = ["--no-rcs", "-c", test].map(OsStr::new);
    let said = said("zsh", &args, &home).await;
    let expected = [
        "create",
        "create --api-base",
        "man create",
        "man admin revoke",
        "create --profile work",
        "run --profile work",
        "run -- zz-command",
        "run --mask zz-command",
    ];
    assert_eq!(said, expected.map(|words| format!(" <{words}>\n")).concat());
}

#[tokio::test]
async fn fish_completes_a_command_and_an_option() {
    let home = home();
    let script = script(&home, "fish").await;
    let test = r#"
        set --prepend PATH ~/bin
        source $argv[1]
        for typed in cre "create --api-" "man cre" "man service-" "man admin " "help zz" "help cre" "create --profile " "run --mas" "run -- zz-c" "run --profile work zz-c" "run -- keymint cre" "completions el"
            echo (complete --do-complete "keymint $typed" | string split --fields 1 \t)
        end
    "#;
    let args = ["--no-config", "-c", test].map(OsStr::new);
    let said = said("fish", &[&args[..], &[script.as_os_str()]].concat(), &home).await;
    let expected = [
        "create",
        "--api-base",
        "create",
        "",
        "list revoke service-account",
        "",
        "create",
        "home work",
        "--mask",
        "zz-command",
        "zz-command",
        "create",
        "elvish",
    ];
    assert_eq!(said, expected.map(|words| format!("{words}\n")).concat());
}

#[tokio::test]
async fn other_shells_have_a_script_too_and_an_unknown_one_is_refused() {
    let home = tempfile::tempdir().unwrap();
    for shell in ["powershell", "elvish"] {
        assert!(printed(&home, &["completions", shell]).await.contains("--callback-port"), "{shell}");
    }
    let refused = keymint(&home).args(["completions", "tcsh"]).output().await;
    assert_eq!(refused.code, 2);
}

#[tokio::test]
async fn a_reader_that_has_left_is_no_error_of_a_page_or_a_script() {
    let home = tempfile::tempdir().unwrap();
    for args in [["man", "create"], ["completions", "bash"]] {
        let (_, writer) = std::io::pipe().unwrap();
        let ended = keymint(&home).args(args).stdout(writer).spawn().finish().await;
        assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{args:?}");
    }
}

#[tokio::test]
async fn the_manual_pages_are_typeset_without_a_warning() {
    let home = tempfile::tempdir().unwrap();
    for (command, expected) in
        [("", "keymint-create(1)"), ("create", "--callback-port"), ("sandbox", "--latency")]
    {
        let args: Vec<_> = ["man", command].into_iter().filter(|arg| !arg.is_empty()).collect();
        let page = write(&home, "page.1", &printed(&home, &args).await);
        let args = ["-man", "-Tutf8", "-ww", "-P-cbu"].map(OsStr::new);
        let typeset = said("groff", &[&args[..], &[Path::as_os_str(&page)]].concat(), &home).await;
        assert!(typeset.contains(expected), "{typeset}");
    }
}
