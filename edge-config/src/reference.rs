//! The annotated reference of every key, generated from the table that the reader uses.

use std::fmt::Write as _;

use crate::fields::{Absent, FIELDS, Field, Kind, TABLES};

/// A whole config file with every key, its default and its meaning. Required keys hold example values, so it parses.
pub fn reference() -> String {
    let mut out = String::from(
        "# Every key of the daemon's configuration, with its default. Keys behind `#` may be left out; what then happens stands\n\
         # above them. Paths start from the folder of this file. `edge-router run --config FILE --check-config` checks a file.\n",
    );
    for (table, about) in TABLES {
        let head = match table.strip_suffix("[]") {
            Some(list) => format!("[[{list}]]"),
            None => format!("[{table}]"),
        };
        let _ = write!(out, "\n# {about}\n{head}\n");
        for field in FIELDS.iter().filter(|f| f.path.rsplit_once('.').is_some_and(|(t, _)| t == *table)) {
            write_field(&mut out, field);
        }
    }
    out
}

fn write_field(out: &mut String, field: &Field) {
    let name = field.path.rsplit_once('.').map_or(field.path, |(_, name)| name);
    let _ = writeln!(out, "# {}{}", field.doc, kind_words(field.kind));
    let _ = match field.absent {
        Absent::Default(value) => writeln!(out, "{name} = {value}"),
        Absent::Refused => writeln!(out, "{name} = {}", example(field)),
        Absent::Means(means, value) => writeln!(out, "# Left out: {means}.\n# {name} = {value}"),
    };
}

fn kind_words(kind: Kind) -> String {
    match kind {
        Kind::Int(least, most) => format!(" {least} to {most}."),
        Kind::Word(words) => format!(" One of {}.", words.join(", ")),
        _ => String::new(),
    }
}

fn example(field: &Field) -> String {
    let text = match field.path {
        "node.id" => return "1".into(),
        "tls.certificate" => "certificate.pem",
        "tls.key" => "key.pem",
        "tokens.issuers[].name" => "players",
        "tokens.issuers[].provenance" => "client",
        "tokens.issuers[].audience" => "edge",
        "tokens.issuers[].jwks" => "players.jwks.json",
        "rules.bundle" => "rules.bundle",
        "rules.keys" => "rules.keys",
        "spool.directory" => "spool",
        "sink.file.directory" => "commands",
        other => other,
    };
    format!("\"{text}\"")
}
