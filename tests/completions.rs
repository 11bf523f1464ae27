//! `completions` and `man`, accepted by real shells and a real typesetter.

use crate::support::keymint;
use keymint_testkit::Launch;
use std::ffi::OsStr;
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

async fn script(home: &TempDir, shell: &str) -> std::path::PathBuf {
    write(home, &format!("_keymint.{shell}"), &printed(home, &["completions", shell]).await)
}

#[tokio::test]
async fn bash_completes_a_command_and_an_option() {
    let home = tempfile::tempdir().unwrap();
    let test = r#"
        source "$1"
        complete -p keymint >/dev/null || exit
        ask() {
            COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
            _keymint keymint "${@: -1}" "${@: -2:1}"
            echo "${COMPREPLY[@]}"
        }
        ask keymint cre
        ask keymint create --api-
        ask keymint completions el
    "#;
    let args = ["--noprofile", "--norc", "-c", test, "bash"].map(OsStr::new);
    let script = script(&home, "bash").await;
    let said = said("bash", &[&args[..], &[script.as_os_str()]].concat(), &home).await;
    assert_eq!(said, "create\n--api-base\nelvish\n");
}

/// zsh completes only in an interactive shell, so the test starts one and types Tab.
#[tokio::test]
async fn zsh_completes_a_command_and_an_option() {
    let home = tempfile::tempdir().unwrap();
    std::fs::rename(script(&home, "zsh").await, home.path().join("_keymint")).unwrap();
    let inner = r#"fpath=(~ $fpath); autoload -Uz compinit; compinit -u -d ~/dump; PS1=; keymint() { print -r "GOT <$*>" }; bindkey "^I" expand-or-complete; print READY"#;
    let test = r#"
        zmodload zsh/zpty
        zpty shell zsh --no-rcs -i
        zpty -w shell $1
        zpty -r -m shell seen "*READY*READY*"
        zpty -w -n shell $'keymint cre\t\n'
        zpty -r -m shell seen "*GOT <*>*" ; print -r -- ${${seen##*GOT}//[^a-z<> -]/}
        zpty -w -n shell $'keymint create --api-\t\n'
        zpty -r -m shell seen "*GOT <*>*" ; print -r -- ${${seen##*GOT}//[^a-z<> -]/}
        zpty -d shell
    "#;
    let args = ["--no-rcs", "-c", test, "zsh", inner].map(OsStr::new);
    let said = said("zsh", &args, &home).await;
    assert_eq!(said, " <create>\n <create --api-base>\n");
}

#[tokio::test]
async fn fish_completes_a_command_and_an_option() {
    let home = tempfile::tempdir().unwrap();
    let script = script(&home, "fish").await;
    let test = r#"
        source $argv[1]
        complete --do-complete "keymint cre" | string split --fields 1 \t
        complete --do-complete "keymint create --api-" | string split --fields 1 \t
    "#;
    let args = ["--no-config", "-c", test].map(OsStr::new);
    let said = said("fish", &[&args[..], &[script.as_os_str()]].concat(), &home).await;
    assert_eq!(said, "create\n--api-base\n");
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
