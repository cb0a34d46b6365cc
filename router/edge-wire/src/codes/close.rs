//! Application error codes of CONNECTION_CLOSE, by range: 0x1xx protocol, 0x2xx budgets, 0x3xx identity, 0x4xx the server.

use super::codes;

codes! {
    /// Why a connection was closed.
    CloseCode {
        0x000 NoError "NO_ERROR", Nobody, No, "The sender is done.", "Nothing.";
        0x100 ProtocolViolation "PROTOCOL_VIOLATION", Client, No, "A rule of the protocol without a code of its own was broken.", "Fix the client; the reason says where.";
        0x101 FrameMalformed "FRAME_MALFORMED", Client, No, "A frame or a body could not be decoded.", "Fix the encoder; check it against the vectors.";
        0x102 FrameUnknown "FRAME_UNKNOWN", Client, No, "A frame type is neither known nor of the extension range.", "Fix the client; speak version 1.";
        0x103 FrameTooLarge "FRAME_TOO_LARGE", Client, No, "A frame's length exceeds its type's limit.", "Send less; WELCOME tells the limits.";
        0x104 FrameUnexpected "FRAME_UNEXPECTED", Client, No, "A known frame came where or when it does not belong.", "Fix the client; HELLO comes first and once.";
        0x105 StreamTypeUnknown "STREAM_TYPE_UNKNOWN", Client, No, "A stream began with an unknown type or class.", "Fix the client; use types 1 and 2, classes 0 to 3.";
        0x106 StreamDuplicate "STREAM_DUPLICATE", Client, No, "A second control stream, or a second stream of a class.", "Keep one stream of each for the connection's life.";
        0x107 StreamClosed "STREAM_CLOSED", Client, Later, "The control stream was finished, reset or stopped.", "Close the connection instead; reconnect.";
        0x108 SeqGap "SEQ_GAP", Client, No, "A seq is not the one after its predecessor.", "Resend from the highest receipt plus 1, without gaps.";
        0x109 CreditExceeded "CREDIT_EXCEEDED", Client, No, "An event came beyond the credit of its class.", "Wait for CREDIT.";
        0x10a LimitExceeded "LIMIT_EXCEEDED", Client, No, "A count, length or number inside a frame exceeds its limit.", "Fix the client; see the table of limits.";
        0x200 HelloTimeout "HELLO_TIMEOUT", Client, Later, "HELLO did not come within its deadline.", "Send HELLO right after the handshake; retry with back-off.";
        0x201 StreamTimeout "STREAM_TIMEOUT", Client, Later, "A frame began, or waited to be read, and did not end within its deadline.", "Send whole frames, read the control stream; retry with back-off.";
        0x202 BudgetExceeded "BUDGET_EXCEEDED", Client, Later, "Events, datagrams, streams, resets, frames, connection ids or paths went past their budget.", "Send less; retry after what the reason tells.";
        0x203 IdleTimeout "IDLE_TIMEOUT", Client, Later, "Nothing came for the idle timeout.", "Reconnect when there is something to send.";
        0x300 Refused "REFUSED", Client, Later, "HELLO was answered by REFUSE, which says why.", "Act on REFUSE's code.";
        0x301 Superseded "SUPERSEDED", Nobody, No, "A newer connection of the same producer took over.", "Nothing, if it is yours; else never share a producer id.";
        0x302 TokenExpired "TOKEN_EXPIRED", Client, FreshToken, "The token's exp passed without REAUTH.", "Reconnect with a fresh token; send REAUTH in time.";
        0x303 TokenInvalid "TOKEN_INVALID", Operator, FreshToken, "The token of REAUTH failed a check, which the reason names.", "Get a token of the same sub from the issuer.";
        0x304 Revoked "REVOKED", Operator, No, "The subject, key or token is on the deny list.", "Stop; ask the operator.";
        0x400 Draining "DRAINING", Nobody, Elsewhere, "The server stops, after MOVE.", "Reconnect to an endpoint of MOVE, or to another of your own.";
        0x401 Overloaded "OVERLOADED", Server, Later, "The server has no room to go on with this connection.", "Retry after what the reason tells, at another endpoint.";
        0x402 Internal "INTERNAL", Server, Later, "The server failed.", "Retry with back-off; report it.";
    }
}
