//! Every length and count that the wire allows, in one table.
//!
//! Limits of bodies' fields stand in [`schema`](crate::schema), built from these numbers; both are enforced while decoding,
//! before anything is allocated for the field, and again while encoding. `protocol.md` prints them and a test compares.

use crate::varint;

/// Bytes of a control frame's body.
pub const CONTROL_BODY_BYTES_MAX: usize = 8192;

/// Bytes of an event's payload that every server takes.
pub const EVENT_PAYLOAD_BYTES_DEFAULT: usize = 16_384;

/// Bytes of an event's payload that a server may grant at most.
pub const EVENT_PAYLOAD_BYTES_MAX: usize = 65_536;

/// Bytes of EVENT's head (three varints) at most.
pub const EVENT_HEAD_BYTES_MAX: usize = 3 * varint::LEN_MAX;

/// Bytes of a frame's type and length at most.
pub const FRAME_HEAD_BYTES_MAX: usize = 2 * varint::LEN_MAX;

/// Bytes of the body of a frame of the extension range, which is skipped without being kept.
pub const EXTENSION_BODY_BYTES_MAX: usize = 8192;

/// Frames of the extension range on one stream.
pub const EXTENSION_FRAMES_MAX: u64 = 1024;

/// EVENT frames in one datagram.
pub const DATAGRAM_EVENTS_MAX: usize = 64;

/// Bytes of a token (compact JWS).
pub const TOKEN_BYTES_MAX: usize = 4096;

/// Bytes of a producer id, exactly.
pub const PRODUCER_ID_BYTES: usize = 16;

/// Bytes of a command id, exactly.
pub const COMMAND_ID_BYTES: usize = 16;

/// Bytes of a catalogue digest, exactly (BLAKE3).
pub const CATALOGUE_DIGEST_BYTES: usize = 32;

/// Bytes of HELLO's `build`.
pub const BUILD_BYTES_MAX: usize = 64;

/// Bytes of HELLO's `platform`.
pub const PLATFORM_BYTES_MAX: usize = 32;

/// Bytes of HELLO's `locale` (BCP 47).
pub const LOCALE_BYTES_MAX: usize = 35;

/// Attributes of HELLO.
pub const ATTRIBUTES_MAX: usize = 16;

/// Bytes of an attribute's name.
pub const ATTRIBUTE_NAME_BYTES_MAX: usize = 32;

/// Bytes of an attribute's value.
pub const ATTRIBUTE_VALUE_BYTES_MAX: usize = 128;

/// Bytes of a `detail` that explains a code to a person.
pub const DETAIL_BYTES_MAX: usize = 512;

/// Bytes of a reply's name.
pub const COMMAND_NAME_BYTES_MAX: usize = 128;

/// Bytes of a reply's body (canonical JSON).
pub const COMMAND_BODY_BYTES_MAX: usize = 7168;

/// Endpoints in MOVE.
pub const ENDPOINTS_MAX: usize = 8;

/// Bytes of an endpoint, `host:port`.
pub const ENDPOINT_BYTES_MAX: usize = 262;

/// Milliseconds of any duration on the wire: 30 days.
pub const DURATION_MS_MAX: u64 = 30 * 24 * 3600 * 1000;

/// Bytes of a QUIC close reason.
pub const CLOSE_REASON_BYTES_MAX: usize = 256;

// What the parts of HELLO and COMMAND may take must fit into one control frame, protobuf's tags and lengths included.
const _: () = {
    let attribute = ATTRIBUTE_NAME_BYTES_MAX + ATTRIBUTE_VALUE_BYTES_MAX + 8;
    let texts = BUILD_BYTES_MAX + PLATFORM_BYTES_MAX + LOCALE_BYTES_MAX + 3 * 3;
    let fixed = PRODUCER_ID_BYTES + CATALOGUE_DIGEST_BYTES + 4 * 16 + 3 * 11 + 4;
    assert!(TOKEN_BYTES_MAX + 4 + ATTRIBUTES_MAX * attribute + texts + fixed <= CONTROL_BODY_BYTES_MAX);
    assert!(COMMAND_BODY_BYTES_MAX + COMMAND_NAME_BYTES_MAX + COMMAND_ID_BYTES + 16 <= CONTROL_BODY_BYTES_MAX);
    assert!(ENDPOINTS_MAX * (ENDPOINT_BYTES_MAX + 4) + 32 <= CONTROL_BODY_BYTES_MAX);
};
