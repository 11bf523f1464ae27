//! The organization and the project: named, chosen, listed.

use crate::support::{create, default_project, keymint};
use keymint_sandbox::{Consent, Organization, Project, Reply, Scenario, Step};
use serde_json::json;

/// Three organizations with the same title; the third has a project that no other has.
fn three() -> Scenario {
    Scenario::of([
        Organization::new("org-1").titled("Acme").as_default().with_project(default_project("proj_1")),
        Organization::new("org-2").titled("Acme").with_project(default_project("proj_2")),
        Organization::new("org-3")
            .titled("Acme")
            .with_project(default_project("proj_3"))
            .with_project(Project::new("proj_web").titled("Web")),
    ])
}

#[tokio::test]
async fn a_project_is_found_by_its_title_and_an_organization_by_its_id() {
    for (args, project, lists) in
        [(["--project", "Web"], "proj_web", 3), (["--organization", "org-2"], "proj_2", 1)]
    {
        let ended = create(three()).args(args).args(["--json"]).sign_in().await.exits_with(0);
        assert_eq!(
            (ended.json()["project"]["id"].as_str(), ended.count("GET", "/projects")),
            (Some(project), lists)
        );
    }
}

#[tokio::test]
async fn choosing_without_a_user_to_ask_is_a_usage_error_before_the_sign_in() {
    let home = tempfile::tempdir().unwrap();
    let url = "http://localhost:5000/auth/callback?code=c&state=unknown";
    for args in [
        &["create", "--choose", "--json"][..],
        &["finish", url, "--choose"],
        &["finish", url, "--choose", "--no-input"],
    ] {
        let ended = keymint(&home).args(args).output().await.exits_with(2);
        let hint = "Name the project with --organization and --project.";
        assert!(ended.stderr.contains(hint) && !ended.stderr.contains("http"), "{}", ended.stderr);
    }
}

#[tokio::test]
async fn of_many_choices_an_error_shows_fifty_and_says_how_many_more_there_are() {
    let organization = |number| {
        Organization::new(format!("org-{number}")).with_project(default_project(&format!("proj_{number}")))
    };
    let scenario = Scenario::of((0..60).map(organization));
    let ended = create(scenario).args(["--project", "Web", "--json"]).sign_in().await.exits_with(8);
    assert_eq!(ended.json()["choices"].as_array().unwrap().len(), 60);
    let shown = ended.stderr.lines().filter(|line| line.contains("(proj_")).count();
    assert!(shown == 50 && ended.stderr.contains("and 10 more: `keymint list`"), "{shown} {}", ended.stderr);
}

#[tokio::test]
async fn choosing_without_a_question_is_a_usage_error() {
    let home = tempfile::tempdir().unwrap();
    for no_input in ["--no-input", "--json"] {
        let create = keymint(&home).args(["create", "--no-browser", "--choose", no_input]);
        let ended = create.env("KEYMINT_NO_INPUT", "1").output().await.exits_with(2);
        assert!(ended.stderr.contains("--choose") && !ended.stderr.contains("http"), "{}", ended.stderr);
    }
}

/// In the order of preference, with the lists that could not be read.
#[tokio::test]
async fn a_list_shows_everything_and_creates_nothing() {
    let scenario = three().reply(Step::Projects.of("org-2"), Reply::status(403));
    let ended = create(scenario).command("list").args(["--json"]).sign_in().await;
    assert_eq!((ended.code, ended.sandbox.keys().len()), (0, 0), "{}", ended.stderr);
    let json = ended.json();
    assert_eq!(json["schema"], "keymint.list/1");
    assert_eq!(
        json["organizations"][0],
        json!({
            "id": "org-1", "title": "Acme", "is_default": true, "personal": false,
            "projects": [{ "id": "proj_1", "title": "Default project", "is_initial": true }],
        })
    );
    let refused = &json["organizations"][1];
    assert!(
        refused["error"].as_str().unwrap().contains("403") && refused.get("projects").is_none(),
        "{refused}"
    );
}

#[cfg(target_os = "linux")]
mod at_a_terminal {
    use super::*;
    use crate::support::{KEYMINT, is_colored, machine};
    use keymint_testkit::{Launch, Machine, Scripts, Terminal, browse, until};
    use std::fs;
    use std::process::Command;

    const MENU: &str = "text to filter: ";
    const PROMPT: &str = "ready> ";

    /// Returns this shell on a terminal of a known size, which has a menu.
    fn shell(machine: &Machine, args: &[&str]) -> Launch {
        let sized = [
            "-c",
            "stty cols 80 rows 24; PS1='ready> ' exec \"$@\"",
            "sh",
            "env",
            "--default-signal=INT,QUIT",
        ];
        let shell = Launch::new("sh", &machine.home).envs(machine.environment()).env("TERM", "xterm");
        shell.current_dir(&machine.home).args(sized).args(args)
    }

    /// Signs in, and waits for the menu.
    async fn menu(terminal: &mut Terminal) {
        browse(&terminal.url().await, Consent::Allow);
        terminal.shows(MENU).await;
    }

    #[tokio::test]
    async fn the_only_project_needs_no_question() {
        let machine = machine(Scenario::ready()).await;
        let mut terminal = machine.terminal("create --no-browser --choose");
        browse(&terminal.url().await, Consent::Allow);
        let (code, shown) = terminal.end().await;
        assert!(code == 0 && shown.contains(&machine.sandbox.keys()[0].value), "{shown}");
    }

    #[tokio::test]
    async fn a_typed_answer_that_selects_nothing_gets_a_reason() {
        let machine = machine(three()).await;
        let mut terminal = machine.terminal("create --no-browser --json --organization Acme");
        browse(&terminal.url().await, Consent::Allow);
        for (answer, reason) in [
            ("nonsense", "no match"),
            ("4", "the numbers are 1 to 3"),
            ("org", "3 lines match"),
            ("", "an empty answer selects nothing"),
        ] {
            terminal.shows("Organization number (1-3) or part of its name: ").await;
            terminal.types(&format!("{answer}\n")).await;
            terminal.shows(reason).await;
        }
        terminal.shows("Organization number (1-3) or part of its name: ").await;
        terminal.types("2\n").await;
        let (code, shown) = terminal.end().await;
        assert_eq!((code, machine.sandbox.keys().len()), (0, 1), "{shown}");
        assert!(shown.contains("\"proj_2\""), "{shown}");
    }

    #[tokio::test]
    async fn enter_takes_the_default_project_and_keys_another_one() {
        for (terminal_type, prompt, typed, project) in [
            ("dumb", "Project number (1-4) or part of its name [1: Default project]: ", "\n", "proj_1"),
            ("xterm", MENU, "\r", "proj_1"),
            ("xterm", MENU, "\u{1b}[B\u{1b}[B\r", "proj_3"),
            ("xterm", MENU, "acme WEB\r", "proj_web"),
            ("xterm", MENU, "none\u{15}proj_2\r", "proj_2"),
        ] {
            let machine = machine(three()).await;
            let create = [KEYMINT, "create", "--no-browser", "--choose"];
            let create = shell(&machine, &["sh", "-c", "exec \"$@\" >out", "sh"]).args(create);
            let mut terminal = Terminal::start(create.env("TERM", terminal_type));
            browse(&terminal.url().await, Consent::Allow);
            terminal.shows(prompt).await;
            terminal.types(typed).await;
            let (code, shown) = terminal.end().await;
            assert_eq!(code, 0, "{shown}");
            let key = &machine.sandbox.keys()[0];
            assert_eq!(key.project, project, "{typed:?} {shown}");
            assert_eq!(fs::read_to_string(machine.home.path().join("out")).unwrap().trim_end(), key.value);
        }
    }

    #[tokio::test]
    async fn a_menu_without_colors_marks_the_current_line_and_moves() {
        let machine = machine(three()).await;
        let create = shell(&machine, &[KEYMINT, "create", "--no-browser", "--choose", "--env-file"]);
        let mut terminal = Terminal::start(create.env("NO_COLOR", "1"));
        let mut screen = vt100::Parser::new(24, 80, 0);
        browse(&terminal.url().await, Consent::Allow);
        for (project, keys) in [("proj_1", "\u{1b}[B"), ("proj_2", "\u{1b}[B"), ("proj_3", "\u{1b}[B\r")] {
            let shown = terminal.shows(MENU).await;
            assert!(!is_colored(&shown), "{shown:?}");
            screen.process(shown.as_bytes());
            let contents = screen.screen().contents();
            let marked: Vec<_> = contents.lines().filter(|line| line.starts_with("> ")).collect();
            assert!(marked.len() == 1 && marked[0].contains(project), "{contents}");
            assert_eq!(contents.matches(MENU.trim()).count(), 1, "{contents}");
            terminal.types(keys).await;
        }
        let (code, rest) = terminal.end().await;
        assert!(!is_colored(&rest), "{rest:?}");
        assert_eq!((code, &*machine.sandbox.keys()[0].project), (0, "proj_web"), "{rest}");
    }

    /// Starts a choice in a shell that reports whether the terminal has its former modes afterwards. The file `process`
    /// gets its process id.
    fn watched(machine: &Machine) -> Terminal {
        let script = "trap : INT QUIT; before=$(stty -g); sh -c 'echo $$ >process; exec \"$@\"' sh \"$@\"; \
                      code=$?; [ \"$(stty -g)\" = \"$before\" ] && echo \"restored after $code\"";
        let create = shell(machine, &["sh", "-c", script, "sh"]).args([KEYMINT, "create", "--no-browser"]);
        Terminal::start(create.args(["--choose"]))
    }

    fn process(machine: &Machine) -> String {
        fs::read_to_string(machine.home.path().join("process")).unwrap().trim().to_owned()
    }

    #[tokio::test]
    async fn a_menu_that_ends_without_a_choice_restores_the_terminal() {
        for (typed, signal, code) in [
            ("\u{3}", None, 130),
            ("\u{1b}[B", Some("QUIT"), 131),
            ("\u{4}", None, 8),
            ("web", Some("TERM"), 143),
        ] {
            let machine = machine(three()).await;
            let mut terminal = watched(&machine);
            menu(&mut terminal).await;
            terminal.types(typed).await;
            if let Some(signal) = signal {
                let kill = Command::new("kill").args(["-s", signal, &process(&machine)]).status().unwrap();
                assert!(kill.success());
            }
            terminal.shows(&format!("restored after {code}")).await;
            terminal.end().await;
            assert_eq!(machine.sandbox.keys().len(), 0);
        }
    }

    #[tokio::test]
    async fn a_menu_restores_the_modes_from_before_those_of_another_program() {
        let machine = machine(three()).await;
        let mut terminal = watched(&machine);
        menu(&mut terminal).await;
        let device = fs::read_link(format!("/proc/{}/fd/0", process(&machine))).unwrap();
        let stty =
            |mode: &str| Command::new("stty").arg("-F").arg(&device).arg(mode).output().unwrap().stdout;
        stty("echo");
        until(|| String::from_utf8(stty("-a")).unwrap().contains(" -echo ")).await;
        terminal.types("\u{3}").await;
        terminal.shows("restored after 130").await;
        terminal.end().await;
    }

    /// The terminal then sends Ctrl-C as a byte.
    #[tokio::test]
    async fn ctrl_c_ends_a_choice_in_raw_mode() {
        for (terminal_type, prompt) in [("xterm", MENU), ("dumb", "part of its name")] {
            let machine = machine(three()).await;
            let script = "stty -isig -icanon -echo; \"$@\"; echo \"code $?\"";
            let create = shell(&machine, &["sh", "-c", script, "sh", KEYMINT, "create", "--no-browser"]);
            let create = create.args(["--choose"]).env("TERM", terminal_type);
            let mut terminal = Terminal::start(create);
            browse(&terminal.url().await, Consent::Allow);
            terminal.shows(prompt).await;
            terminal.types("\u{3}").await;
            terminal.shows("code 130").await;
            terminal.end().await;
        }
    }

    /// Brings a choice to the foreground of the shell, and ends it and the shell.
    async fn choose_in_the_foreground(mut terminal: Terminal, machine: &Machine) {
        terminal.types("fg\n").await;
        terminal.shows(MENU).await;
        terminal.types("web\r").await;
        terminal.shows("Created \"").await;
        terminal.shows(PROMPT).await;
        assert_eq!(machine.sandbox.keys()[0].project, "proj_web");
        terminal.types("exit\n").await;
        terminal.end().await;
    }

    #[tokio::test]
    async fn a_menu_is_stopped_with_ctrl_z_and_continued() {
        let machine = machine(three()).await;
        // This shell does not restore the modes of the terminal itself.
        let mut terminal = Terminal::start(shell(&machine, &["sh", "-i"]));
        terminal.types(&format!("{KEYMINT} create --no-browser --choose --env-file\n")).await;
        menu(&mut terminal).await;
        terminal.types("\u{1a}").await;
        terminal.shows("Stopped").await;
        terminal.types("stty | grep -c icanon; echo it is $((40 + 2))\n").await;
        let shown = terminal.shows("it is 42").await;
        assert!(shown.contains("\n0\r\n"), "{shown}");
        choose_in_the_foreground(terminal, &machine).await;
    }

    #[tokio::test]
    async fn a_menu_waits_in_the_background_for_the_foreground() {
        for modes in ["stty -tostop", "stty tostop"] {
            let machine = machine(three()).await;
            let mut terminal = Terminal::start(shell(&machine, &["bash", "--norc", "--noprofile", "-i"]));
            let browser = Scripts::with("browser", "printf %s \"$1\" >new; mv new url");
            let create =
                format!("create --browser {} --choose --env-file", browser.path("browser").display());
            terminal.types(&format!("{modes}; DISPLAY=:0 {KEYMINT} {create} &\n")).await;
            until(|| browser.path("url").exists()).await;
            browse(&browser.read("url"), Consent::Allow);
            until(|| machine.count("GET", "/projects") == 3).await;
            terminal.types("for i in 1 2 3; do sleep 0.1; jobs -s; done; echo it is $((40 + 2))\n").await;
            let shown = terminal.shows("it is 42").await;
            assert!(!shown.contains("Stopped") && !shown.contains(MENU), "{shown}");
            choose_in_the_foreground(terminal, &machine).await;
        }
    }
}
