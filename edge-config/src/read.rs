//! From text to values by key: TOML, then the table of fields.
//!
//! What comes in: a file's text. What goes out: a value for each key, defaults filled in, and every problem, all together.
//! An unknown key names the nearest known one. Deliberately absent: what the values mean.

use std::collections::BTreeMap;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::fields::{Absent, FIELDS, Kind, TABLES};
use crate::problem::Problem;
use crate::value::{Value, read};

/// The values of one table: what was written, else the defaults. Lists of tables hold one such map an entry.
#[derive(Default, Debug)]
pub(crate) struct Values {
    by_path: BTreeMap<&'static str, (Value, usize)>,
    pub(crate) issuers: Vec<Values>,
}

const LIST: &str = "tokens.issuers[]";

impl Values {
    /// The value at `path`; `None` where it is absent and has no default, or was refused.
    pub(crate) fn get(&self, path: &str) -> Option<&Value> {
        debug_assert!(FIELDS.iter().any(|f| f.path == path), "{path} is in the table of fields");
        self.by_path.get(path).map(|(value, _)| value)
    }

    /// The line that `path` was written in; 0 for a default.
    pub(crate) fn line(&self, path: &str) -> usize {
        self.by_path.get(path).map_or(0, |(_, line)| *line)
    }
}

/// Reads a file's text. The values are as complete as the problems allow.
pub(crate) fn values(text: &str) -> (Values, Vec<Problem>) {
    let lines = Lines::of(text);
    let mut problems = Vec::new();
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        let line = error.span().map_or(0, |s| lines.at(s.start));
        let what = format!("not TOML: {}", error.message().trim());
        problems.push(Problem { line, key: String::new(), what, help: String::new() });
    }
    let mut values = Values::default();
    if problems.is_empty() {
        walk("", table.get_ref(), &lines, &mut values, &mut problems);
        fill("", &mut values, &mut problems);
        for issuer in &mut values.issuers {
            fill(LIST, issuer, &mut problems);
        }
    }
    problems.sort_by_key(|p| if p.line == 0 { usize::MAX } else { p.line });
    (values, problems)
}

fn walk(prefix: &str, table: &DeTable<'_>, lines: &Lines, values: &mut Values, problems: &mut Vec<Problem>) {
    for (key, value) in table {
        let path = if prefix.is_empty() { key.get_ref().to_string() } else { format!("{prefix}.{}", key.get_ref()) };
        let line = lines.at(key.span().start);
        if let Some(field) = FIELDS.iter().find(|f| f.path == path) {
            match read(field.kind, value.get_ref()) {
                Ok(value) => {
                    values.by_path.insert(field.path, (value, line));
                }
                Err(what) => problems.push(Problem { line, key: path, what, help: field.doc.to_owned() }),
            }
        } else if path == "tokens.issuers" {
            walk_issuers(value, line, lines, values, problems);
        } else if TABLES.iter().any(|(t, _)| *t == path || t.starts_with(&format!("{path}."))) {
            match value.get_ref().as_table() {
                Some(inner) => walk(&path, inner, lines, values, problems),
                None => problems.push(Problem {
                    line,
                    what: "is a table".into(),
                    help: format!("write it as [{path}]"),
                    key: path,
                }),
            }
        } else {
            problems.push(unknown(path, line));
        }
    }
}

fn walk_issuers(
    value: &Spanned<DeValue<'_>>,
    line: usize,
    lines: &Lines,
    values: &mut Values,
    problems: &mut Vec<Problem>,
) {
    let tables: Option<Vec<&DeTable<'_>>> =
        value.get_ref().as_array().and_then(|a| a.iter().map(|v| v.get_ref().as_table()).collect());
    let Some(tables) = tables else {
        let help = "write each issuer as [[tokens.issuers]]".to_owned();
        problems.push(Problem { line, key: "tokens.issuers".into(), what: "is a list of tables".into(), help });
        return;
    };
    for table in tables {
        let mut issuer = Values::default();
        walk(LIST, table, lines, &mut issuer, problems);
        values.issuers.push(issuer);
    }
}

fn unknown(path: String, line: usize) -> Problem {
    let known = FIELDS.iter().map(|f| f.path).chain(TABLES.iter().map(|(t, _)| *t));
    let last = |p: &str| p.rsplit('.').next().unwrap_or_default().to_owned();
    let nearest = known
        .map(|k| {
            (strsim::damerau_levenshtein(k, &path).min(2 + strsim::damerau_levenshtein(&last(k), &last(&path))), k)
        })
        .min();
    let help = match nearest {
        Some((distance, name)) if distance <= 2 + path.len() / 4 => {
            format!("did you mean `{}`?", name.trim_end_matches("[]"))
        }
        _ => "`edge-router reference` shows every key".to_owned(),
    };
    Problem { line, key: path, what: "is not a known key".into(), help }
}

/// Fills in what was not written, for the fields of one list of tables or (`""`) of none.
fn fill(list: &str, values: &mut Values, problems: &mut Vec<Problem>) {
    for field in
        FIELDS.iter().filter(|f| if list.is_empty() { !f.path.contains("[]") } else { f.path.starts_with(list) })
    {
        if values.by_path.contains_key(field.path) || problems.iter().any(|p| p.key == field.path) {
            continue;
        }
        match field.absent {
            Absent::Default(written) => {
                values.by_path.insert(field.path, (default_of(field.kind, written), 0));
            }
            Absent::Means(..) => {}
            Absent::Refused => problems.push(Problem {
                line: 0,
                key: field.path.to_owned(),
                what: "is missing".into(),
                help: field.doc.to_owned(),
            }),
        }
    }
}

fn default_of(kind: Kind, written: &str) -> Value {
    let value = DeValue::parse(written).expect("INVARIANT: defaults are TOML, which a test holds");
    read(kind, value.get_ref()).expect("INVARIANT: defaults are of their kind, which a test holds")
}

/// Where lines begin.
struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &str) -> Lines {
        Lines(std::iter::once(0).chain(text.match_indices('\n').map(|(i, _)| i + 1)).collect())
    }

    /// The line of a byte, from 1.
    fn at(&self, byte: usize) -> usize {
        self.0.partition_point(|start| *start <= byte)
    }
}
