//! The table of the measurements, and the chart of it.

use std::fmt::Write;
use std::time::Duration;

/// The unit of a value.
#[derive(Clone, Copy)]
pub(crate) enum Unit {
    Milliseconds,
    Seconds,
    /// A multiple of this duration.
    Times(Duration),
    Megabytes,
}

/// The target of a measurement.
#[derive(Clone, Copy)]
pub(crate) struct Aim {
    most: f64,
    words: &'static str,
    unit: Unit,
}

/// A row of the table.
pub(crate) struct Row {
    name: String,
    aim: Aim,
    keymint: f64,
    reference: Option<f64>,
}

impl Unit {
    /// Converts a number of seconds or bytes to this unit.
    pub(crate) fn of(self, value: f64) -> f64 {
        match self {
            Self::Milliseconds => value * 1e3,
            Self::Seconds => value,
            Self::Times(unit) => value / unit.as_secs_f64(),
            Self::Megabytes => value / 1e6,
        }
    }

    fn in_words(self, value: f64) -> String {
        match self {
            Self::Milliseconds if value < 100.0 => format!("{value:.1} ms"),
            Self::Milliseconds => format!("{value:.0} ms"),
            Self::Seconds => format!("{value:.1} s"),
            Self::Times(unit) => format!("{value:.2} x {} ms", unit.as_millis()),
            Self::Megabytes => format!("{value:.2} MB"),
        }
    }
}

impl Aim {
    pub(crate) fn at_most(most: f64, unit: Unit) -> Self {
        Self { most, words: "at most", unit }
    }

    pub(crate) fn below(most: f64, unit: Unit) -> Self {
        Self { most, words: "below", unit }
    }
}

impl Row {
    /// Creates a row with keymint's and the reference's value, in seconds or bytes.
    pub(crate) fn new(name: &str, aim: Aim, values: [f64; 2]) -> Self {
        let [keymint, reference] = values.map(|value| aim.unit.of(value));
        Self { name: name.to_owned(), aim, keymint, reference: Some(reference) }
    }

    /// Creates a row with keymint's value alone.
    pub(crate) fn alone(name: &str, aim: Aim, value: f64) -> Self {
        Self { name: name.to_owned(), aim, keymint: aim.unit.of(value), reference: None }
    }
}

/// Formats the table in Markdown.
pub(crate) fn table(rows: &[Row]) -> String {
    let mut text = String::from(
        "| | keymint | aim | | the reference | ratio |\n| --- | ---: | ---: | --- | ---: | ---: |\n",
    );
    for row in rows {
        let Aim { most, words, unit } = row.aim;
        let _ = writeln!(
            text,
            "| {} | {} | {words} {} | {} | {} | {} |",
            row.name,
            unit.in_words(row.keymint),
            unit.in_words(most),
            if row.keymint <= most {
                "reached".to_owned()
            } else {
                format!("missed by {}", unit.in_words(row.keymint - most))
            },
            row.reference.map_or_else(String::new, |value| unit.in_words(value)),
            row.reference.map_or_else(String::new, |value| format!("{:.2}", row.keymint / value)),
        );
    }
    text
}

/// Draws two bars for each row that has a reference value. The longer bar has the same length in every row.
pub(crate) fn picture(rows: &[Row]) -> String {
    const BAR: f64 = 320.0;
    let rows: Vec<_> = rows.iter().filter_map(|row| Some((row, row.reference?))).collect();
    let height = 40 + 24 * rows.len();
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"1000\" height=\"{height}\" font-family=\"sans-serif\" \
         font-size=\"13\">\n<rect width=\"1000\" height=\"{height}\" fill=\"white\"/>\n\
         <text x=\"480\" y=\"20\">keymint (dark) and the reference (light): shorter is better</text>\n"
    );
    for (index, (row, reference)) in rows.into_iter().enumerate() {
        let (y, unit) = (34 + 24 * index, row.aim.unit);
        let scale = BAR / row.keymint.max(reference);
        let _ = writeln!(
            svg,
            "<text x=\"470\" y=\"{text}\" text-anchor=\"end\">{}</text>\
             <rect x=\"480\" y=\"{y}\" width=\"{:.1}\" height=\"8\" fill=\"#0550ae\"/>\
             <rect x=\"480\" y=\"{lower}\" width=\"{:.1}\" height=\"8\" fill=\"#b6c0cc\"/>\
             <text x=\"810\" y=\"{text}\">{} and {}</text>",
            row.name,
            scale * row.keymint,
            scale * reference,
            unit.in_words(row.keymint),
            unit.in_words(reference),
            lower = y + 8,
            text = y + 13,
        );
    }
    svg + "</svg>\n"
}
