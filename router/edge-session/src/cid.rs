//! Connection ids that say which shard they belong to.
//!
//! ```text
//!  0        slot        1 or 2  check   3 or 4        random         8
//! +--------------------+---------------+------------------------------+
//! | generation, shard  | 16 bits, keyed| from the shard's generator   |
//! +--------------------+---------------+------------------------------+
//! ```
//! The slot is `generation * 16 + shard` in one byte; where a node has more than 16 shards it is `generation * 4096 +
//! shard` in two bytes (big endian). The check is two multiplications, so that a small kernel program can compute it,
//! too. It tells ids of our making from noise; it is no secret: who saw an id knows that id only. Deliberately absent:
//! the table of connections.

use std::time::Duration;

use edge_event::ShardId;
use quinn_proto::{ConnectionId, ConnectionIdGenerator, InvalidCid};
use ring::hmac;

/// Length of every connection id that we issue.
pub const CID_BYTES: usize = 8;

/// Most shards a node can have.
pub const SHARDS_MAX: u16 = 4096;

/// The key of the check and the width of the slot: the same on every shard and generation of a node.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct CidKey {
    mix: [u64; 3],
    shards: u16,
    wide: bool,
}

/// What a connection id of our making says.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Slot {
    /// The run of the daemon, `0..=15`.
    pub generation: u8,
    /// The shard of it.
    pub shard: ShardId,
}

impl CidKey {
    /// From 24 secret bytes; `shards` is the number of shards of the node (decides the slot's width).
    ///
    /// # Panics
    /// Where `shards` is 0 or above [`SHARDS_MAX`]: the configuration was checked before.
    pub fn new(secret: [u8; 24], shards: u16) -> CidKey {
        assert!((1..=SHARDS_MAX).contains(&shards), "a node has 1 to {SHARDS_MAX} shards, not {shards}");
        let word = |i: usize| u64::from_le_bytes(secret[i * 8..i * 8 + 8].try_into().expect("eight bytes"));
        // Odd multipliers are invertible modulo 2^64: no input bit is lost.
        CidKey { mix: [word(0), word(1) | 1, word(2) | 1], shards, wide: shards > 16 }
    }

    fn slot_bytes(&self) -> usize {
        if self.wide { 2 } else { 1 }
    }

    fn check(&self, cid: &[u8; CID_BYTES]) -> u16 {
        let at = self.slot_bytes();
        let mut plain = *cid;
        plain[at..at + 2].fill(0);
        let mut hash = (u64::from_le_bytes(plain) ^ self.mix[0]).wrapping_mul(self.mix[1]);
        hash ^= hash >> 32;
        (hash.wrapping_mul(self.mix[2]) >> 48) as u16
    }

    /// Makes an id of `slot` with `random` as its rest.
    fn seal(&self, slot: Slot, random: u64) -> [u8; CID_BYTES] {
        let mut cid = random.to_le_bytes();
        if self.wide {
            let word = u16::from(slot.generation) << 12 | slot.shard.0;
            cid[..2].copy_from_slice(&word.to_be_bytes());
        } else {
            cid[0] = slot.generation << 4 | slot.shard.0 as u8;
        }
        let at = self.slot_bytes();
        let check = self.check(&cid);
        cid[at..at + 2].copy_from_slice(&check.to_be_bytes());
        cid
    }

    /// The slot of an id of our making; `None` for any other bytes (one in 65,536 of them passes by chance).
    pub fn open(&self, cid: &[u8]) -> Option<Slot> {
        let cid: &[u8; CID_BYTES] = cid.try_into().ok()?;
        let at = self.slot_bytes();
        if self.check(cid).to_be_bytes() != cid[at..at + 2] {
            return None;
        }
        Some(self.slot_unchecked(cid))
    }

    fn slot_unchecked(&self, cid: &[u8; CID_BYTES]) -> Slot {
        if self.wide {
            let word = u16::from_be_bytes([cid[0], cid[1]]);
            Slot { generation: (word >> 12) as u8, shard: ShardId(word & 0xfff) }
        } else {
            Slot { generation: cid[0] >> 4, shard: ShardId(u16::from(cid[0] & 0xf)) }
        }
    }

    /// The shard of the same generation to which `datagram` belongs where that is not `here`.
    ///
    /// Reads the destination connection id of the first packet: of a short header, or of a long header that carries one
    /// of our ids. One comparison for the common case, a packet of this shard.
    pub fn foreign_shard(&self, datagram: &[u8], here: Slot) -> Option<ShardId> {
        let cid = destination_cid(datagram)?;
        let slot = self.slot_unchecked(cid);
        if slot == here || slot.generation != here.generation {
            return None;
        }
        // A node that came back with fewer shards meets ids of shards that are no more.
        self.open(cid).map(|slot| slot.shard).filter(|shard| shard.0 < self.shards)
    }
}

/// Key material does not belong into logs.
impl std::fmt::Debug for CidKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CidKey").field("wide", &self.wide).finish_non_exhaustive()
    }
}

/// The destination id of a datagram's first packet where it has the length of ours (RFC 8999 §5.1, §5.2).
fn destination_cid(datagram: &[u8]) -> Option<&[u8; CID_BYTES]> {
    let long = datagram.first()? & 0x80 != 0;
    let from = match long {
        true if usize::from(*datagram.get(5)?) == CID_BYTES => 6,
        true => return None,
        false => 1,
    };
    datagram.get(from..from + CID_BYTES)?.try_into().ok()
}

/// Issues the ids of one shard.
///
/// The random rest is HMAC-SHA-256 of a counter under the shard's seed: who saw any number of ids cannot link another
/// to them.
pub(crate) struct ShardCids {
    key: CidKey,
    slot: Slot,
    random: hmac::Key,
    issued: u64,
}

impl ShardCids {
    pub(crate) fn new(key: CidKey, slot: Slot, seed: &[u8; 32]) -> ShardCids {
        ShardCids { key, slot, random: hmac::Key::new(hmac::HMAC_SHA256, seed), issued: 0 }
    }
}

impl ConnectionIdGenerator for ShardCids {
    fn generate_cid(&mut self) -> ConnectionId {
        self.issued += 1;
        let tag = hmac::sign(&self.random, &self.issued.to_le_bytes());
        let random = u64::from_le_bytes(tag.as_ref()[..8].try_into().expect("a tag has 32 bytes"));
        ConnectionId::new(&self.key.seal(self.slot, random))
    }

    fn validate(&self, cid: &ConnectionId) -> Result<(), InvalidCid> {
        self.key.open(cid).map(drop).ok_or(InvalidCid)
    }

    fn cid_len(&self) -> usize {
        CID_BYTES
    }

    fn cid_lifetime(&self) -> Option<Duration> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(shards: u16) -> CidKey {
        CidKey::new(std::array::from_fn(|i| i as u8 * 7 + 1), shards)
    }

    #[test]
    fn ids_open_to_their_slot_in_both_widths() {
        for (shards, shard) in [(2, 1), (16, 15), (17, 16), (4096, 4095)] {
            for generation in [0, 7, 15] {
                let slot = Slot { generation, shard: ShardId(shard) };
                let mut cids = ShardCids::new(key(shards), slot, &[42; 32]);
                for _ in 0..50 {
                    assert_eq!(key(shards).open(&cids.generate_cid()), Some(slot));
                }
            }
        }
    }

    #[test]
    fn a_flipped_bit_or_another_key_does_not_open() {
        let slot = Slot { generation: 3, shard: ShardId(1) };
        let cid = ShardCids::new(key(2), slot, &[42; 32]).generate_cid();
        let opened = (0..64)
            .filter(|bit| {
                let mut bad = [0; CID_BYTES];
                bad.copy_from_slice(&cid);
                bad[bit / 8] ^= 1 << (bit % 8);
                key(2).open(&bad).is_some()
            })
            .count();
        assert_eq!(opened, 0);
        assert_eq!(CidKey::new([9; 24], 2).open(&cid), None);
        assert_eq!(key(2).open(&cid[..7]), None);
    }

    #[test]
    fn noise_seldom_opens() {
        let mut cids = ShardCids::new(CidKey::new([9; 24], 2), Slot { generation: 0, shard: ShardId(0) }, &[7; 32]);
        let opened = (0..100_000).filter(|_| key(2).open(&cids.generate_cid()).is_some()).count();
        assert!(opened < 20, "{opened} of 100000, about 1.5 expected");
    }

    #[test]
    fn a_datagram_of_another_shard_is_told_apart() {
        let here = Slot { generation: 3, shard: ShardId(0) };
        let there = Slot { generation: 3, shard: ShardId(1) };
        let short = |slot| {
            let cid = ShardCids::new(key(2), slot, &[1; 32]).generate_cid();
            [&[0x41][..], &cid[..], &[0; 20]].concat()
        };
        assert_eq!(key(2).foreign_shard(&short(there), here), Some(ShardId(1)));
        assert_eq!(key(2).foreign_shard(&short(here), here), None);
        assert_eq!(key(2).foreign_shard(&short(Slot { generation: 4, ..there }), here), None);
        let cid = ShardCids::new(key(2), there, &[1; 32]).generate_cid();
        let long = [&[0xe0, 0, 0, 0, 1, 8][..], &cid[..], &[0; 20]].concat();
        assert_eq!(key(2).foreign_shard(&long, here), Some(ShardId(1)));
        for len in 0..long.len().min(14) {
            assert_eq!(key(2).foreign_shard(&long[..len], here), None, "cut at {len}");
        }
    }
}
