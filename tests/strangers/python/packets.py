"""Packets and frames by hand, for those that no stack would send (RFC 9000, sections 12, 17 and 19).

A packet made here goes out under the keys and the next packet number of an aioquic connection, so that the server
takes it for one of that connection's own.
"""

from aioquic import tls

from edge import Connection
from wire import varint as v

PING = b"\x01"


# ---- packets


def send_short(connection: Connection, payload: bytes, reserved: int = 0) -> None:
    """A 1-RTT packet; `reserved` goes into the two bits that must be 0."""
    quic = connection._quic
    pair = quic._cryptos[tls.Epoch.ONE_RTT]
    first = 0x40 | reserved << 3 | pair.key_phase << 2 | 3
    number = take_number(connection)
    header = bytes([first]) + quic._peer_cid.cid + number.to_bytes(4, "big")
    send(connection, pair.encrypt_packet(header, payload, number))


def send_initial(connection: Connection, payload: bytes) -> None:
    """An Initial packet, filled up with PADDING as an Initial datagram must be."""
    quic = connection._quic
    number = take_number(connection)
    ids = b"".join(bytes([len(cid)]) + cid for cid in (quic._peer_cid.cid, quic.host_cid))
    payload += bytes(1162 - len(payload) - len(ids))
    # The length counts the packet number and AEAD's tag, in two bytes.
    length = (len(payload) + 4 + 16 | 0x4000).to_bytes(2, "big")
    header = b"\xc3" + (1).to_bytes(4, "big") + ids + v(0) + length + number.to_bytes(4, "big")
    send(connection, quic._cryptos[tls.Epoch.INITIAL].encrypt_packet(header, payload, number))


def take_number(connection: Connection) -> int:
    number = connection._quic._packet_number
    connection._quic._packet_number += 1
    return number


def send(connection: Connection, datagram: bytes) -> None:
    connection._transport.sendto(datagram, connection.server)


# ---- frames


def stream(number: int, offset: int, data: bytes, fin: bool = False, length: int | None = None) -> bytes:
    """STREAM with offset and length, section 19.8."""
    return v(0x0E | fin) + v(number) + v(offset) + v(len(data) if length is None else length) + data


def ack(largest: int, first_range: int) -> bytes:
    """ACK of one range, section 19.3."""
    return v(0x02) + v(largest) + v(0) + v(0) + v(first_range)


def new_connection_id(sequence: int, retire_prior_to: int, cid: bytes) -> bytes:
    """NEW_CONNECTION_ID, section 19.15; the reset token repeats the sequence number."""
    return v(0x18) + v(sequence) + v(retire_prior_to) + bytes([len(cid)]) + cid + bytes([sequence & 0xFF] * 16)


# ---- transport parameters, section 18


def parameter(number: int, value: bytes) -> bytes:
    return v(number) + v(len(value)) + value


def parameters(encoded: bytes) -> list[tuple[int, bytes]]:
    """Takes encoded parameters apart."""
    from wire import read_varint

    found, at = [], 0
    while at < len(encoded):
        number, at = read_varint(encoded, at)
        length, at = read_varint(encoded, at)
        found.append((number, encoded[at : at + length]))
        at += length
    return found


def with_parameters(change) -> callable:
    """A preparation of a connection: `change` gets the list of its parameters and gives another."""

    def prepare(quic) -> None:
        honest = quic._serialize_transport_parameters

        def serialize() -> bytes:
            return b"".join(parameter(number, value) for number, value in change(parameters(honest())))

        quic._serialize_transport_parameters = serialize

    return prepare
