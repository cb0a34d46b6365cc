//! An event's fields as YAML to its payload.
//!
//! In: a node of a test and the event type. Out: bytes that admission passes, or a diagnostic at the very field. Scalars are
//! read by the catalogue's types: `zone: no` is text, `level: 12` a number, `cause: fall` a value of an enum.

use rules_catalogue::{Cardinality, Catalogue, EncodeError, EventType, Field, Kind, MessageIndex, PayloadError};
use serde_json::{Map, Number, Value};

use crate::diagnostic::{Code, Diagnostic, Report};
use crate::source::Span;
use crate::suggest::nearest;
use crate::yaml::{Kind as Yaml, Node};

/// The payload of an event whose subject, where the catalogue asks for one, is `player` unless it is written.
pub(crate) fn payload_of(
    catalogue: &Catalogue,
    event: &EventType,
    node: &Node,
    name: Span,
    player: &str,
    report: &mut Report,
) -> Option<Vec<u8>> {
    let mut value = match &node.kind {
        Yaml::Map(_) => message(catalogue, event.message, node, report)?,
        Yaml::Scalar(_) if node.is_absent() => Value::Object(Map::new()),
        _ => {
            let words = format!("the fields of {} must be a map, not {}", event.name, node.describe());
            report.push(Diagnostic::new(Code::BadTestEvent, node.span, words).help("write `{ field: value }`"));
            return None;
        }
    };
    if let (Some(subject), Some(object)) = (&event.subject, value.as_object_mut())
        && !subject.contains('.')
        && !object.contains_key(subject)
    {
        object.insert(subject.clone(), Value::from(player));
    }
    match catalogue.encode_json(event, &value) {
        Ok(bytes) => Some(bytes),
        Err(error) => {
            report.push(refused(catalogue, event, node, name, &error));
            None
        }
    }
}

fn message(catalogue: &Catalogue, index: MessageIndex, node: &Node, report: &mut Report) -> Option<Value> {
    let Yaml::Map(entries) = &node.kind else { return Some(scalar_value(node)) };
    let message = catalogue.message(index);
    let mut out = Map::new();
    let mut fine = true;
    for entry in entries {
        let Some(field) = message.field_by_name(&entry.key) else {
            let short = message.full_name.rsplit('.').next().unwrap_or(&message.full_name);
            let words = format!("no field `{}` on {short}", entry.key);
            let guess = nearest(&entry.key, message.fields.iter().map(|f| f.name.as_str()));
            let names: Vec<String> = message.fields.iter().map(|f| format!("`{}`", f.name)).collect();
            let d = Diagnostic::new(Code::BadTestEvent, entry.key_span, words).did_you_mean(guess);
            report.push(d.help(format!("it has: {}", names.join(", "))));
            fine = false;
            continue;
        };
        match field_value(catalogue, field, &entry.value, report) {
            Some(value) => drop(out.insert(entry.key.clone(), value)),
            None => fine = false,
        }
    }
    fine.then_some(Value::Object(out))
}

fn field_value(catalogue: &Catalogue, field: &Field, node: &Node, report: &mut Report) -> Option<Value> {
    match (&node.kind, field.cardinality) {
        (Yaml::List(items), Cardinality::Repeated) => {
            let items = items.iter().map(|item| one(catalogue, field.kind, item, report));
            items.collect::<Option<Vec<_>>>().map(Value::Array)
        }
        (Yaml::Map(entries), Cardinality::Map(_)) => {
            let mut out = Map::new();
            for entry in entries {
                out.insert(entry.key.clone(), one(catalogue, field.kind, &entry.value, report)?);
            }
            Some(Value::Object(out))
        }
        _ => one(catalogue, field.kind, node, report),
    }
}

/// One value by its kind. What does not fit stays text; the encoder then says what it must be.
fn one(catalogue: &Catalogue, kind: Kind, node: &Node, report: &mut Report) -> Option<Value> {
    if let Kind::Message(index) = kind {
        return message(catalogue, index, node, report);
    }
    let Some(scalar) = node.as_scalar() else { return Some(scalar_value(node)) };
    let text = scalar.text.as_str();
    let parsed = match kind {
        Kind::Bool => text.parse::<bool>().ok().map(Value::from),
        Kind::Float | Kind::Double => text.parse::<f64>().ok().and_then(Number::from_f64).map(Value::Number),
        Kind::String | Kind::Bytes | Kind::Timestamp | Kind::Message(_) => None,
        Kind::Duration => crate::syntax::parse_duration_ms(text).map(|ms| Value::from(seconds(ms))),
        _ => text.parse::<i64>().map(Value::from).or_else(|_| text.parse::<u64>().map(Value::from)).ok(),
    };
    Some(parsed.unwrap_or_else(|| Value::from(text)))
}

/// A duration as protobuf's JSON has it: seconds with an `s`.
fn seconds(ms: i64) -> String {
    let (sign, ms) = if ms < 0 { ("-", -ms) } else { ("", ms) };
    format!("{sign}{}.{:03}s", ms / 1000, ms % 1000)
}

/// Something of a wrong shape, for the encoder to complain about.
fn scalar_value(node: &Node) -> Value {
    match &node.kind {
        Yaml::Scalar(scalar) => Value::from(scalar.text.as_str()),
        Yaml::List(_) => Value::Array(Vec::new()),
        Yaml::Map(_) => Value::Object(Map::new()),
    }
}

fn refused(catalogue: &Catalogue, event: &EventType, node: &Node, name: Span, error: &EncodeError) -> Diagnostic {
    let path = match error {
        EncodeError::UnknownField { field, .. }
        | EncodeError::Mismatch { field, .. }
        | EncodeError::NotOfKind { field, .. }
        | EncodeError::UnknownEnumValue { field, .. }
        | EncodeError::Oneof { field, .. } => Some(field.as_str()),
        EncodeError::Payload(refusal) => payload_field(refusal),
    };
    let at = path.and_then(|path| find(node, path)).map_or(name, |found| found.span);
    let words = format!("this {} would be refused: {error}", event.name);
    let d = Diagnostic::new(Code::BadTestEvent, at, words)
        .help("an event of a test passes the same admission as a live one");
    let field = path.and_then(|path| catalogue.resolve(event.message, path).ok());
    match field.map(|path| catalogue.field_at(&path)) {
        Some(field) => {
            d.note("catalogue", format!("{}  {}.{}", catalogue.place(field.position), event.name, field.name))
        }
        None => d.note("catalogue", format!("{}  {}", catalogue.place(event.position), event.name)),
    }
}

fn payload_field(refusal: &PayloadError) -> Option<&str> {
    refusal.field()
}

/// The node of a path such as `place.x`.
fn find<'n>(node: &'n Node, path: &str) -> Option<&'n Node> {
    let mut at = node;
    for part in path.split('.') {
        let Yaml::Map(entries) = &at.kind else { return Some(at) };
        at = &entries.iter().find(|e| e.key == part)?.value;
    }
    Some(at)
}
