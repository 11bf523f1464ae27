//! The directories in which the client permits the server to write.

use crate::client::{Client, SESSION, refusal};
use keymint_sandbox::Scenario;
use serde_json::json;
use std::fs;

#[tokio::test]
async fn a_file_outside_of_the_roots_is_refused_however_it_is_named() {
    let outside = tempfile::tempdir().unwrap();
    let mut client = Client::start(Scenario::ready(), SESSION).await;
    fs::write(outside.path().join("file"), "").unwrap();
    let project = client.project.path();
    fs::create_dir(project.join("inside")).unwrap();
    let mut paths = vec![outside.path().join(".env").to_str().unwrap().to_owned()];
    paths.extend(["../.env", "inside/../../.env"].map(str::to_owned));
    #[cfg(unix)]
    for (link, target, path) in [("directory", "", "directory/.env"), ("link", "file", "link")] {
        std::os::unix::fs::symlink(outside.path().join(target), project.join(link)).unwrap();
        paths.push(path.to_owned());
    }
    for path in paths {
        let result = client.call("create_api_key", json!({"destination": "env_file", "path": path})).await;
        assert!(
            refusal(&result).contains("is outside the client's roots. Name a file in "),
            "{path}: {result}"
        );
    }
    assert_eq!(client.sandbox.requests().len(), 0);
    let result =
        client.call("create_api_key", json!({"destination": "env_file", "path": "inside/.env"})).await;
    assert_eq!(result["isError"], false, "{result}");
    client.end().await;
}

#[cfg(unix)]
#[tokio::test]
async fn a_root_is_the_directory_that_its_uri_leads_to_at_the_time_of_the_call() {
    let mut client = Client::start(Scenario::ready(), SESSION).await;
    let project = dunce::canonicalize(client.project.path()).unwrap();
    let at = |path: &str| format!("file://{}{path}", project.display());
    for directory in ["inside", "in side", "other"] {
        fs::create_dir(project.join(directory)).unwrap();
    }
    fs::write(project.join("file"), "").unwrap();
    std::os::unix::fs::symlink(project.join("inside"), project.join("link")).unwrap();
    let path = project.to_str().unwrap();
    for roots in [
        vec![at("/file")],
        vec![at("/missing")],
        vec![at("/inside%00")],
        vec![format!("file:{}", path.trim_start_matches('/'))],
        vec!["file:inside".to_owned(), "inside".to_owned(), String::new()],
        vec![format!("file://elsewhere{path}"), format!("http://localhost{path}"), path.to_owned()],
    ] {
        client.roots = Some(roots);
        let result = client.create().await;
        assert!(
            refusal(&result).starts_with("The client names no root directory"),
            "{:?}: {result}",
            client.roots
        );
    }
    client.roots = None;
    assert!(refusal(&client.create().await).starts_with("The client names no root directory"));
    client.consent = None;
    for (roots, directory) in [
        (vec![at("/other/../inside")], "inside"),
        (vec![at("/other/%2E%2e/inside/")], "inside"),
        (vec![at("/other%2F..%2Finside")], "inside"),
        (vec![at("/link")], "inside"),
        (vec![at("/in%20side")], "in side"),
        (vec!["nonsense".to_owned(), at("/missing"), at("/other"), at("/inside")], "other"),
        (vec![], env!("CARGO_MANIFEST_DIR")),
    ] {
        client.roots = Some(roots);
        client.questions.clear();
        let result = client.create().await;
        assert!(refusal(&result).starts_with("The user declined to sign in"), "{result}");
        let file = project.join(directory).join(".env");
        let put = format!("create an API key in {} as", file.display());
        assert!(client.questions[0].contains(&put), "{:?}", client.questions);
        // The root of the previous call is no longer a root.
        let path = project.join("file");
        let outside = json!({"destination": "env_file", "path": path});
        let result = client.call("create_api_key", outside).await;
        assert!(refusal(&result).contains("is outside the client's roots"), "{result}");
    }
    assert_eq!(client.sandbox.requests().len(), 0);
    client.end().await;
}

#[tokio::test]
async fn a_path_that_can_have_no_file_is_refused_before_the_sign_in() {
    let mut client = Client::start(Scenario::ready(), SESSION).await;
    fs::create_dir(client.project.path().join("directory")).unwrap();
    fs::write(client.project.path().join("file"), "").unwrap();
    let long = "x".repeat(5_000);
    for path in [
        "",
        ".",
        "..",
        "/",
        "directory",
        "directory/",
        "missing/.env",
        "file/.env",
        "a\nb",
        "a\0b",
        "\u{1b}[2J",
        &long,
    ] {
        let result = client.call("create_api_key", json!({"destination": "env_file", "path": path})).await;
        let message = refusal(&result);
        assert!(!message.contains(char::is_control), "{path:?}: {message}");
        assert_eq!(result["_meta"]["keymint/kind"], "destination_unusable", "{path:?}: {message}");
    }
    assert_eq!(client.sandbox.requests().len(), 0);
    client.end().await;
}

/// An agent in a sandbox may only write in the project, but this server may also write elsewhere.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_directory_that_is_swapped_for_a_link_leads_no_key_outside() {
    use std::sync::atomic::{AtomicBool, Ordering};

    let outside = tempfile::tempdir().unwrap();
    let mut client = Client::start(Scenario::ready(), SESSION).await;
    client.consent = None;
    let (directory, link) = (client.project.path().join("directory"), client.project.path().join("link"));
    fs::create_dir(&directory).unwrap();
    std::os::unix::fs::symlink(outside.path(), &link).unwrap();
    let stop = std::sync::Arc::new(AtomicBool::new(false));
    let swapping = std::thread::spawn({
        let (stop, spare) = (std::sync::Arc::clone(&stop), client.project.path().join("spare"));
        move || {
            while !stop.load(Ordering::Relaxed) {
                for (from, to) in
                    [(&directory, &spare), (&link, &directory), (&directory, &link), (&spare, &directory)]
                {
                    fs::rename(from, to).unwrap();
                }
            }
        }
    });
    for _ in 0..100 {
        let arguments = json!({"destination": "env_file", "path": "directory/.env"});
        assert_eq!(client.call("create_api_key", arguments).await["isError"], true);
    }
    stop.store(true, Ordering::Relaxed);
    swapping.join().unwrap();
    let outside = outside.path().to_str().unwrap();
    assert!(!client.questions.iter().any(|question| question.contains(outside)), "{:?}", client.questions);
    client.end().await;
}
