//! What of a screen is the same in every run: its panels and its words, without its figures.
//!
//! What comes in: the rows of a [`Screen`](crate::terminal::Screen). What goes out: the boxes that are drawn there, checked to
//! be whole, and a [`skeleton`] to hold against a golden file. Deliberately absent: colours, and the figures themselves.

/// A box drawn with lines: `(row, column)` of its corners.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Panel {
    /// Upper left.
    pub from: (usize, usize),
    /// Lower right.
    pub to: (usize, usize),
}

/// The panels of a screen, from the top left on.
///
/// # Panics
/// Where one is not closed, or its sides are not straight: a frame that is torn, or drawn for another size.
pub fn panels(rows: &[String]) -> Vec<Panel> {
    let grid: Vec<Vec<char>> = rows.iter().map(|row| row.chars().collect()).collect();
    let at = |row: usize, column: usize| grid.get(row).and_then(|cells| cells.get(column)).copied().unwrap_or(' ');
    let torn = |what: &str, row, column| -> ! { panic!("{what} at row {row}, column {column}:\n{}", rows.join("\n")) };
    let mut panels = Vec::new();
    for (row, cells) in grid.iter().enumerate() {
        for (column, cell) in cells.iter().enumerate() {
            if *cell != '┌' {
                continue;
            }
            let Some(right) = (column + 1..cells.len()).find(|c| at(row, *c) == '┐') else {
                torn("a box without a right side", row, column)
            };
            let Some(below) = (row + 1..grid.len()).find(|r| at(*r, column) == '└') else {
                torn("a box without a bottom", row, column)
            };
            let is_straight = (row + 1..below).all(|r| at(r, column) == '│' && at(r, right) == '│');
            if !is_straight || at(below, right) != '┘' {
                torn("a box that is not straight", row, column);
            }
            panels.push(Panel { from: (row, column), to: (below, right) });
        }
    }
    panels
}

/// The screen without what differs from run to run or from machine to machine: figures become `#`, rules' names `RULE`, doors
/// `DOOR`; bars and fillings vanish.
pub fn skeleton(rows: &[String]) -> String {
    let panels = panels(rows);
    let is_rule =
        |row: usize| panels.iter().any(|p| rows[p.from.0].contains(" rules fired ") && p.from.0 < row && row < p.to.0);
    let mut lines: Vec<String> = rows.iter().enumerate().map(|(n, row)| line(row, is_rule(n))).collect();
    lines.push(String::new());
    lines.extend(
        panels
            .iter()
            .map(|Panel { from, to }| format!("panel: rows {} to {}, columns {} to {}", from.0, to.0, from.1, to.1)),
    );
    lines.join("\n") + "\n"
}

fn line(row: &str, is_rule: bool) -> String {
    let mut line = String::new();
    for word in row.replace('│', " │ ").split_whitespace() {
        let bare: String = word.chars().filter(|c| !is_filling(*c)).collect();
        let word = match bare.as_str() {
            "io_uring" | "epoll" | "plain" => "DOOR".to_owned(),
            text if text.starts_with(|c: char| c.is_ascii_digit()) => "#".to_owned(),
            text if is_rule && text.starts_with(|c: char| c.is_ascii_lowercase()) => "RULE".to_owned(),
            _ => bare,
        };
        // A figure and its unit, or two figures in a row, are one figure.
        let is_unit = ["µs", "ms", "s", "B", "KiB", "MiB", "GiB"].contains(&word.as_str());
        if word.is_empty() || line.ends_with('#') && (is_unit || word == "#") {
            continue;
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(&word);
    }
    line
}

/// Lines and bars: how long they are is told by the panels, or differs.
fn is_filling(c: char) -> bool {
    matches!(c, '─' | '▁'..='█' | '(' | ')' | '+')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn figures_and_bars_vanish_and_words_stay() {
        let frame = "┌ rules fired ─┐\n│ kills 1,2 ██ │\n└──────────────┘\n┌ 12 on epoll ─┐\n│ size  3.0 MiB│\n│ on  4 (1 + 3)│\n└──────────────┘";
        let expected = "┌ rules fired ┐\n│ RULE # │\n└┘\n┌ # on DOOR ┐\n│ size # │\n│ on # │\n└┘\n\n\
                        panel: rows 0 to 2, columns 0 to 15\npanel: rows 3 to 6, columns 0 to 15\n";
        assert_eq!(skeleton(&rows(frame)), expected);
    }

    #[test]
    #[should_panic(expected = "not straight")]
    fn a_torn_frame_is_told() {
        panels(&rows("┌──┐\n│   │\n└──┘"));
    }

    #[test]
    #[should_panic(expected = "without a right side")]
    fn a_frame_wider_than_the_screen_is_told() {
        panels(&rows("┌───\n│\n└───"));
    }
}
