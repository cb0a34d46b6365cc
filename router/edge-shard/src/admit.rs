//! Admission by the catalogue: an arrival becomes an event with a subject, or is refused with a code the client knows.
//!
//! What comes in: what a session let through. What goes out: an [`Event`] that its owner can evaluate, or the code and the
//! words of a REJECT. Deliberately absent: dedupe and rules, which need the owner.

use std::sync::Arc;

use edge_event::{Event, EventId, NodeId, Partition, Provenance, ShardId, StartEpoch};
use edge_session::{Arrived, Origin};
use edge_wire::codes::RejectCode;
use edge_wire::keys::player_key;
use rules_catalogue::{Catalogue, PayloadError, Refusal};

/// What names this shard's datagram events.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Here {
    pub(crate) node: NodeId,
    pub(crate) epoch: StartEpoch,
    pub(crate) shard: ShardId,
}

/// Longest subject of a server event, bytes; the token's `sub` has the same limit.
const SUBJECT_BYTES_MAX: usize = 128;

/// Why an arrival does not become an event.
pub(crate) struct Refused {
    pub(crate) code: RejectCode,
    pub(crate) detail: String,
}

/// Checks an arrival against the catalogue and gives it its identity and its subject.
pub(crate) fn admit(catalogue: &Catalogue, here: Here, arrived: Arrived) -> Result<Event, Refused> {
    let provenance = arrived.conn.provenance;
    let admitted = catalogue
        .admit(arrived.event_type, provenance, &arrived.payload)
        .map_err(|refusal| Refused { code: code_of(&refusal), detail: refusal.to_string() })?;
    let subject = match (provenance, admitted.subject) {
        (Provenance::Client, _) => arrived.conn.sub.clone(),
        (Provenance::Server, Some(name)) if (1..=SUBJECT_BYTES_MAX).contains(&name.len()) => Arc::from(name),
        (Provenance::Server, _) => {
            let detail = format!("the subject field must hold 1 to {SUBJECT_BYTES_MAX} bytes");
            return Err(Refused { code: RejectCode::SubjectInvalid, detail });
        }
    };
    let player = player_key(&subject);
    let id = match arrived.origin {
        Origin::Reliable { class, seq } => {
            EventId::Reliable { sub: arrived.conn.sub.clone(), producer: arrived.conn.producer, class, seq }
        }
        Origin::Datagram { ordinal } => {
            EventId::Datagram { node: here.node, epoch: here.epoch, shard: here.shard, ordinal }
        }
    };
    Ok(Event {
        id,
        event_type: arrived.event_type,
        subject,
        player,
        partition: Partition::of(player),
        arrival: arrived.arrival,
        happened: arrived.happened,
        conn: arrived.conn,
        payload: arrived.payload,
    })
}

fn code_of(refusal: &Refusal) -> RejectCode {
    match refusal {
        Refusal::UnknownType { .. } => RejectCode::EventTypeUnknown,
        Refusal::Provenance { .. } => RejectCode::ProvenanceForbidden,
        Refusal::Payload(
            PayloadError::Malformed { .. } | PayloadError::WireType { .. } | PayloadError::Utf8 { .. },
        ) => RejectCode::PayloadMalformed,
        Refusal::Payload(PayloadError::NoSubject { .. }) => RejectCode::SubjectInvalid,
        Refusal::Payload(
            PayloadError::TooLarge { .. }
            | PayloadError::TooLong { .. }
            | PayloadError::TooMany { .. }
            | PayloadError::OutOfRange { .. }
            | PayloadError::Twice { .. },
        ) => RejectCode::PayloadLimit,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_about_nobody_is_told_so() {
        let nobody = PayloadError::NoSubject { field: "player_id".into() };
        assert_eq!(code_of(&Refusal::Payload(nobody)), RejectCode::SubjectInvalid);
    }
}
