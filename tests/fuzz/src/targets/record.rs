//! One record of the spool, behind its checksum: an event's commands, deltas and timers in bytes.
//!
//! The bytes are its payload. What must hold: refused, or a record whose bytes are decoded as the same.

use bytes::Bytes;
use edge_spool::{decode_record, encode_record};

use super::spools::record;

pub(super) fn run(bytes: &[u8]) {
    match decode_record(&Bytes::copy_from_slice(bytes)) {
        Err(error) => assert!(!error.to_string().is_empty()),
        Ok(decoded) => {
            let mut again = Vec::new();
            encode_record(&decoded, &mut again);
            assert_eq!(decode_record(&Bytes::from(again)).ok().as_ref(), Some(&decoded));
        }
    }
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let seed = |n| {
        let mut bytes = Vec::new();
        encode_record(&record(n), &mut bytes);
        bytes
    };
    (1..20).map(seed).collect()
}
