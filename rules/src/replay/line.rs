//! One command as one line: the attributes of the file sink's lines (`router/docs/delivery.md`) that do not depend on a disk.
//!
//! The same names, the same order, the same forms; `spool`, `lane`, `position` and `crc32c` are not there, and replies, which a
//! daemon sends to the client, are lines, too.

use std::io::Write as _;

use edge_event::{Action, Command, EventId, Priority};
use rules_catalogue::rfc3339;

/// Where a replay's commands come from.
const SOURCE: &str = "/edge/replay";

/// Appends the command's line, newline included. `priority`: the one it travels with.
pub(super) fn write_line(out: &mut Vec<u8>, event: &EventId, revision: u64, priority: Priority, command: &Command) {
    out.extend_from_slice(b"{\"specversion\":\"1.0\"");
    text(out, "id", &command.id.to_string());
    text(out, "source", SOURCE);
    text(out, "type", &format!("edge.command.{}", command.action.kind()));
    text(out, "subject", &command.player);
    text(out, "time", &rfc3339(command.time));
    text(out, "datacontenttype", "application/json");
    text(out, "priority", priority_word(priority));
    text(out, "package", &command.package);
    text(out, "rule", &command.rule);
    let _ = write!(out, ",\"actionindex\":{}", command.action_index);
    text(out, "revision", &revision.to_string());
    if let EventId::Reliable { producer, class, seq, .. } = event {
        text(out, "producer", &producer.to_string());
        let _ = write!(out, ",\"class\":{}", class.get());
        text(out, "seq", &seq.0.to_string());
    } else {
        text(out, "event", &event.to_string());
    }
    if let Some(deadline) = command.deadline {
        text(out, "deadline", &rfc3339(deadline));
    }
    out.extend_from_slice(b",\"data\":{");
    write_data(out, &command.action);
    out.extend_from_slice(b"}}\n");
}

/// Names first, then the body, which is canonical JSON already.
fn write_data(out: &mut Vec<u8>, action: &Action) {
    type Named<'a, T> = (&'a str, T);
    let (names, body): (&[Named<'_, &str>], Option<Named<'_, &[u8]>>) = match action {
        Action::StartWorkflow { workflow, workflow_id, input } => {
            (&[("workflow", workflow), ("workflow_id", workflow_id)], Some(("input", input)))
        }
        Action::SignalWorkflow { workflow_id, signal, input } => {
            (&[("workflow_id", workflow_id), ("signal", signal)], Some(("input", input)))
        }
        Action::CancelWorkflow { workflow_id } => (&[("workflow_id", workflow_id)], None),
        Action::Publish { topic, message } => (&[("topic", topic)], Some(("message", message))),
        Action::Reply { name, body } => (&[("name", name)], Some(("body", body))),
    };
    for (at, (name, value)) in names.iter().enumerate() {
        out.extend_from_slice(if at == 0 { b"" } else { b"," });
        string(out, name);
        out.push(b':');
        string(out, value);
    }
    if let Some((name, body)) = body {
        out.push(b',');
        string(out, name);
        out.push(b':');
        out.extend_from_slice(body);
    }
}

fn text(out: &mut Vec<u8>, name: &str, value: &str) {
    let _ = write!(out, ",\"{name}\":");
    string(out, value);
}

fn string(out: &mut Vec<u8>, value: &str) {
    serde_json::to_writer(out, value).expect("writing a string into memory cannot fail");
}

const fn priority_word(priority: Priority) -> &'static str {
    match priority {
        Priority::P0 => "p0",
        Priority::P1 => "p1",
        Priority::P2 => "p2",
        Priority::P3 => "p3",
        Priority::BestEffort => "best_effort",
    }
}
