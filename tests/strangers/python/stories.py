"""What a client does all day: a session with everything in it, resuming, moving, changing keys and addresses.

Each story gives the keys of what it proved; router/docs/strangers.md is the table of them. Whether the daemon did what
these events order is looked after by the test that started the story.
"""

import asyncio
import json
import os
import sys

from aioquic import tls

import wire
from edge import Connection

# Event types and payloads of tests/scenarios/story/scenario.proto.
HIT, CHAT, STEP, NOISE, NOBODY_KNOWS = 1, 4, 6, 7, 999

NO_ERROR, SUPERSEDED, TOKEN_EXPIRED, TOKEN_INVALID, DRAINING = 0x000, 0x301, 0x302, 0x303, 0x400


def nonce(value: int) -> bytes:
    """The payload of an event that has a nonce and nothing else."""
    return wire.message({1: value})


class Client:
    """A player: a token, a producer, and what both ends agree on about events."""

    def __init__(self, briefing: dict, token: str = "player"):
        self.briefing = briefing
        self.token = briefing["tokens"][token]
        self.producer = os.urandom(16)
        self.digest = bytes.fromhex(briefing["catalogue_digest"])

    async def open(self, receipts: dict[int, int] | None = None, **more) -> tuple[Connection, dict[int, list]]:
        connection = await Connection.open(self.briefing)
        welcome = await connection.hello(self.token, self.producer, self.digest, receipts, **more)
        assert welcome[0] == [wire.WELCOME], f"refused: {wire.text(welcome, 2)}"
        return connection, welcome


async def cue(word: str) -> None:
    """Asks the test to do something to the daemon, or to wait for it, and waits until that is done."""
    print(json.dumps({"cue": word}), flush=True)
    await asyncio.to_thread(sys.stdin.readline)


async def session(briefing: dict) -> list[str]:
    client = Client(briefing)
    attributes = [wire.message({1: name, 2: value}) for name, value in [("input", "pad"), ("tier", "gold")]]
    words = {"build": "1.2.3", "platform": "pc", "locale": "pt-BR", "attributes": attributes}
    connection, welcome = await client.open(**words, idle_timeout_ms=8_000)
    limits = wire.fields(welcome[4][0])
    assert wire.number(limits, 1) >= 16_384 and wire.number(limits, 5) > 0, limits
    assert (wire.number(welcome, 1), wire.number(welcome, 7), wire.number(welcome, 8)) == (0, 7, 1), welcome
    assert welcome[9] == [client.digest] and welcome[10] == [8_000], welcome
    assert not any(connection.receipts.values()) and min(connection.credit[klass] for klass in range(4)) > 0

    # Each class is a stream of its own; on two of them and on the control stream something from a later version comes.
    later = wire.frame(wire.EXTENSION + 1, b"later")
    connection.say(later)
    for klass in range(4):
        if klass > 1:
            connection.say(later, connection.events_stream(klass))
        for seq in 1, 2, 3:
            connection.tell(klass, seq, HIT, nonce(100 * klass + seq))
    for klass in range(4):
        await connection.receipt(klass, 3)

    # A frame may come byte by byte; a stream may end at a frame's border.
    for byte in wire.event(4, HIT, 1, nonce(304)):
        connection.say(bytes([byte]), connection.events_stream(3))
    connection.say(b"", connection.events_stream(3), fin=True)
    await connection.receipt(3, 4)

    connection.tell(0, 4, CHAT, nonce(41))
    connection.tell(0, 5, NOISE, wire.message({1: 1, 2: "x" * 16_000}))
    connection.tell(0, 6, NOBODY_KNOWS, b"")
    await connection.receipt(0, 6)
    while not (connection.replied and connection.rejected):
        await connection.hear()
    reply, reject = connection.replied.popleft(), connection.rejected.popleft()
    assert wire.text(reply, 2) == "tip" and json.loads(wire.text(reply, 3)) == {"nonce": 41, "rev": 1}, reply
    assert len(reply[1][0]) == 16
    assert (wire.number(reject, 1), wire.number(reject, 2), wire.number(reject, 3)) == (0, 6, 1), reject

    connection.throw((STEP, nonce(7)), (STEP, nonce(8)))
    connection.throw((STEP, nonce(9)))
    await cue("steps")
    await connection.goodbye()
    return ["hello", "classes", "receipts", "datagrams", "reply", "reject", "extensions", "close"]


async def resume(briefing: dict) -> list[str]:
    client = Client(briefing)
    first, _ = await client.open()
    for seq in 1, 2, 3, 4, 5:
        first.tell(0, seq, HIT, nonce(seq))
    await first.receipt(0, 5)

    # The client believes that nothing arrived and sends everything again, and one event more.
    second, welcome = await client.open()
    assert wire.number(welcome, 1) == 1 and second.receipts[0] == 5, welcome
    ended = await first.end()
    assert (ended.code, ended.by_application) == (SUPERSEDED, True), ended
    for seq in 1, 2, 3, 4, 5, 6:
        second.tell(0, seq, HIT, nonce(seq))
    await second.receipt(0, 6)

    # It is gone without a word and comes back, knowing its receipts.
    second.vanish()
    third, _ = await client.open(receipts={0: 6})
    third.tell(0, 7, HIT, nonce(7))
    await third.receipt(0, 7)
    await third.goodbye()
    return ["resume", "resend", "superseded"]


async def keys(briefing: dict) -> list[str]:
    """RFC 9001, section 6: the client updates its keys several times, each after the one before is confirmed."""
    connection, _ = await Client(briefing).open()
    phases = []
    for seq in range(1, 9):
        connection.request_key_update()
        connection.tell(0, seq, HIT, nonce(seq))
        await connection.receipt(0, seq)
        phases.append(key_phase(connection))
    assert phases == [1, 0] * 4, phases
    await connection.goodbye()
    return ["key-update"]


def key_phase(connection: Connection) -> int:
    """Of what the server sent last: aioquic takes it over when a packet came under the next keys."""
    return connection._quic._cryptos[tls.Epoch.ONE_RTT].recv.key_phase


async def rebind(briefing: dict) -> list[str]:
    """RFC 9000, section 9: every so often the kernel hands packets from a new port to another shard."""
    connection, _ = await Client(briefing).open()
    for seq in range(1, 33):
        if seq % 2 == 0:
            await connection.rebind()
        if seq % 8 == 0:
            connection.change_connection_id()
        connection.tell(0, seq, HIT, nonce(seq))
        await connection.receipt(0, seq)
    await connection.goodbye()
    return ["address-change"]


async def reauth(briefing: dict) -> list[str]:
    """The tokens `brief` end after some seconds."""
    stays, _ = await Client(briefing, "brief").open()
    leaves, _ = await Client(briefing, "brief").open()
    stays.say(wire.frame(wire.REAUTH, wire.message({1: briefing["tokens"]["brief-renewed"]})))
    stays.tell(0, 1, HIT, nonce(1))
    await stays.receipt(0, 1)
    ended = await leaves.end()
    assert (ended.code, ended.by_application) == (TOKEN_EXPIRED, True), ended
    stays.tell(0, 2, HIT, nonce(2))
    await stays.receipt(0, 2)
    stays.say(wire.frame(wire.REAUTH, wire.message({1: briefing["tokens"]["other"]})))
    ended = await stays.end()
    assert (ended.code, ended.by_application) == (TOKEN_INVALID, True), ended
    return ["reauth"]


async def move(briefing: dict) -> list[str]:
    """The daemon drains. It says where to go; who stays is closed when the time is over."""
    client = Client(briefing)
    connection, _ = await client.open()
    connection.tell(0, 1, HIT, nonce(1))
    await connection.receipt(0, 1)
    await cue("drain")
    kind, body = await connection.frame()
    while kind in (wire.RECEIPT, wire.CREDIT):
        kind, body = await connection.frame()
    assert kind == wire.MOVE, hex(kind)
    assert (wire.number(body, 1), wire.number(body, 2)) == (1, 2000), body
    host, port = wire.text(body, 3).rsplit(":", 1)

    # Make before break: everything without a receipt is sent again there.
    client.briefing = client.briefing | {"host": host, "port": int(port), "ca": client.briefing["ca"]}
    there, _ = await client.open(receipts={0: 1})
    there.tell(0, 2, HIT, nonce(2))
    await there.receipt(0, 2)

    connection.tell(0, 2, HIT, nonce(2))
    await connection.receipt(0, 2)
    ended = await connection.end()
    assert (ended.code, ended.by_application) == (DRAINING, True), ended
    await there.goodbye()
    return ["move", "draining"]


ALL = {story.__name__: story for story in (session, resume, keys, rebind, reauth, move)}
