"""What this protocol refuses, one fault at a time, and the code that a client sees.

Each case stands in cases/refusals.json with the clause of protocol.md that it breaks and the code that is
documented for it. Here is what the client does. A case gives what came back: `REFUSE name`, `CLOSE name`, `REJECT
name`, `TLS alert`, `QUIC name`, or `served` where nothing is wrong and the session goes on.
"""

import functools
import os

import cases
import wire
from codes import REFUSE, REJECT, named
from edge import Connection, Ended
from stories import HIT, STEP, Client, cue, nonce
from wire import frame, message, varint

TRADE = 5
CONTROL, UNI = 0, 2  # streams
HELLO_BYTES_MAX = EXTENSION_BYTES_MAX = 8192


async def ended(connection: Connection) -> str:
    """Waits for the end, however it comes."""
    end = await connection.end()
    connection.vanish()
    return named(end)


async def refused(connection: Connection, kind: int, body: dict[int, list]) -> str:
    """REFUSE says why, and then the connection closes with REFUSED."""
    if kind != wire.REFUSE:
        return f"frame {kind:#x}"
    end = await ended(connection)
    detail = wire.text(body, 2)
    return f"REFUSE {REFUSE[wire.number(body, 1)]}" if end == "CLOSE REFUSED" else f"REFUSE and then {end}: {detail}"


# ---- the handshake


async def alpn(briefing: dict, *names: str) -> str:
    connection = await Connection.start(briefing, alpn=names)
    return await ended(connection)


# ---- HELLO


async def token(briefing: dict, name: str) -> str:
    connection = await Connection.open(briefing)
    client = Client(briefing, name)
    return await answer(connection, {1: client.token, 2: client.producer, 7: client.digest})


async def hello(briefing: dict, change=lambda body: body, after: bytes = b"") -> str:
    """HELLO with fields changed; `after` are bytes behind the fields, which protobuf would not have written."""
    connection = await Connection.open(briefing)
    client = Client(briefing)
    body = {1: client.token, 2: client.producer, 7: client.digest, 10: 1}
    return await answer(connection, body | change(body), after)


async def answer(connection: Connection, body: dict, after: bytes = b"") -> str:
    connection.say(varint(wire.CONTROL) + frame(wire.HELLO, message(body) + after))
    try:
        kind, told = await connection.frame()
    except Ended as end:
        connection.vanish()
        return named(end)
    if kind == wire.WELCOME:
        return await served(connection)
    return await refused(connection, kind, told)


async def served(connection: Connection, klass: int = 1) -> str:
    """An event on a class of its own gets its receipt."""
    connection.tell(klass, 1, HIT, nonce(1))
    try:
        await connection.receipt(klass, 1)
    except Ended as end:
        return named(end)
    await connection.goodbye()
    return "served"


async def raw(briefing: dict, *said: tuple[int, bytes]) -> str:
    """Bytes on streams, without a HELLO."""
    connection = await Connection.open(briefing)
    for stream, data in said:
        connection.say(data, stream)
    return await ended(connection)


# ---- a living session


async def session(briefing: dict, do, token: str = "player") -> str:
    connection, _ = await Client(briefing, token).open()
    do(connection)
    return await ended(connection)


async def goes_on(briefing: dict, do) -> str:
    connection, _ = await Client(briefing).open()
    do(connection)
    return await served(connection)


def events(*frames: bytes, fin: bool = False):
    """Says bytes on the stream of class 0."""
    return lambda connection: connection.say(b"".join(frames), connection.events_stream(0), fin)


def on(stream: int, *data: bytes, fin: bool = False):
    return lambda connection: connection.say(b"".join(data), stream, fin)


def event(seq: int, payload: bytes = nonce(1), kind: int = HIT) -> bytes:
    return wire.event(seq, kind, 1, payload)


def datagram(*frames: bytes):
    return lambda connection: (connection._quic.send_datagram_frame(b"".join(frames)), connection.transmit())


def reset(stream_of):
    return lambda connection: (connection._quic.reset_stream(stream_of(connection), 7), connection.transmit())


def stop_control(connection: Connection) -> None:
    connection._quic.stop_stream(CONTROL, 7)
    connection.transmit()


def flood(connection: Connection) -> None:
    for _ in range(4_000):
        connection._quic.send_datagram_frame(event(0, kind=STEP))
    connection.transmit()


async def class_again(briefing: dict) -> str:
    connection, _ = await Client(briefing).open()
    connection.say(event(1), connection.events_stream(0), fin=True)
    await connection.receipt(0, 1)
    connection.say(varint(wire.EVENTS) + varint(0), UNI + 4)
    return await ended(connection)


async def early_datagram(briefing: dict) -> str:
    client = Client(briefing)
    connection = await Connection.open(briefing)
    connection.throw((STEP, nonce(666)))
    await connection.ping()
    await connection.hello(client.token, client.producer, client.digest)
    return await served(connection)


async def rejected(briefing: dict, payload: bytes, kind: int = HIT, token: str = "player") -> str:
    """REJECT consumes the event's number: a receipt covers it, and the next event is served."""
    connection, _ = await Client(briefing, token).open()
    connection.tell(0, 1, kind, payload)
    await connection.receipt(0, 1)
    while not connection.rejected:
        await connection.hear()
    reject = connection.rejected.popleft()
    after = await served(connection)
    return f"REJECT {REJECT[wire.number(reject, 3)]}" if after == "served" else after


def attribute(name: str) -> bytes:
    return message({1: name, 2: "value"})


def receipt_of(klass: int) -> bytes:
    return message({1: klass, 2: 1})


NOISE = 7
LARGEST = 16_384
FILLED = message({1: 1, 2: "x" * (LARGEST - 6)})  # a nonce, a text and their keys


def table(briefing: dict) -> dict:
    say_again = frame(wire.HELLO, message({1: "t", 2: os.urandom(16), 7: bytes(range(32))}))
    head = varint(wire.EVENTS) + varint(0)
    control = varint(wire.CONTROL)
    tokens = {f"token-{name}": functools.partial(token, name=name) for name in briefing["faulty"]}
    found = tokens | {
        "alpn-wrong": lambda b: alpn(b, "h3"),
        "alpn-none": lambda b: alpn(b),
        "alpn-later": lambda b: alpn(b, "edge/2"),
        "catalogue-unknown": lambda b: hello(b, lambda _: {7: bytes([7] * 32)}),
        "hello-timeout": lambda b: raw(b),
        "hello-half": lambda b: raw(b, (CONTROL, control + frame(wire.HELLO, bytes(200))[:100])),
        "hello-twice": lambda b: session(b, on(CONTROL, say_again)),
        "hello-after-reauth": lambda b: raw(b, (CONTROL, control + frame(wire.REAUTH, message({1: "t"})))),
        "hello-on-events": lambda b: session(b, events(say_again)),
        "event-on-control": lambda b: raw(b, (CONTROL, control + event(1))),
        "events-before-hello": lambda b: raw(b, (UNI, head + event(1))),
        "welcome-from-client": lambda b: session(b, on(CONTROL, frame(wire.WELCOME))),
        "frame-unknown-events": lambda b: session(b, events(frame(0x3F))),
        "frame-unknown-control": lambda b: session(b, on(CONTROL, frame(0x03))),
        "frame-beyond-extensions": lambda b: session(b, events(frame(0x4000))),
        "frame-type-long": lambda b: session(b, events(b"\x40\x20", event(1)[1:])),
        "frame-length-long": lambda b: goes_on(b, events(b"\x20\xc0" + bytes(6), event(1)[1:])),
        "event-too-large": lambda b: session(b, events(varint(wire.EVENT), varint(LARGEST + 25))),
        "event-largest": lambda b: goes_on(b, events(event(1, FILLED, NOISE))),
        "hello-too-large": lambda b: raw(b, (CONTROL, control + varint(wire.HELLO) + varint(HELLO_BYTES_MAX + 1))),
        "extension-too-large": lambda b: session(b, events(varint(0x40), varint(EXTENSION_BYTES_MAX + 1))),
        "extensions-too-many": lambda b: session(b, events(frame(0x40) * 1025)),
        "hello-field-unknown": lambda b: hello(b, lambda _: {100: "of a later version"}),
        "hello-token-twice": lambda b: hello(b, lambda body: {1: [body[1], body[1]]}),
        "hello-token-long": lambda b: hello(b, lambda _: {1: "t" * 4097}),
        "hello-token-missing": lambda b: hello(b, lambda _: {1: ""}),
        "hello-producer-short": lambda b: hello(b, lambda _: {2: os.urandom(15)}),
        "hello-producer-zero": lambda b: hello(b, lambda _: {2: bytes(16)}),
        "hello-digest-short": lambda b: hello(b, lambda body: {7: body[7][:31]}),
        "hello-class-unknown": lambda b: hello(b, lambda _: {3: [receipt_of(4)]}),
        "hello-class-twice": lambda b: hello(b, lambda _: {3: [receipt_of(1), receipt_of(1)]}),
        "hello-attribute-twice": lambda b: hello(b, lambda _: {8: [attribute("a"), attribute("a")]}),
        "hello-attribute-unnamed": lambda b: hello(b, lambda _: {8: [attribute("")]}),
        "hello-attributes-many": lambda b: hello(b, lambda _: {8: [attribute(f"a{i}") for i in range(17)]}),
        "hello-control-character": lambda b: hello(b, lambda _: {4: "1.2\n3"}),
        "hello-no-utf8": lambda b: hello(b, lambda _: {6: b"\xff\xfe"}),
        "hello-group": lambda b: hello(b, after=b"\xa3\x06\xa4\x06"),
        "hello-idle-wish": lambda b: hello(b, lambda _: {9: 30 * 24 * 3600 * 1000 + 1}),
        "stream-type": lambda b: session(b, on(UNI, varint(3))),
        "stream-class": lambda b: session(b, on(UNI, varint(wire.EVENTS), varint(4))),
        "stream-control-unidirectional": lambda b: session(b, on(UNI, control)),
        "stream-events-bidirectional": lambda b: raw(b, (CONTROL, head)),
        "stream-twice": lambda b: session(b, lambda c: (on(UNI, head)(c), on(UNI + 4, head)(c))),
        "stream-class-again": class_again,
        "control-finished": lambda b: session(b, on(CONTROL, fin=True)),
        "control-reset": lambda b: session(b, reset(lambda _: CONTROL)),
        "control-stopped": lambda b: session(b, stop_control),
        "events-reset": lambda b: goes_on(b, reset(lambda connection: connection.events_stream(0))),
        "events-cut-short": lambda b: session(b, events(event(1)[:-1], fin=True)),
        "frame-timeout": lambda b: session(b, events(event(1)[:-1])),
        "header-timeout": lambda b: session(b, on(UNI, varint(wire.EVENTS))),
        "seq-zero": lambda b: session(b, events(event(0))),
        "event-type-large": lambda b: session(b, events(event(1, kind=1 << 32))),
        "event-cut-short": lambda b: session(b, events(frame(wire.EVENT, varint(1) + varint(HIT)))),
        "seq-begins-late": lambda b: session(b, events(event(2))),
        "seq-gap": lambda b: session(b, events(event(1), event(3))),
        "seq-again": lambda b: session(b, events(event(1), event(1))),
        "credit": lambda b: session(b, events(*map(event, range(1, 10)))),
        "datagram-seq": lambda b: session(b, datagram(event(1))),
        "datagram-many": lambda b: session(b, datagram(*[event(0)] * 65)),
        "datagram-cut-short": lambda b: session(b, datagram(event(0), event(0)[:-1])),
        "datagram-hello": lambda b: session(b, datagram(frame(wire.HELLO))),
        "datagram-early": early_datagram,
        "datagram-flood": lambda b: session(b, flood),
        "payload-malformed": lambda b: rejected(b, b"\xff" * 9),
        "payload-limit": lambda b: rejected(b, message({2: 1000})),
        "event-of-servers": lambda b: rejected(b, message({1: 1, 2: "p9", 3: 5}), TRADE),
        "event-without-subject": lambda b: rejected(b, message({1: 1, 3: 5}), TRADE, "server"),
        "idle": lambda b: session(b, lambda _: None),
    }
    return {name: functools.partial(case, briefing) for name, case in found.items()}


async def revoked(briefing: dict) -> str:
    connection, _ = await Client(briefing).open()
    await cue("revoke")
    return await ended(connection)


async def draining(briefing: dict) -> str:
    """Shakes hands before the daemon drains, and says HELLO after."""
    connection = await Connection.open(briefing)
    client = Client(briefing, "other")
    await cue("drain")
    return await answer(connection, {1: client.token, 2: client.producer, 7: client.digest})


async def newcomer(briefing: dict) -> str:
    return await alpn(briefing, "edge/1")


async def play(briefing: dict) -> list[dict]:
    found = await cases.all_of(table(briefing))
    # These change the daemon for everybody, one after the other. It drains as long as somebody stays.
    found += await cases.all_of({"revoked": functools.partial(revoked, briefing)})
    stays, _ = await Client(briefing, "other").open()
    found += await cases.all_of({"draining": functools.partial(draining, briefing)})
    found += await cases.all_of({"draining-new": functools.partial(newcomer, briefing)})
    await stays.goodbye()
    return found
