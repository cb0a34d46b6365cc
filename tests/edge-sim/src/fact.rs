//! What players and game servers tell: the events of `story/sim.proto`, as values and as protobuf bytes.
//!
//! Written by hand after the `.proto` file rather than generated from it, so that the catalogue is read by two independent
//! eyes. Deliberately absent: what rules make of a fact (the [oracle](crate::oracle) says).

use bytes::Bytes;
use edge_event::EventTypeId;

/// One fact, named in the whole story by the nonce that goes with it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Fact {
    /// See `sim.proto`, as all of these.
    Hit {
        power: u8,
        zone: Zone,
        note_bytes: u16,
    },
    Login,
    Kill,
    Chat,
    /// About another: the player who got the gold.
    Trade {
        player: String,
        gold: u32,
    },
    Step {
        far: u8,
    },
    Noise,
    /// An event type that no catalogue has: must be rejected.
    Unknown,
    /// Bytes that are no message: must be rejected.
    Garbled,
}

/// Where a hit fell.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Zone {
    Meadow,
    Catacombs,
    SkyFortress,
}

impl Zone {
    const fn name(self) -> &'static str {
        match self {
            Zone::Meadow => "meadow",
            Zone::Catacombs => "catacombs",
            Zone::SkyFortress => "sky_fortress",
        }
    }
}

impl Fact {
    /// Its number on the wire.
    pub(crate) const fn event_type(&self) -> EventTypeId {
        EventTypeId(match self {
            Fact::Hit { .. } | Fact::Garbled => 1,
            Fact::Login => 2,
            Fact::Kill => 3,
            Fact::Chat => 4,
            Fact::Trade { .. } => 5,
            Fact::Step { .. } => 6,
            Fact::Noise => 7,
            Fact::Unknown => 999,
        })
    }

    /// A word for the trace.
    pub(crate) const fn word(&self) -> &'static str {
        match self {
            Fact::Hit { .. } => "Hit",
            Fact::Login => "Login",
            Fact::Kill => "Kill",
            Fact::Chat => "Chat",
            Fact::Trade { .. } => "Trade",
            Fact::Step { .. } => "Step",
            Fact::Noise => "Noise",
            Fact::Unknown => "Unknown",
            Fact::Garbled => "Garbled",
        }
    }

    /// Whether the catalogue takes it.
    pub(crate) const fn is_sound(&self) -> bool {
        !matches!(self, Fact::Unknown | Fact::Garbled)
    }

    /// The message.
    pub(crate) fn encode(&self, nonce: u64) -> Bytes {
        let mut out = Vec::with_capacity(32);
        number(1, nonce, &mut out);
        match self {
            Fact::Hit { power, zone, note_bytes } => {
                number(2, u64::from(*power), &mut out);
                text(3, zone.name(), &mut out);
                if *note_bytes > 0 {
                    text(4, &note(*note_bytes), &mut out);
                }
            }
            Fact::Trade { player, gold } => {
                text(2, player, &mut out);
                number(3, u64::from(*gold), &mut out);
            }
            Fact::Step { far } => number(2, u64::from(*far), &mut out),
            // A length that runs past the end.
            Fact::Garbled => out.extend_from_slice(&[0x1a, 0x7f, 0x00]),
            Fact::Login | Fact::Kill | Fact::Chat | Fact::Noise | Fact::Unknown => {}
        }
        Bytes::from(out)
    }
}

/// The text of a note.
pub(crate) fn note(bytes: u16) -> String {
    "~".repeat(usize::from(bytes))
}

/// Appends a varint field; proto3 leaves 0 out.
fn number(field: u8, value: u64, out: &mut Vec<u8>) {
    if value != 0 {
        out.push(field << 3);
        varint(value, out);
    }
}

fn text(field: u8, value: &str, out: &mut Vec<u8>) {
    out.push(field << 3 | 2);
    varint(value.len() as u64, out);
    out.extend_from_slice(value.as_bytes());
}

fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}
