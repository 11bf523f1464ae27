//! What the person sees at each stage, and one whole run over real sockets.

use crate::app::{App, Effect, Input, Message, Stage};
use crate::flow::{self, Setup};
use crate::view;
use keymint_domain::testing::{FakeAuthServer, FakeClock, FakePlatform, granted, organization, project};
use keymint_domain::{BaseUrl, Client, Event, Plan, Ports, ProvisionedKey, Provisioner, Target, Title};
use keymint_sandbox::{Consent, FinalPage, Organization, Project, Sandbox, Scenario, sign_in};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use std::path::PathBuf;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

/// The rows of a screen of 80 by 12.
fn rows(app: &App) -> Vec<String> {
    let mut terminal = Terminal::new(TestBackend::new(80, 12)).unwrap();
    terminal.draw(|frame| view::draw(frame, app)).unwrap();
    let cells = terminal.backend().buffer().content();
    cells.chunks(80).map(|row| row.iter().map(|cell| cell.symbol()).collect()).collect()
}

/// The lines of a screen, without the edges and what is empty.
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

/// Confirms what is selected.
fn confirm(app: &mut App) -> Target {
    match press(app, Input::Confirm) {
        Some(Effect::Create(target)) => target,
        _ => panic!("no key is asked for"),
    }
}

#[test]
fn the_person_is_told_which_address_to_open() {
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
            "Where should the key be made?",
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
fn a_title_cannot_steer_the_terminal() {
    let targets = vec![target(Some("Acme\u{1b}[2J"), "proj_1")];
    let app = after([Message::Found { targets, doubtful: false }]);
    assert_eq!(screen(&app).last().unwrap(), r"> proj_1 of Acme\u{1b}[2J");
}

#[test]
fn the_key_is_seen_only_while_it_is_asked_for() {
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
    // It came after all, so the question is another one.
    assert!(app.update(Message::Created(made())).is_none());
    assert!(press(&mut app, Input::Leave).is_none());
    assert!(screen(&app)[1].starts_with("You have not seen the key"));
    assert!(matches!(press(&mut app, Input::Leave), Some(Effect::Leave)));
    assert!(app.farewell().contains("which nobody has seen: delete it"));
}

#[test]
fn everything_else_is_left_at_once() {
    let listening = Message::Listening("http://localhost:5000/start/x".parse().unwrap());
    for message in [listening, Message::BrowserIsBack, found(false)] {
        let mut app = after([message]);
        assert!(matches!(press(&mut app, Input::Leave), Some(Effect::Leave)));
        assert_eq!(app.farewell(), "No key was made.");
    }
    let mut app = after([Message::Failed("the sign-in was refused: access_denied".to_owned())]);
    assert_eq!(screen(&app), ["It did not work.", "the sign-in was refused: access_denied"]);
    assert!(matches!(press(&mut app, Input::Leave), Some(Effect::Leave)));
}

/// A run of the flow against the sandbox, with the browser played.
struct Run {
    app: App,
    messages: UnboundedReceiver<Message>,
    choose: Option<oneshot::Sender<Target>>,
    flow: JoinHandle<()>,
}

impl Run {
    fn start(sandbox: &Sandbox, env_file: Option<PathBuf>) -> Self {
        let client = Client::at(BaseUrl::parse(sandbox.issuer()).unwrap());
        let api_base = BaseUrl::parse(sandbox.api_base()).unwrap();
        let setup = Setup { client, api_base, port: 0, key_name: "a name".to_owned(), env_file };
        let (tell, messages) = mpsc::unbounded_channel();
        let (choose, chosen) = oneshot::channel();
        let flow = tokio::spawn(flow::run(setup, tell, chosen));
        Self { app: app(), messages, choose: Some(choose), flow }
    }

    /// A run that has signed in, and is where a project is picked.
    async fn choosing(sandbox: &Sandbox, env_file: Option<PathBuf>) -> (Self, JoinHandle<FinalPage>) {
        let mut run = Self::start(sandbox, env_file);
        let address = run.address().await;
        let browser = tokio::spawn(async move { sign_in(&address, Consent::Allow).await.unwrap() });
        run.until(|stage| matches!(stage, Stage::Choosing { .. }).then_some(())).await;
        (run, browser)
    }

    /// Until the app is at a stage that this knows.
    async fn until<T>(&mut self, known: impl Fn(&Stage) -> Option<T>) -> T {
        loop {
            if let Some(known) = known(&self.app.stage) {
                return known;
            }
            let message = self.messages.recv().await.unwrap();
            assert!(self.app.update(message).is_none());
        }
    }

    async fn address(&mut self) -> String {
        self.until(|stage| match stage {
            Stage::Browser(address) => Some(address.to_string()),
            _ => None,
        })
        .await
    }
}

fn two_organizations() -> Scenario {
    let acme =
        Organization::new("org-acme").titled("Acme").with_project(Project::new("proj_a").titled("Site"));
    let own = Organization::new("org-own").titled("Own").as_personal();
    Scenario::of([acme, own.with_project(Project::new("proj_o").titled("Default project").as_initial())])
}

#[tokio::test]
async fn a_person_signs_in_picks_a_project_and_sees_the_key() {
    let sandbox = Sandbox::start(two_organizations()).await.unwrap();
    let (mut run, browser) = Run::choosing(&sandbox, None).await;
    let shown = screen(&run.app);
    assert_eq!(shown[shown.len() - 2..], ["> Default project of Own", "  Site of Acme"]);
    press(&mut run.app, Input::Down);
    run.choose.take().unwrap().send(confirm(&mut run.app)).unwrap();

    run.until(|stage| matches!(stage, Stage::Created { .. }).then_some(())).await;
    press(&mut run.app, Input::Reveal);
    let keys = sandbox.keys();
    assert!(screen(&run.app).concat().contains(&keys[0].value));
    assert!(browser.await.unwrap().body.contains("Your key is ready"));
    assert_eq!((keys.len(), &*keys[0].project, &*keys[0].name), (1, "proj_a", "a name"));
    assert_eq!(sandbox.violations(), Vec::<String>::new());
    run.flow.await.unwrap();
}

#[tokio::test]
async fn the_key_is_in_the_file_that_was_named_and_need_not_be_seen() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join(".env");
    let sandbox = Sandbox::start(two_organizations()).await.unwrap();
    let (mut run, browser) = Run::choosing(&sandbox, Some(file.clone())).await;
    run.choose.take().unwrap().send(confirm(&mut run.app)).unwrap();
    run.until(|stage| matches!(stage, Stage::Created { .. }).then_some(())).await;

    let text = std::fs::read_to_string(file).unwrap();
    assert_eq!(text, format!("OPENAI_API_KEY={}\n", sandbox.keys()[0].value));
    assert!(matches!(press(&mut run.app, Input::Leave), Some(Effect::Leave)));
    assert!(run.app.farewell().ends_with("/.env."), "{}", run.app.farewell());
    browser.await.unwrap();
    run.flow.await.unwrap();
}

#[tokio::test]
async fn a_person_who_refuses_in_the_browser_is_told_so() {
    let sandbox = Sandbox::start(two_organizations()).await.unwrap();
    let mut run = Run::start(&sandbox, None);
    let address = run.address().await;
    sign_in(&address, Consent::Deny).await.unwrap();
    run.until(|stage| matches!(stage, Stage::Failed(_)).then_some(())).await;
    assert!(screen(&run.app)[1].starts_with("the sign-in was refused: access_denied"));
    run.flow.await.unwrap();
}
