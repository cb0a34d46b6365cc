//! The sink's files as an upstream reads them: one CloudEvents object a line.
//!
//! In: the files' names and bytes. Out: [`Line`]s in the order of the files. Reads by the documented format
//! (`router/docs/delivery.md`) with a JSON library of its own choice, not with the sink's code.

use serde_json::Value;

/// One delivered command.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) id: String,
    pub(crate) rule: String,
    pub(crate) action: u64,
    pub(crate) player: String,
    pub(crate) priority: String,
    pub(crate) lane: u64,
    pub(crate) revision: u64,
    /// Start epoch, number in it, index in the record.
    pub(crate) place: (u64, u64, u64),
    /// Producer in hexadecimal, class, seq; `None` for what a datagram ordered.
    pub(crate) reliable: Option<(String, u64, u64)>,
    pub(crate) data: Value,
}

impl Line {
    /// What the rule wrote: the message or the input.
    pub(crate) fn body(&self) -> &Value {
        self.data.get("message").or_else(|| self.data.get("input")).unwrap_or(&Value::Null)
    }

    /// The event it answers to, as the event named itself.
    pub(crate) fn nonce(&self) -> Option<u64> {
        self.body().get("nonce")?.as_u64()
    }
}

/// All lines of all files with this prefix, in the order of the files; or what is wrong with the first bad one.
pub(crate) fn read(files: &[(String, Vec<u8>)], prefix: &str) -> Result<Vec<Line>, String> {
    let mut lines = Vec::new();
    // Numbers have a fixed width, so the order of names is the order of files.
    for (name, bytes) in files.iter().filter(|(name, _)| name.starts_with(prefix) && name.ends_with(".jsonl")) {
        let Some(text) = bytes.strip_suffix(b"\n").or(if bytes.is_empty() { Some(&[][..]) } else { None }) else {
            return Err(format!("`{name}` ends in the midst of a line"));
        };
        for (at, line) in text.split(|b| *b == b'\n').enumerate().filter(|(_, line)| !line.is_empty()) {
            let line = parse(line).ok_or_else(|| {
                format!("`{name}`, line {}, is no command: {}", at + 1, String::from_utf8_lossy(line))
            })?;
            lines.push(line);
        }
    }
    Ok(lines)
}

fn parse(line: &[u8]) -> Option<Line> {
    let value: Value = serde_json::from_slice(line).ok()?;
    let text = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    let number = |name: &str| value.get(name).and_then(Value::as_u64);
    if value.get("specversion")? != "1.0" {
        return None;
    }
    let reliable = match text("producer") {
        Some(producer) => Some((producer, number("class")?, text("seq")?.parse().ok()?)),
        None => None,
    };
    let place = text("position")?;
    let mut parts = place.split('-').map(|part| u64::from_str_radix(part, 16).ok());
    Some(Line {
        id: text("id")?,
        rule: text("rule")?,
        action: number("actionindex")?,
        player: text("subject")?,
        priority: text("priority")?,
        lane: number("lane")?,
        revision: text("revision")?.parse().ok()?,
        place: (parts.next()??, parts.next()??, parts.next()??),
        reliable,
        data: value.get("data")?.clone(),
    })
}
