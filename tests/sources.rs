//! Code that must not be in the sources, or only at reviewed places.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Returns the directory of the workspace.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_owned()
}

/// Returns every hand-written file with this extension, by its path in the workspace.
pub(crate) fn files(extension: &str) -> BTreeMap<String, String> {
    fn collect(directory: &Path, extension: &str, found: &mut BTreeMap<String, String>) {
        for entry in fs::read_dir(directory).unwrap() {
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
    for directory in ["crates", "docs", "examples", "integrations", "tests"] {
        collect(&root().join(directory), extension, &mut found);
    }
    found
}

/// Returns the part of a source that is compiled into the program.
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

/// A fail point that no test uses proves nothing.
#[test]
fn the_program_is_ended_at_each_fail_point() {
    let sources = files("rs");
    let (kills, shipped): (Vec<_>, Vec<_>) = sources
        .iter()
        .filter(|(name, _)| {
            ["tests/kills/", "crates/cli/src/", "crates/delivery-adapter/src/"]
                .iter()
                .any(|directory| name.starts_with(directory))
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

/// A library must be usable without the command. `bench` and `testkit` are not published, and start it.
#[test]
fn no_library_mentions_the_command() {
    let command = ["keymint create", "tests/", "crates/cli", "cli/src", "CARGO_BIN_EXE"];
    for (name, source) in files("rs") {
        let is_exempt = ["cli/", "bench/", "testkit/"].iter().any(|of| name[7..].starts_with(of));
        if name.starts_with("crates/") && name.contains("/src/") && !is_exempt {
            assert!(!command.iter().any(|mention| source.contains(mention)), "{name}");
        }
    }
}

/// Each of these exposes a secret on its way to a request, or to the destination that the user chose.
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
        ("crates/cli/src/ui/json/delivered.rs", 1),
        // Into the environment of the command.
        ("crates/cli/src/commands/export.rs", 1),
        ("crates/cli/src/commands/run.rs", 1),
        ("crates/delivery-adapter/src/clipboard.rs", 2),
        ("crates/delivery-adapter/src/command.rs", 1),
        ("crates/delivery-adapter/src/env_file.rs", 1),
        // Searched for in the output of the command.
        ("crates/delivery-adapter/src/run.rs", 1),
        // Stored, and compared with the stored value.
        ("crates/delivery-adapter/src/keyring.rs", 3),
        ("crates/delivery-adapter/src/store/recovery.rs", 1),
        // The fingerprint of the key is recorded, and compared.
        ("crates/delivery-adapter/src/store/record.rs", 2),
        // The name of the file is the fingerprint of the state.
        ("crates/delivery-adapter/src/store/pending_sign_in.rs", 1),
        // The URL that the user opens has the state, and the response is compared with it.
        ("crates/domain/src/oauth/authorization.rs", 1),
        ("crates/domain/src/oauth/authorization/callback.rs", 1),
        // Checked for their form.
        ("crates/domain/src/oauth/authorization/saved.rs", 2),
        // The challenge is computed from the verifier.
        ("crates/domain/src/oauth/pkce.rs", 1),
        // The last four characters.
        ("crates/domain/src/secret.rs", 1),
        // Written to the saved authorization.
        ("crates/domain/src/serialization.rs", 2),
        // Sent, and learned so that no error repeats them.
        ("crates/http-adapter/src/admin_api.rs", 9),
        ("crates/http-adapter/src/auth_server.rs", 4),
        ("crates/http-adapter/src/endpoint.rs", 1),
        ("crates/http-adapter/src/platform_api.rs", 6),
        // Handed over once, and shown while the user requests it.
        ("examples/headless-server/src/routes.rs", 1),
        // Held in memory until it is handed over.
        ("examples/headless-server/src/service.rs", 1),
        ("examples/terminal-ui/src/view.rs", 1),
        // Handed over to JavaScript.
        ("crates/wasm/src/lib.rs", 1),
    ];
    assert_eq!(found, looked_at.map(|(name, calls)| (name.to_owned(), calls)).into());
}

/// Both write the sent and received bytes, or the keys to decrypt them.
#[test]
fn no_library_is_asked_to_log_the_traffic() {
    for (name, source) in files("rs") {
        for word in ["connection_verbose(", "tls_sslkeylogfile(", "KeyLogFile"] {
            let own = name == "tests/sources.rs";
            assert!(own || !source.contains(word), "{word} in {name}");
        }
    }
}

/// The lines that take the messages of other crates out of the program.
const LOGS_NOTHING: [&str; 2] = [
    r#"tracing = { version = "0.1", default-features = false, features = ["max_level_off"] }"#,
    "tracing.workspace = true",
];

/// Without such a dependency, no crate can collect, log or send anything.
#[test]
fn no_crate_logs_and_none_reports_crashes() {
    let mut manifests = files("toml");
    manifests.insert("Cargo.toml".to_owned(), fs::read_to_string(root().join("Cargo.toml")).unwrap());
    for (name, manifest) in manifests {
        for word in ["tracing", "log", "env_logger", "human-panic", "sentry", "opentelemetry"] {
            let depends = |line: &str| {
                (line.starts_with(&format!("{word} ")) || line.starts_with(&format!("{word}.")))
                    && !LOGS_NOTHING.contains(&line)
            };
            assert!(!manifest.lines().any(depends), "{word} in {name}");
        }
    }
}

/// A paused clock that jumps forward ends every wait for a real socket at once.
#[test]
fn no_test_pauses_the_clock_beside_a_real_socket() {
    // There, no data arrives, and the wait should end.
    let looked_at = ["crates/callback-adapter/src/self_test.rs", "tests/sources.rs"];
    for (name, source) in files("rs") {
        let paused = source.contains("start_paused") && !looked_at.contains(&&*name);
        for socket in ["TcpStream", "TcpListener"] {
            assert!(!(paused && source.contains(socket)), "{socket} in {name}");
        }
    }
}

/// The modules of the command in `crates/cli/src`, the lowest first. Each imports only itself and those before it.
/// `main.rs` imports any.
const LAYERS: [&str; 8] = ["error", "os", "ui", "args", "config", "explain", "flow", "commands"];

/// A module, by the names from the crate's root to it.
type Module = Vec<String>;

/// The modules that each module imports.
type Imports = BTreeMap<Module, BTreeSet<Module>>;

/// The imports between the modules of one crate, whose sources are given by their paths in `src`. Imports
/// of a parent from its own child, and of a child from its own parent, are none.
fn imports(sources: &BTreeMap<&str, &str>) -> Imports {
    let module = |path: &str| -> Module {
        let names = path.trim_end_matches(".rs").split('/').map(str::to_owned);
        names.filter(|name| !matches!(name.as_str(), "main" | "lib" | "mod")).collect()
    };
    let modules: BTreeMap<_, _> = sources.iter().map(|(path, source)| (module(path), *source)).collect();
    let imported = |from: &Module, path: &Module| {
        let mut base = if path[0] == "crate" { Module::new() } else { from.clone() };
        for name in path {
            match name.as_str() {
                "super" => drop(base.pop()),
                "crate" | "self" => {}
                _ => base.push(name.clone()),
            }
        }
        while !modules.contains_key(&base) && base.pop().is_some() {}
        (!base.starts_with(from) && !from.starts_with(&base)).then_some(base)
    };
    let of =
        |from: &Module, source: &str| paths(source).iter().filter_map(|path| imported(from, path)).collect();
    modules.iter().map(|(from, source)| (from.clone(), of(from, source))).collect()
}

/// The paths of a source that begin at `crate`, `self` or `super`, with their braces expanded.
fn paths(source: &str) -> Vec<Module> {
    let source = source.split("\n#[cfg(test)]").next().unwrap().split("\n#[cfg(all(test").next().unwrap();
    let lines: Vec<_> = source.lines().filter_map(|line| line.split("//").next()).collect();
    let code = lines.join(" ");
    let mut found = Vec::new();
    for start in ["crate::", "self::", "super::"] {
        for (at, _) in code.match_indices(start) {
            // Inside of a longer path, or of a longer word, it does not begin here.
            if !code[..at].ends_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | ':')) {
                expand(&code[at..], &Module::new(), &mut found);
            }
        }
    }
    found
}

/// Adds the paths that `text` begins with, each after `prefix`. Returns what follows them.
fn expand<'a>(text: &'a str, prefix: &Module, found: &mut Vec<Module>) -> &'a str {
    if let Some(mut rest) = text.strip_prefix('{') {
        while !rest.starts_with('}') {
            rest = expand(rest.trim_start_matches([' ', ',']), prefix, found);
            // A new name.
            rest = rest.trim_start_matches(|c| !matches!(c, ',' | '}')).trim_start_matches([' ', ',']);
        }
        return &rest[1..];
    }
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let path = [prefix.as_slice(), &[name.to_owned()]].concat();
    match rest.strip_prefix("::") {
        Some(rest) => expand(rest, &path, found),
        None => {
            found.push(path);
            rest
        }
    }
}

/// The modules that import themselves, through others.
fn cycles(imports: &Imports) -> Vec<String> {
    let imports_itself = |module: &&Module| {
        let (mut reached, mut next) = (BTreeSet::new(), vec![*module]);
        while let Some(module) = next.pop() {
            next.extend(imports[module].iter().filter(|imported| reached.insert(*imported)));
        }
        reached.contains(module)
    };
    imports.keys().filter(imports_itself).map(|module| module.join("::")).collect()
}

/// The imports that go up in these layers, and the modules that are in none of them.
fn violations(imports: &Imports, layers: &[&str]) -> Vec<String> {
    let layer = |module: &Module| layers.iter().position(|layer| *layer == module[0]);
    let modules = imports.iter().filter(|(module, _)| !module.is_empty());
    modules
        .flat_map(|(module, imported)| {
            let is_above = move |other: &&Module| layer(other) > layer(module);
            let above = imported.iter().filter(is_above).map(|other| other.join("::"));
            let unknown = layer(module).is_none().then(|| "no layer".to_owned());
            above.chain(unknown).map(|other| format!("{} -> {other}", module.join("::")))
        })
        .collect()
}

/// The imports of each crate of the workspace.
fn crates() -> BTreeMap<String, Imports> {
    let sources = files("rs");
    let mut crates = BTreeMap::<_, BTreeMap<_, _>>::new();
    for (path, source) in &sources {
        if let Some((name, path)) = path.split_once("/src/") {
            crates.entry(name).or_default().insert(path, source.as_str());
        }
    }
    crates.into_iter().map(|(name, sources)| (name.to_owned(), imports(&sources))).collect()
}

#[test]
fn each_layer_of_the_command_imports_only_those_before_it() {
    let imports = &crates()["crates/cli"];
    assert_eq!(violations(imports, &LAYERS), Vec::<String>::new());
    assert!(imports.len() > 50, "they were not read");
}

#[test]
fn no_module_of_any_crate_imports_itself_through_others() {
    for (name, imports) in crates() {
        assert_eq!(cycles(&imports), Vec::<String>::new(), "{name}");
    }
}

#[test]
fn a_cycle_an_import_upwards_and_a_module_without_a_layer_are_found() {
    let sources = BTreeMap::from([
        ("main.rs", "mod low;\nuse high::x;"),
        ("low.rs", "fn f() { crate::high::x() }"),
        ("high.rs", "use crate::{\n    high::child::Y as Z,\n    low::{a, b},\n};"),
        ("high/child.rs", "use super::super::other::w; // crate::low\n#[cfg(test)]\nuse crate::low;"),
        ("other.rs", "use std::fmt;"),
    ]);
    let imports = imports(&sources);
    assert_eq!(cycles(&imports), ["high", "low"]);
    assert_eq!(violations(&imports, &["low", "high"]), ["low -> high", "other -> no layer"]);
}
