//! Codes of REFUSE, by range: 1 to 31 the token, 32 to 63 the rest of HELLO, 64 and up the server's state.

use super::codes;

codes! {
    /// Why HELLO was refused. One code for each check of a token, so that a refusal says which one failed.
    RefuseCode {
        1 TokenMalformed "TOKEN_MALFORMED", Client, No, "The token is not a compact JWS with a JSON header and JSON claims.", "Send the issuer's token unchanged.";
        2 TokenAlgorithm "TOKEN_ALGORITHM", Operator, FreshToken, "The token's alg is not the one of its key, or neither EdDSA nor ES256.", "Have the issuer sign with its published key.";
        3 TokenKeyUnknown "TOKEN_KEY_UNKNOWN", Operator, FreshToken, "No issuer's key set has the token's kid.", "Get a fresh token; have the key published.";
        4 TokenSignature "TOKEN_SIGNATURE", Client, FreshToken, "The signature does not verify.", "Send the issuer's token unchanged.";
        5 TokenExpired "TOKEN_EXPIRED", Client, FreshToken, "exp has passed.", "Get a fresh token before each connection.";
        6 TokenNotYetValid "TOKEN_NOT_YET_VALID", Operator, FreshToken, "nbf or iat lies in the future.", "Check the issuer's clock.";
        7 TokenLifetime "TOKEN_LIFETIME", Operator, FreshToken, "exp is missing or too far in the future.", "Have the issuer give exp in minutes.";
        8 TokenAudience "TOKEN_AUDIENCE", Operator, FreshToken, "aud does not name this service.", "Have the issuer set aud.";
        9 TokenSubject "TOKEN_SUBJECT", Operator, FreshToken, "sub is missing or not 1 to 128 bytes of text.", "Have the issuer set sub.";
        10 TokenClaim "TOKEN_CLAIM", Operator, FreshToken, "Another claim has the wrong type or exceeds its limit.", "Have the issuer fix the claim that the detail names.";
        11 TokenRevoked "TOKEN_REVOKED", Operator, No, "The subject, key or token id is on the deny list.", "Stop; ask the operator.";
        12 TokenScope "TOKEN_SCOPE", Operator, FreshToken, "The token is not for this title, or not for this kind of client.", "Have the issuer set the title; connect where it is served.";
        13 ClientCertificate "CLIENT_CERTIFICATE", Operator, No, "A game server's token came without the client certificate that is required.", "Connect with the server's certificate.";
        32 HelloInvalid "HELLO_INVALID", Client, No, "A field of HELLO is invalid, which the detail names.", "Fix the client.";
        33 CatalogueUnknown "CATALOGUE_UNKNOWN", Operator, No, "The catalogue digest is not in the lineage that the server reads.", "Ship the catalogue first, then the client.";
        34 RegionWrong "REGION_WRONG", Operator, Elsewhere, "The token's region is not served here.", "Connect to an endpoint of the region.";
        64 Overloaded "OVERLOADED", Server, Later, "New sessions are refused under load.", "Retry after retry_after, at another endpoint.";
        65 Draining "DRAINING", Nobody, Elsewhere, "The server is about to stop.", "Connect to another endpoint.";
        66 NotReady "NOT_READY", Server, Later, "The server has no rule set yet or is recovering.", "Retry after retry_after, at another endpoint.";
        67 SpoolFull "SPOOL_FULL", Server, Later, "The disk is full, so nothing could get a receipt.", "Retry after retry_after, at another endpoint.";
        68 TooManySessions "TOO_MANY_SESSIONS", Client, Later, "The player has too many sessions here.", "Close some; retry after retry_after.";
        69 BudgetExceeded "BUDGET_EXCEEDED", Client, Later, "The player or the address has used up its budget.", "Send less; retry after retry_after.";
        70 Internal "INTERNAL", Server, Later, "The server failed.", "Retry with back-off; report it.";
    }
}
