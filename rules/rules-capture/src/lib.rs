//! A capture: events as JSON lines, plain or gzip. Read the same way by whoever evaluates it offline and whoever plays it to a
//! daemon, so that both see the same senders, identities, times and payloads. The format is described for its users in
//! `rules/docs/replay.md`.
//!
//! ```text
//! lines --unpacked--> Decoder::events --> Captured: who, when, which number, which type, payload
//! ```
//!
//! Comes in: bytes of anybody, a catalogue that names the event types. Goes out: [`Captured`] events in the order of the lines,
//! or the first line that is wrong and why ([`CaptureError`]). What is kept is bounded: one line, the senders, the names of
//! matches.
//!
//! Deliberately absent: files, clocks, and admission: an event that breaks a limit of the catalogue is an event here, for
//! whoever takes it in to refuse as it would live.

mod conn;
mod decoder;
mod fault;
mod line;
#[cfg(test)]
mod tests;

use std::io::{self, BufRead, BufReader};

pub use decoder::{Captured, Decoder, Events, Game};
pub use fault::{CaptureError, Fault};

/// The longest line. Bytes.
pub const LINE_BYTES_MAX: usize = 256 * 1024;
/// Most senders of a capture.
pub const SENDERS_MAX: usize = 1_000_000;
/// Most matches of a capture.
pub const MATCHES_MAX: usize = 1_000_000;
/// When the first match begins: 2026-01-01T00:00:00Z. Milliseconds since 1970.
pub const FIRST_MATCH_MS: i64 = 1_767_225_600_000;
/// Between the last event before a match and the match's beginning. Milliseconds.
pub const PAUSE_MS: i64 = 300_000;

/// What gzip begins with (RFC 1952).
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// What is unpacked at once. Bytes.
const UNPACKED_BYTES: usize = 256 * 1024;

/// The lines of a capture that may be gzip or not.
///
/// # Errors
/// The first bytes cannot be read.
pub fn unpacked<'a>(mut input: impl BufRead + 'a) -> io::Result<Box<dyn BufRead + 'a>> {
    let is_gzip = input.fill_buf()?.starts_with(&GZIP);
    Ok(if is_gzip {
        let decoder = flate2::bufread::MultiGzDecoder::new(input);
        Box::new(BufReader::with_capacity(UNPACKED_BYTES, decoder))
    } else {
        Box::new(input)
    })
}
