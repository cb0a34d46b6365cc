"""What a client must not do to QUIC itself, packet by packet, and the code that the server closes with.

Each case stands in cases/violations.json with the clause of RFC 9000 that it breaks and the code that the clause
demands. Here are the packets. A case is a function: `established` ones give the payloads of packets that are sent on
a connection whose handshake is confirmed, `handshake` ones spoil the client's transport parameters, `initial` ones
the first flight.
"""

import functools

import cases
from codes import named
from edge import Connection
from packets import PING, ack, new_connection_id, send_initial, send_short, stream, with_parameters
from wire import varint as v

MAX = (1 << 62) - 1
CONTROL, FIRST_UNI, SERVER_BIDI, SERVER_UNI = 0, 2, 1, 3

ESTABLISHED = {
    "unknown-frame": lambda: [v(0x21) + PING],
    "no-frame": lambda: [b""],
    "reserved-bits": lambda: [PING + bytes(8)],
    "stream-cut-short": lambda: [stream(CONTROL, 0, b"\x01", length=9)],
    "stream-on-send-only": lambda: [stream(SERVER_UNI, 0, b"x")],
    "stream-never-opened": lambda: [stream(SERVER_BIDI, 0, b"x")],
    "stream-beyond-limit-bidi": lambda: [stream(CONTROL + 4, 0, b"\x01")],
    "stream-beyond-limit-uni": lambda: [stream(FIRST_UNI + 16, 0, b"\x02")],
    "stream-beyond-stream-window": lambda: [stream(CONTROL, 1 << 20, b"x")],
    "stream-beyond-connection-window": lambda: [stream(FIRST_UNI + 4 * i, 60_000, b"x") for i in range(3)],
    "stream-beyond-varint": lambda: [stream(CONTROL, MAX, b"x")],
    "data-behind-fin": lambda: [stream(FIRST_UNI, 4, b"", fin=True), stream(FIRST_UNI, 4, b"x")],
    "two-fins": lambda: [stream(FIRST_UNI, 4, b"", fin=True), stream(FIRST_UNI, 5, b"", fin=True)],
    "reset-before-data": lambda: [stream(FIRST_UNI, 9, b"x"), v(0x04) + v(FIRST_UNI) + v(0) + v(4)],
    "reset-of-send-only": lambda: [v(0x04) + v(SERVER_UNI) + v(0) + v(0)],
    "reset-beyond-window": lambda: [v(0x04) + v(FIRST_UNI) + v(0) + v(1 << 20)],
    "stop-of-receive-only": lambda: [v(0x05) + v(FIRST_UNI) + v(0)],
    "stop-never-opened": lambda: [v(0x05) + v(SERVER_BIDI) + v(0)],
    "window-of-receive-only": lambda: [v(0x11) + v(FIRST_UNI) + v(9)],
    "window-never-opened": lambda: [v(0x11) + v(SERVER_UNI) + v(9)],
    "blocked-of-send-only": lambda: [v(0x15) + v(SERVER_UNI) + v(9)],
    "max-streams-too-large": lambda: [v(0x12) + v((1 << 60) + 1)],
    "streams-blocked-too-large": lambda: [v(0x16) + v((1 << 60) + 1)],
    "ack-of-nothing-sent": lambda: [ack(100_000, 0)],
    "ack-below-zero": lambda: [ack(1, 5)],
    "handshake-done": lambda: [v(0x1E)],
    "new-token": lambda: [v(0x07) + v(4) + b"toke"],
    "cid-empty": lambda: [new_connection_id(1, 0, b"")],
    "cid-too-long": lambda: [new_connection_id(1, 0, bytes(range(21)))],
    "cid-retires-itself": lambda: [new_connection_id(1, 2, b"12345678")],
    "cids-too-many": lambda: [b"".join(new_connection_id(n, 0, b"%08d" % n) for n in range(20, 30))],
    "retire-never-issued": lambda: [v(0x19) + v(4000)],
    "crypto-too-far": lambda: [v(0x06) + v(1 << 20) + v(1) + b"x"],
    "crypto-beyond-varint": lambda: [v(0x06) + v(MAX) + v(1) + b"x"],
    "datagram-cut-short": lambda: [v(0x31) + v(9) + b"x"],
}

RESET_TOKEN, UDP_PAYLOAD, STREAMS_BIDI, ACK_EXPONENT, ACK_DELAY, CIDS, SOURCE_CID = 2, 3, 8, 0x0A, 0x0B, 0x0E, 0x0F


def replaced(number: int, value: bytes):
    return lambda all: [one for one in all if one[0] != number] + [(number, value)]


HANDSHAKE = {
    "parameter-source-cid-missing": lambda all: [one for one in all if one[0] != SOURCE_CID],
    "parameter-source-cid-wrong": replaced(SOURCE_CID, b"elsewhat"),
    "parameter-of-servers": replaced(RESET_TOKEN, bytes(16)),
    "parameter-original-cid": replaced(0, b"12345678"),
    "parameter-ack-exponent": replaced(ACK_EXPONENT, v(21)),
    "parameter-ack-delay": replaced(ACK_DELAY, v(1 << 14)),
    "parameter-udp-payload": replaced(UDP_PAYLOAD, v(1199)),
    "parameter-cid-limit": replaced(CIDS, v(1)),
    "parameter-streams": replaced(STREAMS_BIDI, v((1 << 60) + 1)),
    "parameter-twice": lambda all: all + [(CIDS, v(4)), (CIDS, v(4))],
    "parameter-cut-short": replaced(ACK_DELAY, b""),
}

INITIAL = {
    "initial-with-stream": stream(CONTROL, 0, b"\x01"),
    "initial-with-handshake-done": v(0x1E),
    "initial-with-unknown-frame": v(0x21),
}


async def established(briefing: dict, name: str) -> str:
    connection = await Connection.open(briefing)
    # The handshake is confirmed for the client by HANDSHAKE_DONE; an answered ping comes after it.
    await connection.ping()
    for payload in ESTABLISHED[name]():
        send_short(connection, payload, reserved=3 if name == "reserved-bits" else 0)
    ended = await connection.end()
    connection.vanish()
    return named(ended).removeprefix("QUIC ")


async def handshake(briefing: dict, name: str) -> str:
    connection = await Connection.start(briefing, prepare=with_parameters(HANDSHAKE[name]))
    ended = await connection.end()
    connection.vanish()
    return named(ended).removeprefix("QUIC ")


async def initial(briefing: dict, name: str) -> str:
    connection = await Connection.start(briefing)
    send_initial(connection, INITIAL[name])
    ended = await connection.end()
    connection.vanish()
    return named(ended).removeprefix("QUIC ")


async def play(briefing: dict) -> list[dict]:
    kinds = (ESTABLISHED, established), (HANDSHAKE, handshake), (INITIAL, initial)
    return await cases.all_of({name: functools.partial(how, briefing, name) for names, how in kinds for name in names})
