//! An example: keymint's library behind a full-screen terminal program.
//!
//! It has two halves, which share only messages. [`flow`] signs in, creates the key and reports the progress.
//! [`app`] is the state of the screen, which messages change and [`view`] draws.

mod app;
mod flow;
mod view;

#[cfg(test)]
mod tests;

use app::{App, Effect, Input, Message};
use flow::Setup;
use keymint_domain::{BaseUrl, Client};
use keymint_host::Browser;
use keymint_sandbox::{Organization, Project, Sandbox, Scenario};
use rand::TryRng;
use rand::rngs::SysRng;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use std::error::Error;
use std::io::Write;
use std::time::Duration;
use std::{env, io, thread};
use tokio::sync::{mpsc, oneshot};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let key_name = format!("keymint terminal-ui {:08x}", SysRng.try_next_u32()?);
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let (arguments, env_file) = match &arguments[..] {
        [others @ .., "--env-file", path] => (others, Some(path.into())),
        all => (all, None),
    };
    let browser = Browser::System;
    let (setup, _sandbox) = match arguments {
        [] => {
            let sandbox = Sandbox::start(scenario()).await?;
            let client = Client::at(BaseUrl::parse(sandbox.issuer())?);
            let api_base = BaseUrl::parse(sandbox.api_base())?;
            (Setup { client, api_base, port: 0, key_name, browser, env_file }, Some(sandbox))
        }
        ["--openai"] => {
            let (client, api_base) = (Client::default(), BaseUrl::openai_api());
            (Setup { client, api_base, port: 5000, key_name, browser, env_file }, None)
        }
        _ => return Err("usage: terminal-ui [--openai] [--env-file PATH]".into()),
    };
    let farewell = run(setup).await?;
    writeln!(io::stdout(), "{farewell}")?;
    Ok(())
}

/// Returns a new account, whose default project appears a little later than the rest.
fn scenario() -> Scenario {
    let personal = Organization::new("org-personal").titled("Personal").as_personal();
    let acme = Organization::new("org-acme").titled("Acme");
    Scenario::of([
        personal.with_project(Project::new("proj_default").titled("Default project").as_initial()),
        acme.with_project(Project::new("proj_acme").titled("Default project").as_initial()),
    ])
    .project_ready_after(Duration::from_secs(2))
}

async fn run(setup: Setup) -> io::Result<String> {
    let (sender, mut messages) = mpsc::unbounded_channel();
    let (choose, chosen) = oneshot::channel();
    let mut choose = Some(choose);
    let mut app = App::new(setup.key_name.clone());
    let flow = tokio::spawn(flow::run(setup, sender.clone(), chosen));
    let mut terminal = ratatui::try_init()?;
    // The thread ends with the program, since reading an event cannot be interrupted.
    thread::spawn(move || while event::read().is_ok_and(|event| sender.send(message(&event)).is_ok()) {});

    let outcome = loop {
        if let Err(error) = terminal.draw(|frame| view::draw(frame, &app)) {
            break Err(error);
        }
        let Some(message) = messages.recv().await else { break Ok(()) };
        match app.update(message) {
            None => {}
            Some(Effect::Create(target)) => {
                // The flow offers targets once, and the app chooses once.
                if let Some(choose) = choose.take() {
                    let _ = choose.send(target);
                }
            }
            Some(Effect::Leave) => break Ok(()),
        }
    };
    ratatui::restore();
    // This ends the flow, which still shows the outcome in the browser and revokes the refresh token.
    drop(messages);
    let _ = flow.await;
    outcome.map(|()| app.farewell())
}

/// Translates an event of the terminal. An event without a meaning only redraws the screen.
fn message(event: &Event) -> Message {
    let Event::Key(KeyEvent { code, modifiers, kind: KeyEventKind::Press, .. }) = *event else {
        return Message::Redraw;
    };
    match code {
        KeyCode::Char('c') if modifiers.contains(KeyModifiers::CONTROL) => Message::Pressed(Input::Leave),
        KeyCode::Esc => Message::Pressed(Input::Leave),
        KeyCode::Up => Message::Pressed(Input::Up),
        KeyCode::Down => Message::Pressed(Input::Down),
        KeyCode::Enter => Message::Pressed(Input::Confirm),
        KeyCode::Char('r') => Message::Pressed(Input::Reveal),
        _ => Message::Redraw,
    }
}
