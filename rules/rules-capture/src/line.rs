//! One line as it is written. Deliberately absent: what it means.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::Value;

/// An event, or with `session` the description of a sender. Everything may be missing here; the decoder says what must not.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Line<'a> {
    #[serde(rename = "match", borrow)]
    pub(crate) game: Option<Cow<'a, str>>,
    pub(crate) t: Option<f64>,
    pub(crate) at: Option<i64>,
    #[serde(borrow)]
    pub(crate) player: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(crate) server: Option<Cow<'a, str>>,
    #[serde(rename = "type", borrow)]
    pub(crate) of: Option<Cow<'a, str>>,
    pub(crate) type_id: Option<u32>,
    pub(crate) fields: Option<Value>,
    #[serde(borrow)]
    pub(crate) payload: Option<Cow<'a, str>>,
    pub(crate) class: Option<u64>,
    pub(crate) seq: Option<u64>,
    pub(crate) session: Option<SessionLine>,
}

/// What a sender's token and HELLO say.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct SessionLine {
    pub(crate) player: Option<String>,
    pub(crate) server: Option<String>,
    pub(crate) producer: Option<String>,
    pub(crate) region: String,
    pub(crate) segments: Vec<String>,
    pub(crate) platform: String,
    pub(crate) locale: String,
    pub(crate) build: String,
    pub(crate) attributes: std::collections::BTreeMap<String, String>,
}
