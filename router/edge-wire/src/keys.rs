//! The short names under which players and producers are kept.
//!
//! What comes in: a subject, or a token's `sub` and a producer id. What goes out: XXH3-128 over the stated bytes. Both are
//! written to disk and decide partitions, so they are version 1 for ever; `vectors/keys.json` fixes them.
//! They are not secrets and not proof against collisions made on purpose: `sub` comes from a verified token.

use edge_event::{PlayerKey, ProducerId, ProducerKey};
use xxhash_rust::xxh3::{Xxh3, xxh3_128};

//= protocol.md#key-1
/// XXH3-128 over the subject's bytes.
pub fn player_key(subject: &str) -> PlayerKey {
    PlayerKey(xxh3_128(subject.as_bytes()))
}

//= protocol.md#key-2
/// XXH3-128 over the `sub`'s bytes, one byte 0x00 and the producer id.
pub fn producer_key(sub: &str, producer: ProducerId) -> ProducerKey {
    let mut hash = Xxh3::new();
    hash.update(sub.as_bytes());
    hash.update(&[0]);
    hash.update(&producer.0);
    ProducerKey(hash.digest128())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streaming_equals_one_shot() {
        let sub = "p".repeat(300);
        let mut bytes = sub.clone().into_bytes();
        bytes.push(0);
        bytes.extend_from_slice(&[7; 16]);
        assert_eq!(producer_key(&sub, ProducerId([7; 16])).0, xxh3_128(&bytes));
    }

    #[test]
    fn sub_and_producer_do_not_run_into_each_other() {
        assert_ne!(producer_key("a", ProducerId([1; 16])), producer_key("b", ProducerId([1; 16])));
        assert_ne!(producer_key("a", ProducerId([1; 16])), producer_key("a", ProducerId([2; 16])));
    }
}
