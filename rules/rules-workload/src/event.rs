//! Events of made-up players.

use std::sync::Arc;

use bytes::Bytes;
use edge_event::{Class, ConnInfo, Event, EventId, EventTypeId, Partition, PlayerKey, ProducerId, Seq, UnixMillis};

/// When the first event comes.
pub const START: UnixMillis = UnixMillis(1_790_000_000_000);

/// A player's event that arrives when it happened.
pub(crate) fn event(
    player: u64,
    event_type: EventTypeId,
    at: UnixMillis,
    seq: u64,
    conn: &Arc<ConnInfo>,
    payload: Vec<u8>,
) -> Event {
    let subject: Arc<str> = format!("p{player}").into();
    // Spreads over the partitions; no key is 0.
    let key = PlayerKey(u128::from(player + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835));
    let id = EventId::Reliable {
        sub: subject.clone(),
        producer: ProducerId(u128::from(player).to_le_bytes()),
        class: Class::ALL[0],
        seq: Seq(seq),
    };
    Event {
        id,
        event_type,
        subject,
        player: key,
        partition: Partition::of(key),
        arrival: at,
        happened: at,
        conn: conn.clone(),
        payload: Bytes::from(payload),
    }
}
