//! Payloads as JSON and back, for rule tests, replays, traces and explanations.
//!
//! The mapping is proto3 JSON with the catalogue's field names, and these differences: 64-bit integers are JSON numbers
//! (text is taken, too); enums are written by their short name (`quit` for `END_REASON_QUIT`; the full name and the number
//! are taken, too); a field with implicit presence is written even where it holds its default. `null` means not set.
//! Deliberately absent: the `.proto` text; everything comes from the loaded [`Catalogue`](crate::Catalogue).

mod decode;
mod encode;

pub use encode::EncodeError;

use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};

/// Writes padding, takes both forms.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

#[cfg(test)]
mod tests;
