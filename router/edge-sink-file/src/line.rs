//! One command as one line: CloudEvents 1.0 in JSON. The documentation for consumers is `router/docs/delivery.md`.
//!
//! What comes in: a command in its place. What goes out: its line; and from a line, the little that recovery needs.
//! Attributes stand in one fixed order, so the same command gives the same bytes.

use std::io::Write as _;

use edge_event::{Action, EventId, Lane, Priority, SpoolUuid};
use edge_upstream::{LaneCommand, Place};
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::time::rfc3339;

/// The last attribute, over everything before it: tells a line that was torn, or mended from two, from a whole one.
const CRC_NAME: &str = ",\"crc32c\":\"";
const CRC_END: &str = "\"}";

/// Why a command cannot be a line; it goes to the quarantine.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum NotALine {
    /// The body of the command is not JSON on one line.
    #[error("the body is not JSON on one line")]
    Body,
    /// A reply goes to the client, not upstream.
    #[error("a reply cannot be delivered upstream")]
    Reply,
}

/// Appends the command's line, newline included. On an error nothing is appended.
pub(crate) fn write_line(
    out: &mut Vec<u8>,
    source: &str,
    spool: SpoolUuid,
    item: &LaneCommand,
) -> Result<(), NotALine> {
    let start = out.len();
    write_attributes(out, source, spool, item);
    let written = write_data(out, &item.command.action, item.rejected.is_some());
    if written.is_err() {
        out.truncate(start);
        return written;
    }
    let crc = crc32c::crc32c(&out[start..]);
    let _ = writeln!(out, "{CRC_NAME}{crc:08x}{CRC_END}");
    Ok(())
}

fn write_attributes(out: &mut Vec<u8>, source: &str, spool: SpoolUuid, item: &LaneCommand) {
    let command = &item.command;
    out.extend_from_slice(b"{\"specversion\":\"1.0\"");
    text(out, "id", &command.id.to_string());
    text(out, "source", source);
    text(out, "type", &format!("edge.command.{}", command.action.kind()));
    text(out, "subject", &command.player);
    text(out, "time", &rfc3339(command.time));
    text(out, "datacontenttype", "application/json");
    text(out, "spool", &spool.to_string());
    number(out, "lane", u32::from(item.lane.0));
    text(out, "priority", priority_word(item.priority));
    text(out, "position", &item.place.to_string());
    text(out, "package", &command.package);
    text(out, "rule", &command.rule);
    number(out, "actionindex", u32::from(command.action_index));
    text(out, "revision", &item.revision.to_string());
    if let EventId::Reliable { producer, class, seq, .. } = &item.event {
        text(out, "producer", &producer.to_string());
        number(out, "class", u32::from(class.get()));
        text(out, "seq", &seq.0.to_string());
    } else {
        text(out, "event", &item.event.to_string());
    }
    if let Some(deadline) = command.deadline {
        text(out, "deadline", &rfc3339(deadline));
    }
    if item.skipped > 0 {
        text(out, "skipped", &item.skipped.to_string());
    }
    if let Some(reason) = &item.rejected {
        text(out, "rejected", reason);
    }
}

/// A body that is not JSON is refused; in the quarantine it stands as text, since nowhere is left to refuse it to.
fn write_data(out: &mut Vec<u8>, action: &Action, in_quarantine: bool) -> Result<(), NotALine> {
    out.extend_from_slice(b",\"data\":");
    type Named<'a, T> = (&'a str, T);
    let (fields, body): (&[Named<'_, &str>], Option<Named<'_, &[u8]>>) = match action {
        Action::StartWorkflow { workflow, workflow_id, input } => {
            (&[("workflow", workflow), ("workflow_id", workflow_id)], Some(("input", input)))
        }
        Action::SignalWorkflow { workflow_id, signal, input } => {
            (&[("workflow_id", workflow_id), ("signal", signal)], Some(("input", input)))
        }
        Action::CancelWorkflow { workflow_id } => (&[("workflow_id", workflow_id)], None),
        Action::Publish { topic, message } => (&[("topic", topic)], Some(("message", message))),
        Action::Reply { name, body } if in_quarantine => (&[("name", name)], Some(("body", body))),
        Action::Reply { .. } => return Err(NotALine::Reply),
    };
    for (at, (name, value)) in fields.iter().enumerate() {
        out.push(if at == 0 { b'{' } else { b',' });
        string(out, name);
        out.push(b':');
        string(out, value);
    }
    if let Some((name, body)) = body {
        out.push(b',');
        string(out, name);
        out.push(b':');
        match (is_json_line(body), in_quarantine) {
            (true, _) => out.extend_from_slice(body),
            (false, true) => string(out, &String::from_utf8_lossy(body)),
            (false, false) => return Err(NotALine::Body),
        }
    }
    out.push(b'}');
    Ok(())
}

fn text(out: &mut Vec<u8>, name: &str, value: &str) {
    let _ = write!(out, ",\"{name}\":");
    string(out, value);
}

fn number(out: &mut Vec<u8>, name: &str, value: u32) {
    let _ = write!(out, ",\"{name}\":{value}");
}

fn string(out: &mut Vec<u8>, value: &str) {
    serde_json::to_writer(out, value).expect("writing a string into memory cannot fail");
}

/// Valid UTF-8 too, and nothing that some reader takes for the end of a line.
fn is_json_line(body: &[u8]) -> bool {
    let is_line = !body.iter().any(|b| matches!(b, b'\n' | b'\r'));
    is_line && std::str::from_utf8(body).is_ok_and(|text| serde_json::from_str::<IgnoredAny>(text).is_ok())
}

/// Stable words.
pub(crate) fn priority_word(priority: Priority) -> &'static str {
    match priority {
        Priority::P0 => "p0",
        Priority::P1 => "p1",
        Priority::P2 => "p2",
        Priority::P3 => "p3",
        Priority::BestEffort => "best_effort",
    }
}

/// The inverse of [`priority_word`].
pub(crate) fn parse_priority(word: &str) -> Option<Priority> {
    (0..5).filter_map(Priority::from_u8).find(|p| priority_word(*p) == word)
}

/// What recovery reads of a line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Seen {
    pub(crate) spool: String,
    pub(crate) lane: Lane,
    pub(crate) priority: Priority,
    pub(crate) place: Place,
}

#[derive(Deserialize)]
struct Attributes<'a> {
    #[serde(borrow)]
    spool: std::borrow::Cow<'a, str>,
    lane: u16,
    #[serde(borrow)]
    priority: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    position: std::borrow::Cow<'a, str>,
}

/// Reads a line without its newline; `None` when it is not one of ours, whole.
pub(crate) fn read_line(line: &[u8]) -> Option<Seen> {
    let (content, tail) = line.split_at_checked(line.len().checked_sub(CRC_NAME.len() + 8 + CRC_END.len())?)?;
    let expected = format!("{CRC_NAME}{:08x}{CRC_END}", crc32c::crc32c(content));
    if tail != expected.as_bytes() {
        return None;
    }
    let attributes: Attributes<'_> = serde_json::from_slice(line).ok()?;
    Some(Seen {
        spool: attributes.spool.into_owned(),
        lane: Lane(attributes.lane),
        priority: parse_priority(&attributes.priority)?,
        place: Place::parse(&attributes.position)?,
    })
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use edge_event::{Class, Command, CommandId, Position, ProducerId, Seq, StartEpoch, UnixMillis};
    use expect_test::expect;

    use super::*;

    fn item() -> LaneCommand {
        LaneCommand {
            place: Place { position: Position { epoch: StartEpoch(3), n: 4711 }, index: 0 },
            lane: Lane(17),
            priority: Priority::P1,
            revision: 12,
            event: EventId::Reliable {
                sub: "player-7".into(),
                producer: ProducerId([0xa1; 16]),
                class: Class::ALL[1],
                seq: Seq(42),
            },
            skipped: 0,
            rejected: None,
            command: Command {
                id: CommandId([0x5e; 16]),
                package: "eu.retention".into(),
                rule: "comeback".into(),
                action_index: 0,
                player: "player-7".into(),
                priority: Priority::P1,
                time: UnixMillis(1_772_357_400_250),
                deadline: Some(UnixMillis(1_772_361_000_000)),
                action: Action::StartWorkflow {
                    workflow: "ComebackOffer".into(),
                    workflow_id: "comeback-player-7".into(),
                    input: Bytes::from_static(b"{\"days_away\":9}"),
                },
            },
        }
    }

    fn line(item: &LaneCommand) -> String {
        let mut out = Vec::new();
        write_line(&mut out, "/edge/fra1/node-3", SpoolUuid([0x0d; 16]), item).expect("it is a line");
        String::from_utf8(out).expect("JSON is text")
    }

    /// Consumers parse these bytes, and the documentation shows them.
    #[test]
    fn a_line_is_as_documented() {
        let line = line(&item());
        expect![[r#"
            {"specversion":"1.0","id":"5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e","source":"/edge/fra1/node-3","type":"edge.command.start_workflow","subject":"player-7","time":"2026-03-01T09:30:00.250Z","datacontenttype":"application/json","spool":"0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d","lane":17,"priority":"p1","position":"00000003-0000000000001267-0000","package":"eu.retention","rule":"comeback","actionindex":0,"revision":"12","producer":"a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1","class":1,"seq":"42","deadline":"2026-03-01T10:30:00.000Z","data":{"workflow":"ComebackOffer","workflow_id":"comeback-player-7","input":{"days_away":9}},"crc32c":"5042ae57"}
        "#]].assert_eq(&line);
        let documentation = include_str!("../../docs/delivery.md");
        assert!(documentation.contains(line.trim_end()), "router/docs/delivery.md shows another line");
    }

    #[test]
    fn a_line_tells_recovery_its_place() {
        let item = item();
        let seen = read_line(line(&item).trim_end().as_bytes()).expect("it is whole");
        assert_eq!((seen.lane, seen.priority, seen.place), (item.lane, item.priority, item.place));
        assert_eq!(seen.spool, SpoolUuid([0x0d; 16]).to_string());
    }

    #[test]
    fn every_changed_bit_of_a_line_is_noticed() {
        let line = line(&item());
        let whole = line.trim_end().as_bytes();
        for at in 0..whole.len() * 8 {
            let mut changed = whole.to_vec();
            changed[at / 8] ^= 1 << (at % 8);
            assert_eq!(read_line(&changed), None, "bit {at}");
        }
    }

    #[test]
    fn events_without_a_class_and_rare_attributes_are_named() {
        let node = edge_event::NodeId(9);
        let event = EventId::Datagram { node, epoch: StartEpoch(3), shard: edge_event::ShardId(1), ordinal: 5 };
        let action = Action::CancelWorkflow { workflow_id: "w".into() };
        let rejected = Some("no such workflow".into());
        let command = Command { deadline: None, action, ..item().command };
        let line = line(&LaneCommand { event, skipped: 3, rejected, command, ..item() });
        let rare = "\"event\":\"9.3.1.5\",\"skipped\":\"3\",\"rejected\":\"no such workflow\",\"data\":{\"workflow_id\":\"w\"}";
        assert!(line.contains(rare), "{line}");
        assert!(!line.contains("\"producer\""), "{line}");
    }
}
