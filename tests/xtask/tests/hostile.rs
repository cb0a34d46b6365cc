//! Holds `router/docs/hostile.md` to the sources: every test, setting and figure that it names is there, and its bounds are the
//! defaults.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|why| panic!("{}: {why}", path.display()))
}

/// Cells of the page's tables, by column.
fn column(page: &str, at: usize) -> Vec<&str> {
    let rows = page.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| attack "));
    let cells: Vec<&str> = rows.map(|row| row.split('|').nth(at + 1).unwrap_or_default().trim()).collect();
    assert!(cells.len() > 25, "the table has {} rows", cells.len());
    cells
}

/// What stands between back-ticks.
fn names<'a>(cells: &[&'a str]) -> Vec<&'a str> {
    cells.iter().flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect()
}

/// The file in which a test stands, by the module that the page names.
fn file_of(modules: &str) -> PathBuf {
    match modules.split_once("::") {
        Some(("daemon", file)) => format!("tests/scenarios/tests/daemon/{file}.rs").into(),
        None if modules == "amplify" => "router/edge-session/src/amplify.rs".into(),
        None if modules == "players" => "router/edge-shard/src/tests/players.rs".into(),
        _ => format!("router/edge-session/src/tests/{modules}.rs").into(),
    }
}

#[test]
fn every_row_names_a_test_that_is_there() {
    let page = read("router/docs/hostile.md");
    for cell in column(&page, 4) {
        assert!(!names(&[cell]).is_empty(), "a row without a test: {cell}");
    }
    for name in names(&column(&page, 4)) {
        let (modules, function) = name.rsplit_once("::").unwrap_or_else(|| panic!("`{name}` names no file"));
        let source = read(file_of(modules));
        let at = source.find(&format!("fn {function}(")).unwrap_or_else(|| panic!("`{name}` is not there"));
        let above = &source[..at];
        let attribute = above.rfind("#[").unwrap_or_else(|| panic!("`{name}` is no test"));
        let attributes = &above[attribute.saturating_sub(80)..];
        assert!(attributes.contains("test"), "`{name}` is no test");
        assert!(!attributes.contains("#[ignore"), "`{name}` does not run");
    }
}

/// A setting's default, as the reference file says it.
fn default_of<'a>(reference: &'a str, name: &str) -> &'a str {
    let (table, key) = name.rsplit_once('.').unwrap_or_else(|| panic!("`{name}` is in no table"));
    let from = reference.find(&format!("\n[{table}]\n")).unwrap_or_else(|| panic!("no table [{table}]"));
    let rest = &reference[from + 2..];
    let rows = &rest[..rest.find("\n[").unwrap_or(rest.len())];
    let row = rows.lines().find_map(|row| row.trim_start_matches("# ").strip_prefix(&format!("{key} = ")));
    row.unwrap_or_else(|| panic!("`{name}` is no setting"))
}

/// The whole numbers in a text, thousands grouped or not; `KiB` and `MiB` are counted out.
fn numbers(text: &str) -> Vec<u64> {
    let plain = text.replace("3.00", "").replace(',', "");
    let digits = |c: char| !c.is_ascii_digit();
    let mut numbers = Vec::new();
    let mut rest = plain.as_str();
    while let Some(at) = rest.find(|c: char| c.is_ascii_digit()) {
        let number = &rest[at..];
        let end = number.find(digits).unwrap_or(number.len());
        rest = &number[end..];
        let unit = match rest.trim_start() {
            unit if unit.starts_with("KiB") => 1 << 10,
            unit if unit.starts_with("MiB") => 1 << 20,
            _ => 1,
        };
        numbers.push(number[..end].parse::<u64>().expect("digits") * unit);
    }
    numbers
}

#[test]
fn every_bound_is_the_default_of_its_setting() {
    let page = read("router/docs/hostile.md");
    let reference = read("edge-config/reference.toml");
    let mut settings = 0;
    for (bound, cell) in column(&page, 2).into_iter().zip(column(&page, 3)) {
        let told = numbers(bound);
        assert!(cell == "none" || !names(&[cell]).is_empty(), "a row without a word on settings: {cell}");
        for setting in names(&[cell]) {
            let (name, value) = setting.split_once(" = ").unwrap_or_else(|| panic!("`{setting}` tells no default"));
            assert_eq!(value, default_of(&reference, name), "`{name}`");
            for number in numbers(value) {
                assert!(told.contains(&number), "the bound `{bound}` does not tell {number} of `{name}`");
            }
            settings += 1;
        }
    }
    assert!(settings > 25, "{settings} settings");
}

#[test]
fn every_figure_is_there() {
    let page = read("router/docs/hostile.md");
    let metrics = read("router/src/metrics.rs");
    let figures: BTreeSet<&str> = names(&column(&page, 5)).into_iter().collect();
    assert!(figures.len() > 15, "{figures:?}");
    for name in figures {
        assert!(metrics.contains(&format!("\"{name}\"")), "`{name}` is no figure");
    }
}
