//! The screen at each stage, and one whole run over real sockets.

use crate::app::{App, Effect, Input, Message, Stage};
use crate::flow::{self, Setup};
use crate::view;
use keymint_domain::testing::{FakeAuthServer, FakeClock, FakePlatform, granted, organization, project};
use keymint_domain::{
    BaseUrl, Client, Event, Observation, Plan, Ports, ProvisionedKey, Provisioner, Target, Title,
};
use keymint_host::Browser;
use keymint_sandbox::{Consent, Organization, Project, Sandbox, Scenario, sign_in};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use std::time::Duration;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::{mpsc, oneshot};

/// Returns the rows of a screen of 80 by 12.
fn rows(app: &App) -> Vec<String> {
    let mut terminal = Terminal::new(TestBackend::new(80, 12)).unwrap();
    terminal.draw(|frame| view::draw(frame, app)).unwrap();
    let cells = terminal.backend().buffer().content();
    cells.chunks(80).map(|row| row.iter().map(|cell| cell.symbol()).collect()).collect()
}

/// Returns the lines of a screen without borders and empty ones.
fn screen(app: &App) -> Vec<String> {
    let lines = rows(app).into_iter().map(|line| line.trim_end().to_owned());
    lines.filter(|line| !line.is_empty() && !line.contains("──")).collect()
}

fn help(app: &App) -> String {
    rows(app)[11].trim_matches(['─', ' ']).to_owned()
}

fn app() -> App {
    App::new("a name".to_owned())
}

fn after(messages: impl IntoIterator<Item = Message>) -> App {
    let mut app = app();
    for message in messages {
        assert!(app.update(message).is_none());
    }
    app
}

fn target(organization_title: Option<&str>, project_id: &str) -> Target {
    let mut organization = organization("org-1");
    organization.title = organization_title.map(Title::new);
    Target::new(&organization, &project(project_id, true))
}

fn found(doubtful: bool) -> Message {
    let targets = vec![target(Some("Acme"), "proj_1"), target(None, "proj_2")];
    Message::Found { targets, doubtful }
}

fn made() -> ProvisionedKey {
    let clock = FakeClock::new();
    let (auth_server, platform) = (FakeAuthServer::new(&clock), FakePlatform::ready(&clock));
    let ports = Ports { auth_server: &auth_server, platform: &platform, clock: &clock };
    let plan = Plan::named("my key");
    clock.run(Provisioner::new(ports, &plan).provision(granted())).unwrap()
}

fn press(app: &mut App, input: Input) -> Option<Effect> {
    app.update(Message::Pressed(input))
}

/// Confirms the selection.
fn confirm(app: &mut App) -> Target {
    match press(app, Input::Confirm) {
        Some(Effect::Create(target)) => target,
        _ => panic!("no key is requested"),
    }
}

#[test]
fn the_screen_shows_the_url_to_open() {
    assert_eq!(screen(&app()), ["Starting..."]);
    let app = after([Message::Listening("http://localhost:5000/start/x".parse().unwrap())]);
    assert_eq!(
        screen(&app),
        ["Open this address in a browser on this machine:", "http://localhost:5000/start/x"]
    );
    assert_eq!(help(&app), "Esc: cancel");
}

#[test]
fn a_project_is_picked_with_the_arrows_after_what_has_happened() {
    let progress = [Event::CodeExchanged, Event::SignedIn].map(Message::Happened);
    let found = [Message::SignedIn(Some("dev@example.com".to_owned())), found(true)];
    let mut app = after(progress.into_iter().chain(found));
    assert_eq!(
        screen(&app),
        [
            "Signed in as dev@example.com",
            "- The sign-in was accepted",
            "- Signed in to the platform",
            "Another browser came back than the one that was sent. Is it your account?",
            "In which project should the key be created?",
            "> proj_1 of Acme",
            "  proj_2 of org-1"
        ]
    );
    for input in [Input::Up, Input::Down, Input::Down] {
        assert!(press(&mut app, input).is_none());
    }
    assert_eq!(screen(&app)[5..], ["  proj_1 of Acme", "> proj_2 of org-1"]);
    let target = confirm(&mut app);
    assert_eq!(target.project_id.as_str(), "proj_2");
    assert_eq!(screen(&app)[3..], ["- Creating a key in proj_2 of org-1", "Creating the key..."]);
}

#[test]
fn the_newest_events_stay_on_the_screen_and_the_right_browser_is_not_doubted() {
    let (observed, retry_in) = (Observation::NoOrganization, Duration::from_secs(2));
    let wait = || Message::Happened(Event::WaitingForProject { observed, retry_in });
    let events = [Message::Happened(Event::SignedIn), wait(), wait(), wait(), wait(), found(false)];
    let looking = "- No project yet: the account has no organization yet; looking again in 2 s";
    let shown = screen(&after(events));
    assert_eq!(
        shown[..5],
        [looking, looking, looking, looking, "In which project should the key be created?"]
    );
}

#[test]
fn a_title_cannot_steer_the_terminal() {
    let targets = vec![target(Some("Acme\u{1b}[2J"), "proj_1")];
    let app = after([Message::Found { targets, doubtful: false }]);
    assert_eq!(screen(&app).last().unwrap(), r"> proj_1 of Acme\u{1b}[2J");
}

#[test]
fn the_key_is_visible_only_after_a_request() {
    let made = made();
    let key = made.key.expose().to_owned();
    let ready = format!("Your key is ready. It ends in {}.", made.key.last_four());
    let mut app = after([Message::Created(made)]);
    assert_eq!(screen(&app), [&*ready]);
    press(&mut app, Input::Reveal);
    assert_eq!(screen(&app), ["Your key:", &key]);
    press(&mut app, Input::Reveal);
    assert_eq!(screen(&app), [&*ready]);
    assert!(!app.farewell().contains(&key));
}

#[test]
fn a_key_that_may_exist_is_left_only_when_asked_twice() {
    let mut app = after([found(false)]);
    press(&mut app, Input::Confirm);
    assert!(press(&mut app, Input::Leave).is_none());
    assert!(screen(&app).join(" ").contains("Press Esc again to leave without it."));
    // The key arrived after all, so the question changes.
    assert!(app.update(Message::Created(made())).is_none());
    assert!(press(&mut app, Input::Leave).is_none());
    assert!(screen(&app)[1].starts_with("You have not seen the key"));
    assert!(matches!(press(&mut app, Input::Leave), Some(Effect::Leave)));
    assert!(app.farewell().contains("which was never shown: delete it"));
}

#[test]
fn everything_else_is_left_at_once() {
    let listening = Message::Listening("http://localhost:5000/start/x".parse().unwrap());
    for message in [listening, Message::BrowserIsBack, found(false)] {
        let mut app = after([message]);
        assert!(matches!(press(&mut app, Input::Leave), Some(Effect::Leave)));
        assert_eq!(app.farewell(), "No key was created.");
    }
    let mut app = after([Message::Failed("the sign-in was refused: access_denied".to_owned())]);
    assert_eq!(screen(&app), ["It did not work.", "the sign-in was refused: access_denied"]);
    assert!(matches!(press(&mut app, Input::Leave), Some(Effect::Leave)));
}

/// Updates the app until `read` returns a value.
async fn until<T>(
    app: &mut App,
    messages: &mut UnboundedReceiver<Message>,
    read: impl Fn(&Stage) -> Option<T>,
) -> T {
    loop {
        if let Some(value) = read(&app.stage) {
            return value;
        }
        let message = messages.recv().await.unwrap();
        assert!(app.update(message).is_none());
    }
}

#[tokio::test]
async fn a_user_signs_in_picks_a_project_and_gets_the_key_in_the_file_and_on_the_screen() {
    let acme =
        Organization::new("org-acme").titled("Acme").with_project(Project::new("proj_a").titled("Site"));
    let own = Organization::new("org-own").titled("Own").as_personal();
    let own = own.with_project(Project::new("proj_o").titled("Default project").as_initial());
    let sandbox = Sandbox::start(Scenario::of([acme, own])).await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join(".env");
    for leaves in [true, false] {
        let client = Client::at(BaseUrl::parse(sandbox.issuer()).unwrap());
        let api_base = BaseUrl::parse(sandbox.api_base()).unwrap();
        let env_file = Some(file.clone());
        let setup = Setup {
            client,
            api_base,
            port: 0,
            key_name: "a name".to_owned(),
            browser: Browser::None,
            env_file,
        };
        let (sender, mut messages) = mpsc::unbounded_channel();
        let (choose, chosen) = oneshot::channel();
        let flow = tokio::spawn(flow::run(setup, sender, chosen));
        let mut app = app();

        let address = until(&mut app, &mut messages, |stage| match stage {
            Stage::Browser(address) => Some(address.to_string()),
            _ => None,
        })
        .await;
        let browser = tokio::spawn(async move { sign_in(&address, Consent::Allow).await });
        until(&mut app, &mut messages, |stage| matches!(stage, Stage::Choosing { .. }).then_some(())).await;
        let shown = screen(&app);
        assert_eq!(shown[shown.len() - 2..], ["> Default project of Own", "  Site of Acme"]);
        if leaves {
            assert!(matches!(press(&mut app, Input::Leave), Some(Effect::Leave)));
            drop(messages);
            flow.await.unwrap();
            assert!(sandbox.refresh_tokens()[0].is_revoked);
            let _ = browser.await.unwrap();
            assert!(sandbox.keys().is_empty() && !file.exists());
            continue;
        }
        press(&mut app, Input::Down);
        choose.send(confirm(&mut app)).unwrap();

        until(&mut app, &mut messages, |stage| matches!(stage, Stage::Created { .. }).then_some(())).await;
        let keys = sandbox.keys();
        assert_eq!((keys.len(), &*keys[0].project, &*keys[0].name), (1, "proj_a", "a name"));
        let text = std::fs::read_to_string(&file).unwrap();
        assert_eq!(text, format!("OPENAI_API_KEY={}\n", keys[0].value));
        // The file has the key, so the user need not see it.
        assert!(matches!(press(&mut app, Input::Leave), Some(Effect::Leave)));
        assert!(app.farewell().ends_with("/.env."), "{}", app.farewell());
        press(&mut app, Input::Reveal);
        assert!(screen(&app).concat().contains(&keys[0].value));
        assert!(browser.await.unwrap().unwrap().body.contains("Key ready"));
        assert_eq!(sandbox.violations(), Vec::<String>::new());
        flow.await.unwrap();
        assert!(sandbox.refresh_tokens()[1].is_revoked);
    }
}
