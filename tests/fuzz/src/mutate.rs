//! Small seeded changes of inputs, for the short run in the test command.
//!
//! What comes in: inputs that are known, and a seed. What goes out: others near them. Deliberately absent: coverage;
//! long runs use libFuzzer's own mutations.

use edge_door::sim::Rng;

/// Makes inputs out of inputs; the same seed makes the same.
#[derive(Debug)]
pub struct Mutator {
    rng: Rng,
}

/// Numbers at whose borders decoders go wrong.
const BORDERS: [u8; 12] = [0, 1, 0x1f, 0x3f, 0x40, 0x7f, 0x80, 0xbf, 0xc0, 0xfe, 0xff, 0x20];

impl Mutator {
    /// A mutator of its own.
    pub fn new(seed: u64) -> Mutator {
        Mutator { rng: Rng::new(seed) }
    }

    /// A neighbour of one of `inputs`, at most `len_max` bytes long.
    pub fn next(&mut self, inputs: &[Vec<u8>], len_max: usize) -> Vec<u8> {
        let mut bytes = if inputs.is_empty() { Vec::new() } else { inputs[self.rng.index(inputs.len())].clone() };
        for _ in 0..=self.rng.below(4) {
            self.change(&mut bytes, inputs);
        }
        bytes.truncate(len_max);
        bytes
    }

    fn change(&mut self, bytes: &mut Vec<u8>, inputs: &[Vec<u8>]) {
        let len = bytes.len();
        let at = self.rng.index(len + 1);
        let to = at + self.rng.index((len - at).min(16) + 1);
        match self.rng.below(8) {
            0 if at < len => bytes[at] ^= 1 << self.rng.below(8),
            1 if at < len => bytes[at] = BORDERS[self.rng.index(BORDERS.len())],
            2 if at < len => bytes[at] = bytes[at].wrapping_add(self.rng.below(9) as u8).wrapping_sub(4),
            3 => bytes.insert(at, BORDERS[self.rng.index(BORDERS.len())]),
            4 => drop(bytes.drain(at..to)),
            5 => {
                let piece = bytes[at..to].to_vec();
                let place = self.rng.index(len + 1);
                bytes.splice(place..place, piece);
            }
            6 if !inputs.is_empty() => {
                let other = &inputs[self.rng.index(inputs.len())];
                let from = self.rng.index(other.len() + 1);
                bytes.truncate(at);
                bytes.extend_from_slice(&other[from..]);
            }
            _ => bytes.truncate(at),
        }
    }
}
