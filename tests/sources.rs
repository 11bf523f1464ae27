//! What must not stand in the sources, or only where it was looked at.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The folder of the workspace.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_owned()
}

/// Every file of this extension that is written by hand, by its path in the workspace.
pub(crate) fn files(extension: &str) -> BTreeMap<String, String> {
    fn collect(folder: &Path, extension: &str, found: &mut BTreeMap<String, String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect(&path, extension, found);
            } else if path.extension().is_some_and(|found| found == extension) {
                let name = path.strip_prefix(root()).unwrap().to_str().unwrap().replace('\\', "/");
                found.insert(name, fs::read_to_string(&path).unwrap());
            }
        }
    }
    let mut found = BTreeMap::new();
    for folder in ["crates", "docs", "examples", "tests"] {
        collect(&root().join(folder), extension, &mut found);
    }
    found
}

/// What of a source goes into the program.
fn shipped(source: &str) -> &str {
    source.split("#[cfg(test)]\nmod tests").next().unwrap()
}

/// `delivery-adapter/src/fail_point.rs` defines them.
#[test]
fn fail_points_are_in_no_build_that_did_not_ask_for_them() {
    let named: Vec<_> = files("toml")
        .values()
        .flat_map(|manifest| manifest.lines())
        .filter(|line| line.contains("fail-points"))
        .map(str::to_owned)
        .collect();
    let command = "fail-points = [\"keymint-delivery-adapter/fail-points\"]";
    assert_eq!(named, [command, "required-features = [\"fail-points\"]", "fail-points = []"]);
}

/// One that no test stops at proves nothing.
#[test]
fn the_program_is_ended_at_each_fail_point() {
    let sources = files("rs");
    let (kills, shipped): (Vec<_>, Vec<_>) = sources
        .iter()
        .filter(|(name, _)| {
            ["tests/kills/", "crates/cli/src/", "crates/delivery-adapter/src/"]
                .iter()
                .any(|folder| name.starts_with(folder))
        })
        .partition(|(name, _)| name.starts_with("tests/"));
    let mut seen = 0;
    for (name, source) in shipped {
        for call in source.split("fail_point::reached(\"").skip(1) {
            let border = call.split_inclusive('"').next().unwrap();
            let stops = |source: &str| source.contains(&format!("\"{border}"));
            assert!(kills.iter().any(|(_, source)| stops(source)), "\"{border} in {name}");
            seen += 1;
        }
    }
    assert!(seen > 15, "only {seen}: they were not read");
}

/// Each of these is a secret on its way to the wire, or to where the person wants it.
#[test]
fn secrets_are_exposed_where_that_was_looked_at_and_nowhere_else() {
    let mut found = BTreeMap::new();
    for (name, source) in files("rs") {
        if name.contains("/src/") && !name.contains("/src/test") {
            let calls = shipped(&source).lines().filter(|line| !line.trim_start().starts_with("//"));
            let calls: usize = calls.map(|line| line.matches("expose()").count()).sum();
            if calls > 0 {
                found.insert(name, calls);
            }
        }
    }
    let looked_at = [
        // The sandbox's key.
        ("crates/bench/src/reference.rs", 1),
        ("crates/cli/src/flow/delivery.rs", 1),
        ("crates/cli/src/ui/stdout.rs", 1),
        // In the private file between the halves of a sign-in.
        ("crates/cli/src/flow/pending_sign_in.rs", 2),
        // Into the environment of the command.
        ("crates/cli/src/commands/run.rs", 1),
        ("crates/delivery-adapter/src/clipboard.rs", 2),
        ("crates/delivery-adapter/src/command.rs", 1),
        ("crates/delivery-adapter/src/env_file.rs", 1),
        // Stored, and compared with what is read back.
        ("crates/delivery-adapter/src/keyring.rs", 3),
        ("crates/delivery-adapter/src/store/recovery.rs", 1),
        // The address that the person opens has the state, and the answer is compared with it.
        ("crates/domain/src/oauth/authorization.rs", 1),
        ("crates/domain/src/oauth/authorization/callback.rs", 1),
        // Whether they are whole.
        ("crates/domain/src/oauth/authorization/saved.rs", 2),
        // The challenge is made of the verifier.
        ("crates/domain/src/oauth/pkce.rs", 1),
        // The last four characters.
        ("crates/domain/src/secret.rs", 1),
        // Written into what is saved.
        ("crates/domain/src/serialization.rs", 2),
        // Sent, and learned so that no error repeats them.
        ("crates/http-adapter/src/auth_server.rs", 3),
        ("crates/http-adapter/src/platform_api.rs", 7),
        // Handed over once, and shown while a person asks for it.
        ("examples/headless-server/src/routes.rs", 1),
        // Held in memory until then.
        ("examples/headless-server/src/service.rs", 1),
        ("examples/terminal-ui/src/view.rs", 1),
        // The page keeps an attempt while the browser is elsewhere, sends what the adapter here sends,
        // and shows the key.
        ("examples/browser-page/page/src/key_field.rs", 1),
        ("examples/browser-page/page/src/services.rs", 7),
        ("examples/browser-page/page/src/storage.rs", 2),
    ];
    assert_eq!(found, looked_at.map(|(name, calls)| (name.to_owned(), calls)).into());
}

/// Both write what is sent and received, or the means to read it.
#[test]
fn no_library_is_asked_to_tell_of_the_traffic() {
    for (name, source) in files("rs") {
        for word in ["connection_verbose(", "tls_sslkeylogfile(", "KeyLogFile"] {
            let own = name == "tests/sources.rs";
            assert!(own || !source.contains(word), "{word} in {name}");
        }
    }
}

/// What no crate depends on cannot collect, log or send anything.
#[test]
fn no_crate_logs_and_none_reports_crashes() {
    let mut manifests = files("toml");
    manifests.insert("Cargo.toml".to_owned(), fs::read_to_string(root().join("Cargo.toml")).unwrap());
    for (name, manifest) in manifests {
        for word in ["tracing", "log", "env_logger", "human-panic", "sentry", "opentelemetry"] {
            let depends =
                |line: &str| line.starts_with(&format!("{word} ")) || line.starts_with(&format!("{word}."));
            assert!(!manifest.lines().any(depends), "{word} in {name}");
        }
    }
}

/// A clock that jumps when nothing else goes on ends every wait for a real socket at once.
#[test]
fn no_test_pauses_the_clock_beside_a_real_socket() {
    // There, nothing comes, and the wait is meant to end.
    let looked_at = ["crates/callback-adapter/src/self_test.rs", "tests/sources.rs"];
    for (name, source) in files("rs") {
        let paused = source.contains("start_paused") && !looked_at.contains(&&*name);
        for socket in ["TcpStream", "TcpListener"] {
            assert!(!(paused && source.contains(socket)), "{socket} in {name}");
        }
    }
}
