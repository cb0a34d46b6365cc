//! HELLO and REAUTH.

use std::fmt;

use bytes::Bytes;
use edge_event::identity::CLASSES;
use edge_event::{ProducerId, Seq};

use super::{Body, exactly, per_class, to_entries};
use crate::error::BodyError;
use crate::frame::FrameType;
use crate::limits::CATALOGUE_DIGEST_BYTES;
use crate::proto;
use crate::schema::{self, Schema};

/// A compact JWS. Debug output hides it.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Token(pub String);

/// Who a client is and where it left off.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Hello {
    /// Not empty, at most [`TOKEN_BYTES_MAX`](crate::limits::TOKEN_BYTES_MAX) bytes.
    pub token: Token,
    /// The producer; not all zero.
    pub producer: ProducerId,
    /// The highest receipt the client has, by class; 0: none.
    pub highest_receipts: [Seq; CLASSES],
    /// The client's build.
    pub build: String,
    /// E.g. `pc`, `ps5`.
    pub platform: String,
    /// BCP 47, e.g. `pt-BR`.
    pub locale: String,
    /// BLAKE3 of the catalogue that the client was built with.
    pub catalogue_digest: [u8; CATALOGUE_DIGEST_BYTES],
    /// Free attributes, sorted by name, no name twice or empty.
    pub attributes: Vec<(String, String)>,
    /// Wished-for idle timeout in milliseconds; 0: the server's.
    pub idle_timeout_ms: u64,
    /// The client's monotonic clock now, in milliseconds: what events' `client_ms` are mapped by.
    pub client_ms: u64,
}

/// A fresh token for the same `sub`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Reauth {
    /// As in HELLO.
    pub token: Token,
}

impl Token {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({} bytes)", self.0.len())
    }
}

//= protocol.md#hello-1
impl Body for Hello {
    const TYPE: FrameType = FrameType::Hello;
    const SCHEMA: &'static Schema = &schema::HELLO;
    type Proto = proto::Hello;

    fn to_proto(&self) -> proto::Hello {
        let attributes = self.attributes.iter().map(|(name, value)| (name.clone(), value.clone()));
        proto::Hello {
            token: self.token.0.clone(),
            producer_id: Bytes::copy_from_slice(&self.producer.0),
            highest_receipts: to_entries(&self.highest_receipts),
            build: self.build.clone(),
            platform: self.platform.clone(),
            locale: self.locale.clone(),
            catalogue_digest: Bytes::copy_from_slice(&self.catalogue_digest),
            attributes: attributes.map(|(name, value)| proto::Attribute { name, value }).collect(),
            idle_timeout_ms: self.idle_timeout_ms,
            client_ms: self.client_ms,
        }
    }

    fn from_proto(hello: proto::Hello) -> Result<Hello, BodyError> {
        const MESSAGE: &str = "Hello";
        let producer = ProducerId(exactly(MESSAGE, "producer_id", &hello.producer_id)?);
        if producer == ProducerId::default() {
            let problem = "is all zero: make 16 random bytes once and keep them";
            return Err(BodyError::Invalid { message: MESSAGE, field: "producer_id", problem });
        }
        Ok(Hello {
            token: token(MESSAGE, hello.token)?,
            producer,
            highest_receipts: per_class(MESSAGE, "highest_receipts", &hello.highest_receipts)?,
            build: hello.build,
            platform: hello.platform,
            locale: hello.locale,
            catalogue_digest: exactly(MESSAGE, "catalogue_digest", &hello.catalogue_digest)?,
            attributes: attributes(hello.attributes)?,
            idle_timeout_ms: hello.idle_timeout_ms,
            client_ms: hello.client_ms,
        })
    }
}

//= protocol.md#reauth-1
impl Body for Reauth {
    const TYPE: FrameType = FrameType::Reauth;
    const SCHEMA: &'static Schema = &schema::REAUTH;
    type Proto = proto::Reauth;

    fn to_proto(&self) -> proto::Reauth {
        proto::Reauth { token: self.token.0.clone() }
    }

    fn from_proto(reauth: proto::Reauth) -> Result<Reauth, BodyError> {
        Ok(Reauth { token: token("Reauth", reauth.token)? })
    }
}

fn token(message: &'static str, token: String) -> Result<Token, BodyError> {
    if token.is_empty() {
        return Err(BodyError::Invalid { message, field: "token", problem: "is empty: send the issuer's token" });
    }
    Ok(Token(token))
}

//= protocol.md#hello-4
/// Sorted, so that equal sets are equal bytes from here on.
fn attributes(entries: Vec<proto::Attribute>) -> Result<Vec<(String, String)>, BodyError> {
    let mut out: Vec<_> = entries.into_iter().map(|entry| (entry.name, entry.value)).collect();
    out.sort();
    let invalid = |problem| Err(BodyError::Invalid { message: "Hello", field: "attributes", problem });
    if out.windows(2).any(|pair| pair[0].0 == pair[1].0) {
        return invalid("name an attribute twice: name each at most once");
    }
    if out.first().is_some_and(|(name, _)| name.is_empty()) {
        return invalid("have an empty name: name each attribute");
    }
    Ok(out)
}
