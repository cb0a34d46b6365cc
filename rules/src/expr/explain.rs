//! What the CEL parser and checker found, in the words of rule files.
//!
//! In: their diagnostics. Out: ours, with places in the file, what the catalogue knows about the nearest field, and the hints
//! that authors of rules need most.

use rules_catalogue::{Catalogue, Field, MessageIndex};
use rules_cel::diagnostic::Code as Cel;

use super::{Scope, span_in};
use crate::diagnostic::{Code, Diagnostic, Report};
use crate::suggest::nearest;

/// Adds one mistake to the report.
pub(super) fn push(mistake: &rules_cel::Diagnostic, cel: &crate::syntax::Cel, scope: Scope<'_>, report: &mut Report) {
    if mistake.code == Cel::TooMany {
        return;
    }
    let mut d = Diagnostic::new(code_of(mistake.code), span_in(cel, mistake.span), mistake.message.clone());
    if let Some((span, words)) = &mistake.related {
        d = d.also(span_in(cel, *span), words.clone());
    }
    let unknown_field = mistake.message_type.as_deref().filter(|_| mistake.code == Cel::UnknownField);
    d = match (mistake.code, unknown_field) {
        (_, Some(message)) => about_field(d, mistake, message, cel, scope.catalogue),
        (Cel::UnknownName, _) => about_name(d, mistake, cel, scope),
        _ => {
            let guess = mistake.candidates.first().map(String::as_str);
            let offered = mistake.help.as_deref().filter(|help| !help.starts_with("did you mean"));
            let d = d.did_you_mean(guess);
            match offered.or_else(|| d.label.is_empty().then(|| usual_help(d.code)).flatten()) {
                Some(help) => d.help(help),
                None => d,
            }
        }
    };
    report.push(d);
}

fn code_of(code: Cel) -> Code {
    match code {
        Cel::TooLong | Cel::TooDeep | Cel::TooMany => Code::TooComplex,
        Cel::BadCharacter | Cel::Unexpected | Cel::Unclosed | Cel::Reserved => Code::BadExpression,
        Cel::BadNumber | Cel::BadString | Cel::BadEscape => Code::BadLiteral,
        Cel::UnknownName | Cel::UnknownType => Code::UnknownName,
        Cel::UnknownField => Code::UnknownField,
        Cel::UnknownFunction => Code::UnknownFunction,
        Cel::NoOverload => Code::NoOverload,
        Cel::WrongType => Code::WrongType,
        Cel::NotSelectable => Code::NotSelectable,
        Cel::BadMacro | Cel::Duplicate => Code::BadMacro,
        Cel::BadValue => Code::BadConstant,
    }
}

/// What most often helps, where nothing better is known.
fn usual_help(code: Code) -> Option<&'static str> {
    Some(match code {
        Code::TooComplex => "name long lists in `sets`, and split long conditions over several rules",
        Code::BadExpression => "conditions look like `event.level >= 10 && event.zone in ['catacombs', 'crypt']`",
        Code::BadLiteral => "text stands in quotes: `'catacombs'`; a backslash in it begins an escape",
        Code::UnknownFunction => {
            "e.g. `startsWith`, `endsWith`, `contains`, `matches`, `size`; the reference lists all"
        }
        Code::NotSelectable => "only messages and maps have fields, only lists and maps have indices",
        Code::BadMacro => "macros look like `event.items.exists(i, i == 'sword')` and `has(event.place)`",
        Code::NoOverload => "convert one side with `int(…)`, `double(…)` or `string(…)`",
        Code::BadConstant => "moments look like `2026-01-31T18:00:00Z`, durations like `1h30m`",
        _ => return None,
    })
}

/// "no field `lvl` on event PlayerDied", "did you mean `level` (int32, 1..=200)?", and where that one is declared.
fn about_field(
    d: Diagnostic,
    mistake: &rules_cel::Diagnostic,
    message: &str,
    cel: &crate::syntax::Cel,
    catalogue: &Catalogue,
) -> Diagnostic {
    let Some(index) = catalogue.message_by_name(message) else { return d };
    let wrong = mistake.span.text(&cel.text).trim();
    let fields = &catalogue.message(index).fields;
    let mut d = Diagnostic { message: format!("no field `{wrong}` on {}", owner_of(catalogue, index)), ..d };
    let guess = nearest(wrong, fields.iter().map(|f| f.name.as_str()));
    let guess = guess.or_else(|| mistake.candidates.first().map(String::as_str));
    if let Some(field) = guess.and_then(|name| fields.iter().find(|f| f.name == name)) {
        d = d.label(format!("did you mean `{}` ({})?", field.name, field_label(catalogue, field)));
        let place = catalogue.place(field.position);
        if !place.is_empty() {
            let short = message.rsplit('.').next().unwrap_or(message);
            d = d.note("catalogue", format!("{place}  {short}.{}", field.name));
        }
        return d;
    }
    let names: Vec<String> = fields.iter().take(12).map(|f| format!("`{}`", f.name)).collect();
    let more = if fields.len() > 12 { ", …" } else { "" };
    if names.is_empty() { d.help("it has no fields") } else { d.help(format!("it has: {}{more}", names.join(", "))) }
}

/// `event PlayerDied` for an event's own message, else the message's name.
fn owner_of(catalogue: &Catalogue, index: MessageIndex) -> String {
    match catalogue.event_types().iter().find(|t| t.message == index) {
        Some(event) => format!("event {}", event.name),
        None => format!("message {}", catalogue.message(index).full_name),
    }
}

/// A field's type and limits: `int32, 1..=200`, `string, 64 bytes at most`.
pub(super) fn field_label(catalogue: &Catalogue, field: &Field) -> String {
    let mut out = catalogue.type_of(field);
    if let Some(range) = field.limits.range {
        out.push_str(&format!(", {range}"));
    }
    if let Some(max) = field.limits.max_items {
        out.push_str(&format!(", {max} items at most"));
    }
    if let Some(max) = field.limits.max_len {
        out.push_str(&format!(", {max} bytes at most"));
    }
    out
}

/// A bare word is most often a forgotten `event.` or a text without quotes.
fn about_name(
    d: Diagnostic,
    mistake: &rules_cel::Diagnostic,
    cel: &crate::syntax::Cel,
    scope: Scope<'_>,
) -> Diagnostic {
    let wrong = mistake.span.text(&cel.text).trim();
    let first = wrong.split('.').next().unwrap_or(wrong);
    let mut d = d;
    let fields = scope.catalogue.fields(scope.event);
    if let Some(field) = fields.iter().find(|f| f.name == first) {
        return d.label(format!("did you mean `event.{}` ({})?", field.name, field_label(scope.catalogue, field)));
    }
    if wrong.starts_with(|c: char| c.is_ascii_uppercase())
        && let Some(help) = about_enum(first, scope.catalogue)
    {
        return d.help(help);
    }
    let known = scope.env.declared_names();
    let guess = mistake.candidates.first().cloned().or_else(|| nearest(wrong, known).map(str::to_owned));
    d = d.did_you_mean(guess.as_deref());
    if guess.is_some() {
        return d;
    }
    match first {
        "params" => d.help(known_words("parameters", scope.names.params.keys())),
        "trigger" => d.help("`trigger` is known in the `where` of a count only"),
        "conn" => d.help("`conn` has: `platform`, `locale`, `build`, `region`, `attributes`"),
        "token" => d.help("`token` has: `sub`, `region`, `segments`"),
        "player" => d.help("`player` has: `id`"),
        _ if wrong.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-') => {
            d.help(format!("constant text needs quotes within the expression: `\"'{wrong}'\"`"))
        }
        _ => {
            d.help("expressions know `event.*`, `player.id`, `conn.*`, `token.*`, `params.*`, sets and names of `let`")
        }
    }
}

/// `EndReason` alone is no value; `EndReason.CRASH` is.
fn about_enum(name: &str, catalogue: &Catalogue) -> Option<String> {
    let short = |full: &str| full.rsplit('.').next().unwrap_or(full).to_owned();
    let names: Vec<String> = catalogue.enums().iter().map(|e| short(&e.full_name)).collect();
    let near = nearest(name, names.iter().map(String::as_str))?;
    let found = catalogue.enums().iter().find(|e| short(&e.full_name) == near)?;
    let values: Vec<String> =
        found.values.iter().take(12).map(|v| format!("`{near}.{}`", v.short.to_ascii_uppercase())).collect();
    Some(format!("values of enums are {}", values.join(", ")))
}

fn known_words<'a>(what: &str, names: impl Iterator<Item = &'a String>) -> String {
    let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    if names.is_empty() { format!("the package declares no {what}") } else { format!("{what}: {}", names.join(", ")) }
}
