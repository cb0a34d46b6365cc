"""The tables of codes of router/docs/protocol.md: what a client needs to say in words what happened to it."""

CLOSE = {
    0x000: "NO_ERROR",
    0x100: "PROTOCOL_VIOLATION",
    0x101: "FRAME_MALFORMED",
    0x102: "FRAME_UNKNOWN",
    0x103: "FRAME_TOO_LARGE",
    0x104: "FRAME_UNEXPECTED",
    0x105: "STREAM_TYPE_UNKNOWN",
    0x106: "STREAM_DUPLICATE",
    0x107: "STREAM_CLOSED",
    0x108: "SEQ_GAP",
    0x109: "CREDIT_EXCEEDED",
    0x10A: "LIMIT_EXCEEDED",
    0x200: "HELLO_TIMEOUT",
    0x201: "STREAM_TIMEOUT",
    0x202: "BUDGET_EXCEEDED",
    0x203: "IDLE_TIMEOUT",
    0x300: "REFUSED",
    0x301: "SUPERSEDED",
    0x302: "TOKEN_EXPIRED",
    0x303: "TOKEN_INVALID",
    0x304: "REVOKED",
    0x400: "DRAINING",
    0x401: "OVERLOADED",
    0x402: "INTERNAL",
}

REFUSE = {
    1: "TOKEN_MALFORMED",
    2: "TOKEN_ALGORITHM",
    3: "TOKEN_KEY_UNKNOWN",
    4: "TOKEN_SIGNATURE",
    5: "TOKEN_EXPIRED",
    6: "TOKEN_NOT_YET_VALID",
    7: "TOKEN_LIFETIME",
    8: "TOKEN_AUDIENCE",
    9: "TOKEN_SUBJECT",
    10: "TOKEN_CLAIM",
    11: "TOKEN_REVOKED",
    12: "TOKEN_SCOPE",
    13: "CLIENT_CERTIFICATE",
    32: "HELLO_INVALID",
    33: "CATALOGUE_UNKNOWN",
    34: "REGION_WRONG",
    64: "OVERLOADED",
    65: "DRAINING",
    66: "NOT_READY",
    67: "SPOOL_FULL",
    68: "TOO_MANY_SESSIONS",
    69: "BUDGET_EXCEEDED",
    70: "INTERNAL",
}

REJECT = {
    1: "EVENT_TYPE_UNKNOWN",
    2: "PAYLOAD_MALFORMED",
    3: "PAYLOAD_LIMIT",
    4: "PROVENANCE_FORBIDDEN",
    5: "SUBJECT_INVALID",
    6: "SUBJECT_FORBIDDEN",
    7: "EVENT_TYPE_RETIRED",
    8: "RATE_LIMITED",
    9: "INTERNAL",
}

# RFC 9000, section 20.1.
TRANSPORT = {
    0x00: "NO_ERROR",
    0x01: "INTERNAL_ERROR",
    0x02: "CONNECTION_REFUSED",
    0x03: "FLOW_CONTROL_ERROR",
    0x04: "STREAM_LIMIT_ERROR",
    0x05: "STREAM_STATE_ERROR",
    0x06: "FINAL_SIZE_ERROR",
    0x07: "FRAME_ENCODING_ERROR",
    0x08: "TRANSPORT_PARAMETER_ERROR",
    0x09: "CONNECTION_ID_LIMIT_ERROR",
    0x0A: "PROTOCOL_VIOLATION",
    0x0B: "INVALID_TOKEN",
    0x0C: "APPLICATION_ERROR",
    0x0D: "CRYPTO_BUFFER_EXCEEDED",
    0x0E: "KEY_UPDATE_ERROR",
    0x0F: "AEAD_LIMIT_REACHED",
    0x10: "NO_VIABLE_PATH",
}

# RFC 8446, section 6, as far as a client of ours meets them; RFC 9001, section 4.8, puts them at 0x100.
TLS_ALERT = {120: "no_application_protocol"}


def named(ended) -> str:
    """How a connection ended, in the words of the tables."""
    if not ended.by_server:
        return f"nothing from the server, but here: {ended.reason}"
    if ended.by_application:
        return f"CLOSE {CLOSE.get(ended.code, hex(ended.code))}"
    if 0x100 <= ended.code < 0x200:
        return f"TLS {TLS_ALERT.get(ended.code - 0x100, ended.code - 0x100)}"
    return f"QUIC {TRANSPORT.get(ended.code, hex(ended.code))}"
