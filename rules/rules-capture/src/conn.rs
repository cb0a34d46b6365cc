//! Who sends: from what a capture says of a sender to what a session would know of it.
//!
//! Limits are those of tokens and HELLO, so that whatever a capture describes could have connected.

use std::sync::Arc;

use edge_event::{ConnInfo, ProducerId, Provenance};
use serde_json::Value;
use xxhash_rust::xxh3::xxh3_128_with_seed;

use crate::fault::Fault;
use crate::line::SessionLine;

/// What a sender says of itself that the capture does not describe.
const PLATFORM: &str = "pc";
const LOCALE: &str = "en-US";

/// Limits of the wire protocol and of tokens, bytes and items.
const SUB_BYTES_MAX: usize = 128;
const REGION_BYTES_MAX: usize = 64;
const PLATFORM_BYTES_MAX: usize = 32;
const LOCALE_BYTES_MAX: usize = 35;
const BUILD_BYTES_MAX: usize = 64;
const SEGMENTS_MAX: usize = 32;
const SEGMENT_BYTES_MAX: usize = 64;
const ATTRIBUTES_MAX: usize = 16;
const ATTRIBUTE_NAME_BYTES_MAX: usize = 32;
const ATTRIBUTE_VALUE_BYTES_MAX: usize = 128;
/// What is taken of a `region` or `build` among an event's fields.
const FIELD_CHARS_MAX: usize = 16;

/// Checks the name of a sender.
pub(crate) fn check_sub(key: &str, sub: &str) -> Result<(), Fault> {
    text(key, sub, 1, SUB_BYTES_MAX)
}

/// A sender that no line describes. `region` and `build` are those among the fields of its first event, if it has such.
pub(crate) fn of_first_event(sub: &Arc<str>, provenance: Provenance, fields: Option<&Value>) -> ConnInfo {
    let named = |name: &str| -> Arc<str> {
        let text = fields.and_then(|fields| fields.get(name)).and_then(Value::as_str).unwrap_or_default();
        text.chars().filter(|c| !c.is_control()).take(FIELD_CHARS_MAX).collect::<String>().into()
    };
    ConnInfo {
        sub: sub.clone(),
        producer: producer(sub, provenance),
        provenance,
        region: named("region"),
        segments: Vec::new(),
        platform: PLATFORM.into(),
        locale: LOCALE.into(),
        build: named("build"),
        attributes: Vec::new(),
    }
}

/// A sender that a line describes.
pub(crate) fn of_session(sub: &Arc<str>, provenance: Provenance, line: &SessionLine) -> Result<ConnInfo, Fault> {
    text("region", &line.region, 0, REGION_BYTES_MAX)?;
    text("platform", &line.platform, 0, PLATFORM_BYTES_MAX)?;
    text("locale", &line.locale, 0, LOCALE_BYTES_MAX)?;
    text("build", &line.build, 0, BUILD_BYTES_MAX)?;
    few("segments", line.segments.len(), SEGMENTS_MAX)?;
    line.segments.iter().try_for_each(|segment| text("segments", segment, 1, SEGMENT_BYTES_MAX))?;
    few("attributes", line.attributes.len(), ATTRIBUTES_MAX)?;
    for (name, value) in &line.attributes {
        text("attributes", name, 1, ATTRIBUTE_NAME_BYTES_MAX)?;
        text(&format!("attributes.{name}"), value, 0, ATTRIBUTE_VALUE_BYTES_MAX)?;
    }
    let mut segments: Vec<Arc<str>> = line.segments.iter().map(|segment| segment.as_str().into()).collect();
    segments.sort();
    segments.dedup();
    Ok(ConnInfo {
        sub: sub.clone(),
        producer: line.producer.as_deref().map_or(Ok(producer(sub, provenance)), parse_producer)?,
        provenance,
        region: line.region.as_str().into(),
        segments,
        platform: line.platform.as_str().into(),
        locale: line.locale.as_str().into(),
        build: line.build.as_str().into(),
        attributes: line.attributes.iter().map(|(n, v)| (n.as_str().into(), v.as_str().into())).collect(),
    })
}

/// The same for ever, so that a capture's events have the same identities wherever it is played.
fn producer(sub: &str, provenance: Provenance) -> ProducerId {
    let seed = match provenance {
        Provenance::Client => 0,
        Provenance::Server => 1,
    };
    ProducerId(xxh3_128_with_seed(sub.as_bytes(), seed).to_le_bytes())
}

fn parse_producer(text: &str) -> Result<ProducerId, Fault> {
    let wrong = || Fault::Text { key: "producer".to_owned(), expected: "32 hexadecimal digits".to_owned() };
    if text.len() != 32 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(wrong());
    }
    u128::from_str_radix(text, 16).map(|id| ProducerId(id.to_be_bytes())).map_err(|_| wrong())
}

fn text(key: &str, value: &str, min: usize, max: usize) -> Result<(), Fault> {
    if (min..=max).contains(&value.len()) && !value.chars().any(char::is_control) {
        return Ok(());
    }
    Err(Fault::Text { key: key.to_owned(), expected: format!("{min} to {max} bytes without control characters") })
}

fn few(key: &str, found: usize, max: usize) -> Result<(), Fault> {
    if found <= max {
        return Ok(());
    }
    Err(Fault::Text { key: key.to_owned(), expected: format!("at most {max} items") })
}
