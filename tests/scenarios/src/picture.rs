//! A screen as a picture: SVG, which a README can show and a reviewer can read.
//!
//! What comes in: the cells of a [`Screen`](crate::terminal::Screen). What goes out: SVG whose text is text; lines and bars are
//! drawn, so that they meet whatever font the reader has. Deliberately absent: fonts, scripts, anything fetched.

use std::fmt::{self, Write as _};

use vt100::{Cell, Color};

/// Where the README's picture lies, from the project's root, and what it is called for those who do not see it.
pub const PLACE: &str = "router/demo/view.svg";
/// See [`PLACE`].
pub const TITLE: &str = "The demo on a terminal: events a second, latency, rules fired, sessions, ledger and spool";

/// A cell's size in pixels.
const WIDTH: f64 = 8.4;
const HEIGHT: f64 = 17.0;
/// Around the cells.
const MARGIN: f64 = 12.0;
/// From a cell's top to the line that letters stand on.
const BASELINE: f64 = 13.0;

const BACKGROUND: &str = "#14171c";
const FOREGROUND: &str = "#d5d9e0";
/// The sixteen colours of a terminal, as this picture shows them.
const PALETTE: [&str; 16] = [
    "#2b3038", "#e06c75", "#7fbf6a", "#d9b36c", "#6ca8e8", "#c586d9", "#5fb8c4", "#c3c9d3", //
    "#6b7280", "#f08a92", "#9bd886", "#ecca87", "#8fc0f5", "#d9a5ea", "#80d2dd", "#f2f4f8",
];

/// What one cell looks like; neighbours that look the same are one run of text.
#[derive(Clone, PartialEq, Eq)]
struct Look {
    color: &'static str,
    is_bold: bool,
    is_dim: bool,
}

/// Draws the screen; `title` is what a reader hears who does not see it.
pub fn svg(screen: &vt100::Screen, title: &str) -> String {
    let mut out = String::new();
    draw(screen, title, &mut out).expect("INVARIANT: writing into a `String` does not fail");
    out
}

fn draw(screen: &vt100::Screen, title: &str, out: &mut String) -> fmt::Result {
    let (rows, columns) = screen.size();
    let (rows, columns) = (rows.get(), columns.get());
    let width = f64::from(columns) * WIDTH + 2.0 * MARGIN;
    let height = f64::from(rows) * HEIGHT + 2.0 * MARGIN;
    let title = escaped(title);
    writeln!(
        out,
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0} {height:.0}" role="img" aria-label="{title}">"#
    )?;
    writeln!(out, "<title>{title}</title>")?;
    writeln!(out, r#"<rect width="{width:.0}" height="{height:.0}" rx="8" fill="{BACKGROUND}"/>"#)?;
    writeln!(
        out,
        r#"<g font-family="ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace" font-size="14" xml:space="preserve">"#
    )?;
    for row in 0..rows {
        bars(screen, row, columns, out)?;
        for column in 0..columns {
            if let Some(cell) = screen.cell(row, column) {
                lines(cell, row, column, out)?;
            }
        }
        letters(screen, row, columns, out)?;
    }
    writeln!(out, "</g>\n</svg>")
}

/// Backgrounds and bars of a row: neighbours of one height and colour are one rectangle, so that no seam shows.
fn bars(screen: &vt100::Screen, row: u16, columns: u16, out: &mut String) -> fmt::Result {
    let shape = |column: u16| {
        let cell = screen.cell(row, column).filter(|_| column < columns)?;
        match cell.contents().chars().next().and_then(bar) {
            Some(eighths) => Some((eighths, look(cell).color)),
            None => background(cell).map(|fill| (8, fill)),
        }
    };
    let mut from = 0;
    while from < columns {
        let mut to = from + 1;
        let Some((eighths, fill)) = shape(from) else {
            from = to;
            continue;
        };
        while shape(to) == Some((eighths, fill)) {
            to += 1;
        }
        let (x, width) = (MARGIN + f64::from(from) * WIDTH, f64::from(to - from) * WIDTH);
        let tall = HEIGHT * f64::from(eighths) / 8.0;
        let y = MARGIN + f64::from(row + 1) * HEIGHT - tall;
        writeln!(out, r#"<rect x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{tall:.1}" fill="{fill}"/>"#)?;
        from = to;
    }
    Ok(())
}

/// The line in a cell, if it is one.
fn lines(cell: &Cell, row: u16, column: u16, out: &mut String) -> fmt::Result {
    let (x, y) = (MARGIN + f64::from(column) * WIDTH, MARGIN + f64::from(row) * HEIGHT);
    let color = look(cell).color;
    let Some(c) = cell.contents().chars().next() else { return Ok(()) };
    let (middle, centre) = (x + WIDTH / 2.0, y + HEIGHT / 2.0);
    let (right, below) = (x + WIDTH, y + HEIGHT);
    let path = match c {
        '─' => format!("M{x:.1} {centre:.1}H{right:.1}"),
        '│' => format!("M{middle:.1} {y:.1}V{below:.1}"),
        '┌' => format!("M{right:.1} {centre:.1}H{middle:.1}V{below:.1}"),
        '┐' => format!("M{x:.1} {centre:.1}H{middle:.1}V{below:.1}"),
        '└' => format!("M{middle:.1} {y:.1}V{centre:.1}H{right:.1}"),
        '┘' => format!("M{middle:.1} {y:.1}V{centre:.1}H{x:.1}"),
        _ => return Ok(()),
    };
    writeln!(out, r#"<path d="{path}" fill="none" stroke="{color}" stroke-opacity="0.55"/>"#)
}

/// The letters of a row, a run of one look at a time, each as wide as its cells whatever the font. Two blanks end a run, so that
/// columns stay columns even where the reader's font is not monospaced.
fn letters(screen: &vt100::Screen, row: u16, columns: u16, out: &mut String) -> fmt::Result {
    let y = MARGIN + f64::from(row) * HEIGHT + BASELINE;
    let mut run: Option<(u16, Look, String)> = None;
    for column in 0..=columns {
        let cell = if column < columns { screen.cell(row, column) } else { None };
        let letter = cell.and_then(|cell| letter(cell).map(|text| (look(cell), text)));
        match (&mut run, letter) {
            (Some((_, look, text)), Some((next, letter)))
                if *look == next && !(letter == " " && text.ends_with(' ')) =>
            {
                text.push_str(letter);
            }
            (run, letter) => {
                if let Some((from, look, text)) = run.take() {
                    write_run(from, y, &look, &text, out)?;
                }
                *run = letter.filter(|(_, text)| *text != " ").map(|(look, text)| (column, look, text.to_owned()));
            }
        }
    }
    Ok(())
}

fn write_run(from: u16, y: f64, look: &Look, text: &str, out: &mut String) -> fmt::Result {
    let text = text.trim_end();
    let x = MARGIN + f64::from(from) * WIDTH;
    let width = text.chars().count() as f64 * WIDTH;
    let bold = if look.is_bold { r#" font-weight="bold""# } else { "" };
    let dim = if look.is_dim { r#" fill-opacity="0.6""# } else { "" };
    let (fill, text) = (look.color, escaped(text));
    writeln!(out, r#"<text x="{x:.1}" y="{y:.1}" textLength="{width:.1}" fill="{fill}"{bold}{dim}>{text}</text>"#)
}

/// A cell's text, where it is to be written.
fn letter(cell: &Cell) -> Option<&str> {
    let text = cell.contents();
    match text.chars().next() {
        None => Some(" "),
        Some(c) if bar(c).is_some() || "─│┌┐└┘".contains(c) => None,
        Some(_) => Some(text),
    }
}

fn look(cell: &Cell) -> Look {
    let color = if cell.inverse() { cell.bgcolor() } else { cell.fgcolor() };
    let color = shade(color).unwrap_or(if cell.inverse() { BACKGROUND } else { FOREGROUND });
    Look { color, is_bold: cell.bold(), is_dim: cell.dim() }
}

fn background(cell: &Cell) -> Option<&'static str> {
    if cell.inverse() { Some(shade(cell.fgcolor()).unwrap_or(FOREGROUND)) } else { shade(cell.bgcolor()) }
}

/// The view uses the terminal's own sixteen colours and no others.
fn shade(color: Color) -> Option<&'static str> {
    match color {
        Color::Idx(n) => PALETTE.get(usize::from(n)).copied(),
        Color::Default | Color::Rgb(..) => None,
    }
}

/// How many eighths of its cell a bar fills.
fn bar(c: char) -> Option<u32> {
    matches!(c, '▁'..='█').then(|| c as u32 - '▁' as u32 + 1)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_text_and_bars_are_drawn() {
        let side = |n| std::num::NonZeroU16::new(n).unwrap();
        let mut parser = vt100::Parser::new(side(2), side(12), 0);
        parser.process("a<b \u{1b}[1;32m█ok\u{1b}[0m\r\n└─┘".as_bytes());
        let svg = svg(parser.screen(), "a \"title\"");
        for expected in [
            r#"aria-label="a &quot;title&quot;""#,
            ">a&lt;b</text>",
            r##"height="17.0" fill="#7fbf6a"/>"##,
            r##"fill="#7fbf6a" font-weight="bold">ok</text>"##,
            "M20.4 37.5H28.8",
        ] {
            assert!(svg.contains(expected), "{expected} is missing in\n{svg}");
        }
        assert_eq!(svg.matches("<path").count(), 3);
    }
}
