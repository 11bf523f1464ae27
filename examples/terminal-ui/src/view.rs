//! Draws the app. The picture depends on the app and the size of the screen only.

use crate::app::{App, Stage, place};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout};
use ratatui::style::{Style, Stylize};
use ratatui::text::{Line, Text};
use ratatui::widgets::{Block, Borders, List, ListState, Paragraph, Wrap};

/// The number of visible lines of progress.
const PROGRESS_LINES: usize = 4;

pub(crate) fn draw(frame: &mut Frame<'_>, app: &App) {
    // No vertical borders: a key that is copied from the screen would include them.
    let edges = Block::new()
        .borders(Borders::TOP | Borders::BOTTOM)
        .title(" An API key, by signing in ")
        .title_bottom(format!(" {} ", help(app)));
    let inside = edges.inner(frame.area());
    frame.render_widget(edges, frame.area());

    let past = progress(app);
    let height = u16::try_from(past.len()).unwrap_or(u16::MAX);
    let [above, below] = Layout::vertical([Constraint::Length(height), Constraint::Min(1)]).areas(inside);
    frame.render_widget(Paragraph::new(past), above);
    match &app.stage {
        Stage::Choosing { targets, at, .. } => {
            let list = List::new(targets.iter().map(place)).highlight_symbol("> ");
            let list = list.highlight_style(Style::new().bold());
            frame.render_stateful_widget(list, below, &mut ListState::default().with_selected(Some(*at)));
        }
        _ => frame.render_widget(Paragraph::new(body(app)).wrap(Wrap { trim: false }), below),
    }
}

fn progress(app: &App) -> Vec<Line<'_>> {
    let account = app.account.as_ref().map(|account| Line::from(format!("Signed in as {account}")).bold());
    let hidden = app.progress.len().saturating_sub(PROGRESS_LINES);
    let steps = app.progress[hidden..].iter().map(|step| Line::from(format!("- {step}")).dim());
    let question: &[&str] = match &app.stage {
        Stage::Choosing { doubtful: true, .. } => &[
            "Another browser came back than the one that was sent. Is it your account?",
            "In which project should the key be created?",
        ],
        Stage::Choosing { doubtful: false, .. } => &["In which project should the key be created?"],
        _ => &[],
    };
    account.into_iter().chain(steps).chain(question.iter().copied().map(Line::from)).collect()
}

fn body(app: &App) -> Text<'_> {
    match &app.stage {
        Stage::Starting => "Starting...".into(),
        Stage::Browser(address) => Text::from(vec![
            "Open this address in a browser on this machine:".into(),
            address.as_str().into(),
        ]),
        Stage::Working => "Looking for your projects...".into(),
        // The list is drawn in its place.
        Stage::Choosing { .. } => Text::default(),
        Stage::Creating if app.leaving => {
            "The key may exist already, and appears in a moment. Press Esc again to leave without it.".into()
        }
        Stage::Creating => "Creating the key...".into(),
        Stage::Created { .. } if app.leaving => {
            "You have not seen the key, and it cannot be shown again. r shows it; Esc leaves without it."
                .into()
        }
        Stage::Created { made, revealed: true, .. } => {
            Text::from(vec!["Your key:".into(), made.key.expose().into()])
        }
        Stage::Created { made, revealed: false, .. } => {
            format!("Your key is ready. It ends in {}.", made.key.last_four()).into()
        }
        Stage::Failed(reason) => {
            Text::from(vec![Line::from("It did not work.").bold(), reason.as_str().into()])
        }
    }
}

fn help(app: &App) -> &'static str {
    match app.stage {
        Stage::Choosing { .. } => "Up, Down: choose   Enter: create the key   Esc: leave",
        Stage::Created { revealed: true, .. } => "r: hide the key   Esc: leave",
        Stage::Created { revealed: false, .. } => "r: show the key   Esc: leave",
        Stage::Failed(_) => "Esc: leave",
        _ => "Esc: cancel",
    }
}
