//! `docs/run.svg`, the picture of a run in the README. `scripts/picture` writes it.

#![cfg(target_os = "linux")]

use crate::sources::root;
use crate::support::{KEYMINT, machine};
use keymint_sandbox::{Consent, Scenario};
use keymint_testkit::{Launch, Terminal, browse, watch};
use regex::Regex;
use std::fmt::Write;
use std::{env, fs};

const COLUMNS: usize = 100;

/// The text that differs between runs or machines, and its replacement. The picture shows the servers and the names
/// of a real sign-in.
const VARIABLE: [(&str, &str); 5] = [
    (r"dev@sandbox\.test", "me@example.com"),
    (r"http://127\.0\.0\.1:\d+/oauth", "https://auth.openai.com/oauth"),
    (r"keymint tester@\S+ \d{4}-\d\d-\d\d [a-z2-7]{4}", "keymint me@laptop 2026-11-26 k7qx"),
    (r"ending in [\w-]{4}", "ending in 9f3A"),
    (r"/\S+/app/\.env", "/home/me/app/.env"),
];

/// A line of the screen as pieces of one style each.
type Line = Vec<(String, Style)>;

#[derive(Clone, Copy, PartialEq)]
struct Style {
    color: vt100::Color,
    is_bold: bool,
    is_dim: bool,
}

/// The lines that a terminal shows after this output.
fn screen(output: &str) -> Vec<Line> {
    let mut terminal = vt100::Parser::new(60, 600, 0);
    terminal.process(output.as_bytes());
    let screen = terminal.screen();
    let line = |row| {
        let mut line = Line::new();
        for cell in (0..600).filter_map(|column| screen.cell(row, column)) {
            let style = Style { color: cell.fgcolor(), is_bold: cell.bold(), is_dim: cell.dim() };
            let text = if cell.has_contents() { cell.contents() } else { " " };
            match line.last_mut() {
                Some((last, of_last)) if *of_last == style => last.push_str(text),
                _ => line.push((text.to_owned(), style)),
            }
        }
        if let Some((last, _)) = line.last_mut() {
            last.truncate(last.trim_end().len());
        }
        line
    };
    let mut lines: Vec<_> = (0..60).map(line).collect();
    let is_blank = |line: &Line| line.iter().all(|(text, _)| text.is_empty());
    while lines.last().is_some_and(is_blank) {
        lines.pop();
    }
    lines
}

/// The line with the names of a real sign-in.
fn renamed(line: Line) -> Line {
    let rename = |text: String| {
        VARIABLE.iter().fold(text, |text, (pattern, replacement)| {
            Regex::new(pattern).unwrap().replace_all(&text, *replacement).into_owned()
        })
    };
    line.into_iter().map(|(text, style)| (rename(text), style)).collect()
}

/// The line in rows that are not longer than the picture is wide. They end at a blank; a URL is cut.
fn rows(line: Line) -> Vec<Line> {
    let mut rows = vec![Line::new()];
    let mut room = COLUMNS;
    for (text, style) in line {
        let mut rest = text.as_str();
        while rest.chars().count() > room {
            let end = rest.char_indices().nth(room).unwrap().0;
            let Some(blank) = rest[..end].rfind(' ') else {
                let kept = rest.chars().take(room - 1).chain(['…']).collect();
                rows.last_mut().unwrap().push((kept, style));
                return rows;
            };
            rows.last_mut().unwrap().push((rest[..blank].to_owned(), style));
            rows.push(Line::new());
            (rest, room) = (&rest[blank + 1..], COLUMNS);
        }
        rows.last_mut().unwrap().push((rest.to_owned(), style));
        room -= rest.chars().count();
    }
    rows
}

/// The class of a style in the picture.
fn class(style: Style) -> String {
    let color = match style.color {
        vt100::Color::Idx(color @ 1..=6) => {
            ["red", "green", "yellow", "blue", "magenta", "cyan"][usize::from(color) - 1]
        }
        _ => "",
    };
    let weights = [(style.is_bold, "bold"), (style.is_dim, "dim")];
    let weights = weights.into_iter().filter_map(|(is_on, name)| is_on.then_some(name));
    [color].into_iter().chain(weights).collect::<Vec<_>>().join(" ").trim().to_owned()
}

/// The lines as an image of a terminal.
fn svg(lines: &[Line]) -> String {
    let (width, height) = (COLUMNS * 8 + 40, lines.len() * 20 + 60);
    let mut svg = format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img">
<title>A run of keymint create --env-file</title>
<style>text{{font:13.3px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;fill:#e6edf3;white-space:pre}}
.bold{{font-weight:bold}}.dim{{opacity:.7}}.red{{fill:#ff7b72}}.green{{fill:#3fb950}}.yellow{{fill:#d29922}}.blue{{fill:#58a6ff}}.magenta{{fill:#bc8cff}}.cyan{{fill:#39c5cf}}</style>
<rect width="{width}" height="{height}" rx="8" fill="#0d1117"/>
<circle cx="20" cy="18" r="5" fill="#ff5f57"/><circle cx="38" cy="18" r="5" fill="#febc2e"/><circle cx="56" cy="18" r="5" fill="#28c840"/>
"##
    );
    for (index, line) in lines.iter().enumerate() {
        let (mut column, y) = (0, 52 + 20 * index);
        for (text, style) in line {
            let length = text.chars().count();
            if length > 0 {
                let (x, text) = (20 + 8 * column, text.replace('&', "&amp;").replace('<', "&lt;"));
                let (class, width) = (class(*style), 8 * length);
                let class = if class.is_empty() { class } else { format!(r#" class="{class}""#) };
                let _ = writeln!(
                    svg,
                    r#"<text x="{x}" y="{y}" textLength="{width}"{class} xml:space="preserve">{text}</text>"#
                );
            }
            column += length;
        }
    }
    svg + "</svg>\n"
}

#[tokio::test]
async fn the_picture_in_the_readme_shows_a_real_run() {
    let machine = machine(Scenario::ready()).await;
    let app = machine.home.path().join("app");
    fs::create_dir(&app).unwrap();
    let shell = format!("stty cols 600 rows 60; exec {KEYMINT} create --env-file");
    let create = Launch::new("sh", &machine.home).args(["-c", &shell]).envs(machine.environment());
    let create = create.env("DISPLAY", ":0").env("BROWSER", "true").env("TERM", "xterm-256color");
    let mut terminal = Terminal::start(create.current_dir(&app));
    let mut output = terminal.shows("&state=").await;
    output += &terminal.shows("\r\n").await;
    let url = output.lines().find(|line| line.contains("/oauth/authorize?")).unwrap().trim().to_owned();
    watch(browse(&url, Consent::Allow)).await.unwrap().unwrap();
    let (code, rest) = terminal.end().await;
    assert_eq!(code, 0, "{rest}");

    let plain = Style { color: vt100::Color::Default, is_bold: false, is_dim: false };
    let prompt = vec![
        ("$ ".to_owned(), Style { is_dim: true, ..plain }),
        ("keymint create --env-file".to_owned(), plain),
    ];
    let lines = screen(&[output, rest].concat()).into_iter().filter(|line| {
        // Only a sandbox causes this warning.
        !line.iter().any(|(text, _)| text.contains("not at OpenAI's own"))
    });
    let lines = [prompt].into_iter().chain(lines).flat_map(|line| rows(renamed(line)));
    let picture = svg(&lines.collect::<Vec<_>>());

    let path = root().join("docs/run.svg");
    if env::var("INSTA_UPDATE").is_ok_and(|update| update == "always") {
        fs::write(&path, &picture).unwrap();
    }
    assert_eq!(fs::read_to_string(&path).unwrap_or_default(), picture, "scripts/picture writes it");
}
