//! What a tidy catalogue has beyond what it must have.
//!
//! Comes in: [`Sources`]. Goes out: everything that compiling says, and more warnings where it compiles: comments, tags, names of
//! enum values, and fields that look like personal data without anybody having said so. Deliberately absent: what an earlier
//! catalogue promised (see [`changes`](crate::changes)).

use super::diagnostic::Code;
use super::options::Options;
use super::{Diagnostic, Sources, compile, parse};
use crate::Catalogue;
use crate::model::{EnumType, EventType, Field, Kind, MessageType, Position};

/// What a name ends with (`_id`, `_name` aside) where text is likely to name or describe a person.
const PERSONAL: [&str; 21] = [
    "account", "address", "birthday", "city", "device", "display", "email", "friend", "gamertag", "iban", "ip", "mail",
    "nickname", "passport", "phone", "player", "postcode", "surname", "user", "username", "voice",
];

/// Everything there is to say about a catalogue, sorted by place.
pub fn lint(sources: &Sources) -> Vec<Diagnostic> {
    let compiled = match compile(sources) {
        Ok(compiled) => compiled,
        Err(diagnostics) => return diagnostics,
    };
    let (pool, _) = parse(sources);
    let options = Options::find(&pool);
    // What the author wrote tells `NONE` from nothing; the catalogue does not.
    let is_classed = |message: &MessageType, field: &Field| {
        let declared = pool.get_message_by_name(&message.full_name).and_then(|m| m.get_field_by_name(&field.name));
        declared.zip(options.as_ref()).is_some_and(|(field, options)| options.of_field(&field).is_classed)
    };
    let mut lint = Lint { catalogue: &compiled.catalogue, found: compiled.warnings };
    let catalogue = lint.catalogue;
    catalogue.event_types().iter().for_each(|t| lint.event_type(t));
    catalogue.enums().iter().for_each(|e| lint.enum_type(e));
    for message in &catalogue.data().messages {
        let mut above = None;
        for field in &message.fields {
            let is_told = !field.doc.is_empty() || above.is_some_and(|above| is_group(above, field));
            lint.field(message, field, is_told, is_classed(message, field));
            above = Some(field).filter(|_| is_told);
        }
    }
    lint.found.sort();
    lint.found
}

struct Lint<'c> {
    catalogue: &'c Catalogue,
    found: Vec<Diagnostic>,
}

impl Lint<'_> {
    fn push(&mut self, code: Code, position: Position, message: String) {
        let file = self.catalogue.data().files.get(usize::from(position.file)).map_or("", String::as_str);
        self.found.push(Diagnostic::new(code, file, (position.line, position.column), message));
    }

    fn event_type(&mut self, t: &EventType) {
        if t.tags.is_empty() {
            self.push(Code::NoTags, t.position, format!("event type `{}` has no tag", t.name));
        }
    }

    fn field(&mut self, message: &MessageType, field: &Field, is_told: bool, is_classed: bool) {
        let name = &field.name;
        if !is_told {
            self.push(Code::NoFieldDoc, field.position, format!("field `{name}` has no comment"));
        }
        if !is_classed && field.kind == Kind::String && looks_personal(name) {
            let short = message.full_name.rsplit('.').next().unwrap_or_default();
            let words = format!("`{short}.{name}` looks like personal data, and nobody says of which class");
            self.push(Code::NoClass, field.position, words);
        }
    }

    fn enum_type(&mut self, e: &EnumType) {
        let enum_name = e.full_name.rsplit('.').next().unwrap_or_default();
        for value in &e.values {
            let has_prefix = value.short.len() < value.name.len();
            let is_upper = value.name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
            if !(has_prefix && is_upper) {
                let words = format!("`{}` is no name for a value of `{enum_name}`", value.name);
                self.push(Code::EnumValueName, e.position, words);
            }
        }
    }
}

/// Whether a field stands right below another one of its kind, as `y` below `x`: one comment tells both.
fn is_group(above: &Field, field: &Field) -> bool {
    above.kind == field.kind && above.position.line + 1 == field.position.line
}

/// `player_id`, `to_player`, `user_name`, `email`; not `item_name`.
fn looks_personal(name: &str) -> bool {
    let mut words: Vec<&str> = name.split('_').collect();
    let is_name = words.last() == Some(&"name");
    while words.len() > 1 && words.last().is_some_and(|word| matches!(*word, "id" | "name")) {
        words.pop();
    }
    let last = words.last().copied().unwrap_or_default();
    PERSONAL.contains(&last) || (is_name && matches!(last, "first" | "last" | "full" | "real"))
}
