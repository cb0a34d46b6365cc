//! Codes of REJECT: one event was refused, its seq is consumed, the session goes on.

use super::codes;

codes! {
    /// Why one reliable event was refused. Resending the same bytes never helps.
    RejectCode {
        1 EventTypeUnknown "EVENT_TYPE_UNKNOWN", Client, No, "The catalogue in force has no such event type.", "Send only event types of the catalogue named in HELLO.";
        2 PayloadMalformed "PAYLOAD_MALFORMED", Client, No, "The payload is not well-formed protobuf of its event type.", "Encode with the catalogue's messages.";
        3 PayloadLimit "PAYLOAD_LIMIT", Client, No, "A field exceeds its length, count or range, which the detail names.", "Keep the catalogue's limits.";
        4 ProvenanceForbidden "PROVENANCE_FORBIDDEN", Client, No, "Only game servers may send this event type.", "Send it from a server with a server's token.";
        5 SubjectInvalid "SUBJECT_INVALID", Client, No, "The subject field is missing or not 1 to 128 bytes of text.", "Fill the catalogue's subject field.";
        6 SubjectForbidden "SUBJECT_FORBIDDEN", Operator, No, "The token may not speak for this subject.", "Have the issuer widen the token's scope.";
        7 EventTypeRetired "EVENT_TYPE_RETIRED", Operator, No, "The event type was retired from the catalogue.", "Update the client.";
        8 RateLimited "RATE_LIMITED", Client, No, "The player sent more events of this type than the catalogue allows.", "Send fewer.";
        9 Internal "INTERNAL", Server, No, "The server could not evaluate this event.", "Report it with the detail.";
    }
}
