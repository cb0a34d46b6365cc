//! What changed from one catalogue to the next, and what of it breaks somebody.
//!
//! Comes in: the catalogue that is in use and the one that shall replace it. Goes out: every [`Change`], sorted by place, each with a
//! code, a place and a line of help. A change breaks where clients of the old catalogue would be refused or misread, where
//! rules that compile today would not, or where personal data would lose its protection. Deliberately absent: files, and rules:
//! a change that breaks no rule of today is still told.

mod change;
mod fields;

use std::collections::BTreeSet;

pub use change::{Change, ChangeCode};

use crate::model::{EnumType, EventType, MessageType, Provenances};
use crate::{Catalogue, PersonalData, Position};

/// Compares two catalogues.
pub fn changes(old: &Catalogue, new: &Catalogue) -> Vec<Change> {
    let mut comparison = Comparison { old, new, changes: Vec::new() };
    if old.name() != new.name() {
        let words = format!("the catalogue is `{}` and was `{}`", new.name(), old.name());
        comparison.push(ChangeCode::Renamed, Position::default(), words);
    }
    comparison.events();
    comparison.messages();
    comparison.enums();
    let mut changes = comparison.changes;
    changes.sort();
    changes
}

struct Comparison<'c> {
    old: &'c Catalogue,
    new: &'c Catalogue,
    changes: Vec<Change>,
}

impl Comparison<'_> {
    /// At a place of the new catalogue.
    fn push(&mut self, code: ChangeCode, position: Position, message: String) {
        let (file, line) = place(self.new, position);
        self.changes.push(Change { file, line, code, message, is_in_old: false });
    }

    /// At a place of the old catalogue: what is gone stands nowhere else.
    fn push_gone(&mut self, code: ChangeCode, position: Position, message: String) {
        let (file, line) = place(self.old, position);
        self.changes.push(Change { file, line, code, message, is_in_old: true });
    }

    fn events(&mut self) {
        let (old, new) = (self.old, self.new);
        for was in old.event_types() {
            match new.event_type_by_name(&was.name) {
                Some(is) => self.event(was, is),
                None => self.event_gone(was),
            }
        }
        for is in new.event_types().iter().filter(|is| old.event_type_by_name(&is.name).is_none()) {
            match old.event_type(is.id) {
                Some(was) => {
                    let words = format!("id {} is event type `{}` and was `{}`", is.id.0, is.name, was.name);
                    self.push(ChangeCode::EventIdReused, is.position, words);
                }
                None => {
                    let words = format!("event type `{}` is new", is.name);
                    self.push(ChangeCode::EventAdded, is.position, words);
                }
            }
        }
    }

    fn event_gone(&mut self, was: &EventType) {
        let words = format!("event type `{}` (id {}) is gone", was.name, was.id.0);
        self.push_gone(ChangeCode::EventRemoved, was.position, words);
    }

    fn event(&mut self, was: &EventType, is: &EventType) {
        let (name, at) = (&is.name, is.position);
        if was.id != is.id {
            let words = format!("event type `{name}` has id {} and had {}", is.id.0, was.id.0);
            self.push(ChangeCode::EventId, at, words);
        }
        match (was.provenance, is.provenance) {
            (before, now) if before == now => {}
            (before, now) => {
                let narrowed = now != Provenances::Any;
                let code = if narrowed { ChangeCode::ProvenanceNarrowed } else { ChangeCode::Widened };
                self.push(code, at, format!("`{name}` may come from {} and came from {}", who(now), who(before)));
            }
        }
        if was.subject.is_some() && was.subject != is.subject {
            let subject = |of: &EventType| of.subject.clone().unwrap_or_else(|| "nothing".to_owned());
            let words = format!("the subject of `{name}` is `{}` and was `{}`", subject(is), subject(was));
            self.push(ChangeCode::Subject, at, words);
        }
        if is.max_payload_bytes < was.max_payload_bytes {
            let (now, before) = (is.max_payload_bytes, was.max_payload_bytes);
            let words = format!("`{name}` has at most {now} bytes and had at most {before}");
            self.push(ChangeCode::PayloadLowered, at, words);
        }
        if was.idempotent && !is.idempotent {
            self.push(ChangeCode::Idempotent, at, format!("`{name}` is no longer idempotent"));
        }
        if was.owner != is.owner {
            let words = format!("`{name}` is owned by {} and was by {}", is.owner, was.owner);
            self.push(ChangeCode::Owner, at, words);
        }
        if is.deprecated && !was.deprecated {
            self.push(ChangeCode::Deprecated, at, format!("event type `{name}` is deprecated"));
        }
        self.class(&format!("event type `{name}`"), (was.personal_data, is.personal_data), at);
    }

    /// The class of personal data of an event type or a field.
    fn class(&mut self, of: &str, (was, is): (PersonalData, PersonalData), at: Position) {
        let words = format!("{of} is {} and was {}", class_word(is), class_word(was));
        if is < was {
            self.push(ChangeCode::ClassLowered, at, words);
        } else if is > was {
            self.push(ChangeCode::ClassRaised, at, words);
        }
    }

    /// Messages are compared by their full names; one that nothing reaches any more is told where the field changed that led to it.
    fn messages(&mut self) {
        let (old, new) = (self.old, self.new);
        for was in &old.data().messages {
            let Some(is) = new.message_by_name(&was.full_name) else { continue };
            self.message(was, new.message(is));
        }
    }

    fn enums(&mut self) {
        let (old, new) = (self.old, self.new);
        for was in old.enums() {
            if let Some(is) = new.enums().iter().find(|is| is.full_name == was.full_name) {
                self.enum_type(was, is);
            }
        }
    }

    fn enum_type(&mut self, was: &EnumType, is: &EnumType) {
        let enum_name = &is.full_name;
        for before in &was.values {
            match is.values.iter().find(|now| now.name == before.name) {
                None => {
                    let words = format!("value `{}` = {} of `{enum_name}` is gone", before.name, before.number);
                    self.push_gone(ChangeCode::EnumValueRemoved, was.position, words);
                }
                Some(now) if now.number != before.number => {
                    let words = format!("value `{}` is {} and was {}", now.name, now.number, before.number);
                    self.push(ChangeCode::EnumValueNumber, is.position, words);
                }
                Some(_) => {}
            }
        }
        let known: BTreeSet<&str> = was.values.iter().map(|v| v.name.as_str()).collect();
        for now in is.values.iter().filter(|v| !known.contains(v.name.as_str())) {
            let words = format!("value `{}` = {} of `{enum_name}` is new", now.name, now.number);
            self.push(ChangeCode::EnumValueAdded, is.position, words);
        }
    }
}

/// `Hit` of `game.v1.Hit`: how authors say it.
fn short(message: &MessageType) -> &str {
    message.full_name.rsplit('.').next().unwrap_or(&message.full_name)
}

fn place(of: &Catalogue, position: Position) -> (String, u32) {
    let file = of.data().files.get(usize::from(position.file)).filter(|_| position.line > 0);
    file.map_or_else(|| (String::new(), 0), |file| (file.clone(), position.line))
}

const fn who(provenance: Provenances) -> &'static str {
    match provenance {
        Provenances::Client => "clients",
        Provenances::Server => "game servers",
        Provenances::Any => "clients and game servers",
    }
}

const fn class_word(class: PersonalData) -> &'static str {
    match class {
        PersonalData::None => "NONE",
        PersonalData::Pseudonymous => "PSEUDONYMOUS",
        PersonalData::Personal => "PERSONAL",
        PersonalData::Sensitive => "SENSITIVE",
    }
}

#[cfg(all(test, feature = "compile"))]
mod tests;
