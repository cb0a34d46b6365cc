"""A client of wire protocol version 1 on aioquic: one connection and the session on it.

It is small and says what comes as it comes. What a game's client needs besides (a queue on disk, credit, back-off,
endpoints) is described in router/docs/protocol.md, clauses reliable-4, credit-1 and close-2.
"""

import asyncio
import ipaddress
import time
from collections import deque
from dataclasses import dataclass

from aioquic.asyncio import QuicConnectionProtocol
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import QuicConnection, QuicConnectionState
from aioquic.quic.events import ConnectionTerminated, HandshakeCompleted, StreamDataReceived

import wire

ALPN = "edge/1"
PATIENCE_S = 20
CONTROL_STREAM = 0  # QUIC numbers a client's first bidirectional stream so
UNIDIRECTIONAL = 2  # and its first unidirectional one so; the next is 4 further


@dataclass(frozen=True)
class Ended(Exception):
    """A connection has ended. Codes of the application are those of protocol.md, others those of RFC 9000."""

    code: int
    by_application: bool
    by_server: bool
    reason: str


def now_ms() -> int:
    return time.monotonic_ns() // 1_000_000


class Connection(QuicConnectionProtocol):
    """One QUIC connection, and the frames that the server says on its control stream."""

    def __init__(self, quic: QuicConnection):
        super().__init__(quic)
        self.server: tuple[str, int] = ("", 0)
        self.receipts: dict[int, int] = {}
        self.credit: dict[int, int] = {}
        self.replied: deque[dict[int, list]] = deque()
        self.rejected: deque[dict[int, list]] = deque()
        self.shaken: asyncio.Future = asyncio.get_running_loop().create_future()
        self.ended: asyncio.Future = asyncio.get_running_loop().create_future()
        self._frames: asyncio.Queue = asyncio.Queue()
        self._heard = bytearray()
        self._classes: dict[int, int] = {}
        self._closed_by_server = False

    # ---- a connection begins, changes its address, ends

    @classmethod
    async def start(cls, briefing: dict, alpn: tuple[str, ...] = (ALPN,), prepare=lambda quic: None) -> "Connection":
        """Begins a handshake and does not wait for it."""
        configuration = QuicConfiguration(
            alpn_protocols=list(alpn) or None,
            server_name=briefing["host"],
            cafile=briefing["ca"],
            max_datagram_frame_size=65536,
            idle_timeout=10.0,
        )
        quic = QuicConnection(configuration=configuration)
        prepare(quic)
        loop = asyncio.get_running_loop()
        _, self = await loop.create_datagram_endpoint(lambda: cls(quic), local_addr=(local_host(briefing), 0))
        self.server = (briefing["host"], briefing["port"])
        self.connect(self.server)
        return self

    @classmethod
    async def open(cls, briefing: dict, alpn: tuple[str, ...] = (ALPN,), prepare=lambda quic: None) -> "Connection":
        """Shakes hands."""
        self = await cls.start(briefing, alpn, prepare)
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.wait([self.shaken, self.ended], return_when=asyncio.FIRST_COMPLETED)
        if not self.shaken.done():
            raise self.ended.result()
        return self

    async def rebind(self) -> None:
        """Goes on from another port, as a phone does that changes its network."""
        before = self._transport
        loop = asyncio.get_running_loop()
        await loop.create_datagram_endpoint(lambda: self, local_addr=(before.get_extra_info("sockname")[0], 0))
        before.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """A socket was closed; the connection may go on from another."""

    async def end(self) -> Ended:
        """Waits for the connection's end."""
        async with asyncio.timeout(PATIENCE_S):
            return await asyncio.shield(self.ended)

    async def goodbye(self) -> None:
        """Closes with NO_ERROR, as an application."""
        self.close(error_code=0)
        await self.wait_closed()
        self.vanish()

    def vanish(self) -> None:
        """Is gone without a word."""
        if self._timer is not None:
            self._timer.cancel()
        self._transport.close()

    # ---- what the client says

    def say(self, data: bytes, stream: int = CONTROL_STREAM, fin: bool = False) -> None:
        self._quic.send_stream_data(stream, data, fin)
        self.transmit()

    def say_hello(self, token: str, producer: bytes, digest: bytes, receipts: dict | None = None, **more) -> None:
        """Opens the control stream and says HELLO. `more` are fields of Hello by name, which replace ours."""
        numbers = {"build": 4, "platform": 5, "locale": 6, "attributes": 8, "idle_timeout_ms": 9, "client_ms": 10}
        seqs = [wire.message({1: klass, 2: seq}) for klass, seq in (receipts or {}).items()]
        body = {1: token, 2: producer, 3: seqs, 7: digest, 10: now_ms()}
        body |= {numbers[name]: value for name, value in more.items()}
        self.say(wire.varint(wire.CONTROL) + wire.frame(wire.HELLO, wire.message(body)))

    async def hello(self, token: str, producer: bytes, digest: bytes, receipts=None, **more) -> dict[int, list]:
        """Says HELLO and gives the fields of WELCOME, else of REFUSE, with the frame's type under 0."""
        self.say_hello(token, producer, digest, receipts, **more)
        kind, body = await self.frame()
        if kind not in (wire.WELCOME, wire.REFUSE):
            raise AssertionError(f"instead of WELCOME or REFUSE came {kind:#x}")
        if kind == wire.WELCOME:
            self.receipts = wire.class_seqs(body, 3)
            self.credit = wire.class_seqs(body, 5)
        return body | {0: [kind]}

    def events_stream(self, klass: int) -> int:
        """The stream of a class; opened with its header where it is not yet."""
        if klass not in self._classes:
            self._classes[klass] = UNIDIRECTIONAL + 4 * len(self._classes)
            self.say(wire.varint(wire.EVENTS) + wire.varint(klass), self._classes[klass])
        return self._classes[klass]

    def tell(self, klass: int, seq: int, event_type: int, payload: bytes) -> None:
        """Sends a reliable event."""
        self.say(wire.event(seq, event_type, now_ms(), payload), self.events_stream(klass))

    def throw(self, *events: tuple[int, bytes]) -> None:
        """Sends events, each a type and a payload, in one datagram."""
        self._quic.send_datagram_frame(b"".join(wire.event(0, kind, now_ms(), payload) for kind, payload in events))
        self.transmit()

    # ---- what the server says

    async def frame(self) -> tuple[int, dict[int, list]]:
        """The server's next frame; raises Ended."""
        async with asyncio.timeout(PATIENCE_S):
            kind, body = await self._frames.get()
        if isinstance(body, Ended):
            self._frames.put_nowait((kind, body))
            raise body
        return kind, body

    async def hear(self) -> int:
        """Takes one frame in and gives its type."""
        kind, body = await self.frame()
        klass = wire.number(body, 1)
        match kind:
            case wire.RECEIPT:
                self.receipts[klass] = max(self.receipts.get(klass, 0), wire.number(body, 2))
            case wire.CREDIT:
                self.credit[klass] = max(self.credit.get(klass, 0), wire.number(body, 2))
            case wire.COMMAND:
                self.replied.append(body)
            case wire.REJECT:
                self.rejected.append(body)
        return kind

    async def receipt(self, klass: int, seq: int) -> None:
        """Waits until an event has its receipt."""
        while self.receipts.get(klass, 0) < seq:
            await self.hear()

    def datagram_received(self, data: bytes, addr) -> None:
        super().datagram_received(data, addr)
        # Whoever was told that it is over drains; whoever says so itself, closes.
        self._closed_by_server |= self._quic._state is QuicConnectionState.DRAINING

    def quic_event_received(self, event) -> None:
        if isinstance(event, HandshakeCompleted) and not self.shaken.done():
            self.shaken.set_result(event.alpn_protocol)
        elif isinstance(event, StreamDataReceived) and event.stream_id == CONTROL_STREAM:
            self._heard += event.data
            while (taken := wire.take_frame(self._heard)) is not None:
                self._frames.put_nowait((taken[0], wire.fields(taken[1])))
        elif isinstance(event, ConnectionTerminated):
            by_application = event.frame_type is None
            ended = Ended(event.error_code, by_application, self._closed_by_server, event.reason_phrase)
            self._frames.put_nowait((0, ended))
            if not self.ended.done():
                self.ended.set_result(ended)


def local_host(briefing: dict) -> str:
    """Ours beside the daemon's: tests stay on this machine."""
    assert ipaddress.ip_address(briefing["host"]).is_loopback
    return briefing["host"]
