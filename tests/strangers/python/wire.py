"""The bytes of wire protocol version 1, from router/docs/protocol.md and wire.proto. Reads nothing, sends nothing.

Bodies of control frames are protobuf. Four of its rules are enough for them and stand below, so that no generated
code is needed; a real client may as well use a protobuf library.
"""

CONTROL, EVENTS = 1, 2  # types of streams

HELLO, REAUTH = 0x01, 0x02
WELCOME, REFUSE, RECEIPT, CREDIT, COMMAND, REJECT, MOVE = 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17
EVENT = 0x20
EXTENSION = 0x40  # the first type that everybody skips


def varint(value: int) -> bytes:
    """A number as RFC 9000, section 16, writes it: frames and streams count so."""
    for length, prefix in (1, 0x00), (2, 0x40), (4, 0x80), (8, 0xC0):
        if value < 1 << (8 * length - 2):
            raw = value.to_bytes(length, "big")
            return bytes([raw[0] | prefix]) + raw[1:]
    raise ValueError(f"{value} is beyond 2^62 - 1")


def read_varint(data: bytes, at: int) -> tuple[int, int] | None:
    """The number at a place and the place behind it; None where it is cut short."""
    if at >= len(data) or at + (length := 1 << (data[at] >> 6)) > len(data):
        return None
    return int.from_bytes(data[at : at + length], "big") & ((1 << (8 * length - 2)) - 1), at + length


def frame(kind: int, body: bytes = b"") -> bytes:
    return varint(kind) + varint(len(body)) + body


def event(seq: int, event_type: int, client_ms: int, payload: bytes) -> bytes:
    """seq is 0 in a datagram."""
    return frame(EVENT, varint(seq) + varint(event_type) + varint(client_ms) + payload)


def take_frame(data: bytearray) -> tuple[int, bytes] | None:
    """Takes the first frame out of a buffer; None where it is not whole."""
    if (kind := read_varint(data, 0)) is None or (length := read_varint(data, kind[1])) is None:
        return None
    end = length[1] + length[0]
    if len(data) < end:
        return None
    body = bytes(data[length[1] : end])
    del data[:end]
    return kind[0], body


# ---- protobuf: each field is a key (number and type) and a value


def message(fields: dict[int, int | str | bytes | list]) -> bytes:
    """A body from field numbers and values; a list is a repeated field, 0 and empty ones are left out."""
    body = b""
    for number, value in fields.items():
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, str):
                one = one.encode()
            if isinstance(one, int) and one:
                body += _base128(number << 3) + _base128(one)
            elif isinstance(one, bytes) and (one or isinstance(value, list)):
                body += _base128(number << 3 | 2) + _base128(len(one)) + one
    return body


def fields(body: bytes) -> dict[int, list]:
    """Field numbers and all their values: numbers, or bytes for text, bytes and messages."""
    found: dict[int, list] = {}
    at = 0
    while at < len(body):
        key, at = _read_base128(body, at)
        value, at = _read_base128(body, at)
        if key & 7 == 2:
            length, value = value, body[at : at + value]
            if len(value) < length:
                raise ValueError("a field is cut short")
            at += length
        elif key & 7 != 0:
            raise ValueError(f"type {key & 7} of a field does not occur in this protocol")
        found.setdefault(key >> 3, []).append(value)
    return found


def number(found: dict[int, list], field: int) -> int:
    return found.get(field, [0])[0]


def text(found: dict[int, list], field: int) -> str:
    return found.get(field, [b""])[0].decode()


def class_seqs(found: dict[int, list], field: int) -> dict[int, int]:
    """A repeated ClassSeq as class to seq."""
    return {number(one, 1): number(one, 2) for one in map(fields, found.get(field, []))}


def _base128(value: int) -> bytes:
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def _read_base128(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(data):
        value |= (data[at] & 0x7F) << shift
        shift += 7
        at += 1
        if data[at - 1] < 0x80:
            return value, at
    raise ValueError("a number is cut short")
