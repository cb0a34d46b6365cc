//! HyperLogLog in a few words: about how many different hashes were seen.
//!
//! Registers of four bits, sixteen a word; the number of registers is the number of words times sixteen, a power of two. The
//! estimate is Ertl's improved raw estimator ("New cardinality estimation algorithms for HyperLogLog sketches", 2017, section 4):
//! without bias from one to many millions, and made of additions, products and square roots alone, so that it is the same on
//! every CPU. Its standard error is 1.04 / sqrt(registers). Deliberately absent: time.

/// Registers of a word.
const PER_WORD: usize = 16;
/// The highest value of a register but one.
const Q: usize = 14;
/// 1 / (2 ln 2).
const ALPHA: f64 = 0.721_347_520_444_481_7;
const LOW: u64 = 0x0f0f_0f0f_0f0f_0f0f;
const TOP: u64 = 0x8080_8080_8080_8080;

/// Takes in one hash, and says whether anything changed.
pub(crate) fn add(words: &mut [u64], hash: u64) -> bool {
    let bits = (words.len() * PER_WORD).trailing_zeros();
    let register = (hash >> (64 - bits)) as usize;
    let rank = u64::from((hash << bits).leading_zeros() + 1).min(Q as u64 + 1);
    let (word, shift) = (&mut words[register / PER_WORD], 4 * (register % PER_WORD));
    let old = *word >> shift & 15;
    if rank > old {
        *word = *word & !(15 << shift) | rank << shift;
    }
    rank > old
}

/// Takes in everything that another sketch of the same size saw.
pub(crate) fn merge(words: &mut [u64], other: &[u64]) {
    for (word, other) in words.iter_mut().zip(other) {
        let low = larger(*word & LOW, *other & LOW);
        let high = larger(*word >> 4 & LOW, *other >> 4 & LOW);
        *word = low | high << 4;
    }
}

/// The larger of each byte; all are below 16.
fn larger(a: u64, b: u64) -> u64 {
    let a_wins = (((a | TOP) - b) & TOP) >> 7;
    let mask = a_wins * 0xff;
    a & mask | b & !mask
}

/// About how many different hashes were taken in.
pub(crate) fn estimate(words: &[u64]) -> u64 {
    let mut counts = [0_u32; Q + 2];
    for word in words {
        for at in 0..PER_WORD {
            counts[(word >> (4 * at) & 15) as usize] += 1;
        }
    }
    let registers = (words.len() * PER_WORD) as f64;
    let mut z = registers * tau(1.0 - f64::from(counts[Q + 1]) / registers);
    for count in counts[1..=Q].iter().rev() {
        z = 0.5 * (z + f64::from(*count));
    }
    z += registers * sigma(f64::from(counts[0]) / registers);
    (ALPHA * registers * registers / z + 0.5) as u64
}

fn sigma(mut x: f64) -> f64 {
    if x == 1.0 {
        return f64::INFINITY;
    }
    let (mut y, mut z) = (1.0, x);
    loop {
        x *= x;
        let before = z;
        z += x * y;
        y += y;
        if z == before {
            return z;
        }
    }
}

fn tau(mut x: f64) -> f64 {
    if x == 0.0 || x == 1.0 {
        return 0.0;
    }
    let (mut y, mut z) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = z;
        y *= 0.5;
        z -= (1.0 - x) * (1.0 - x) * y;
        if z == before {
            return z / 3.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use xxhash_rust::xxh3::xxh3_64;

    fn hash(n: u64) -> u64 {
        xxh3_64(&n.to_le_bytes())
    }

    #[test]
    fn estimates_stay_within_their_error() {
        for words in [8, 32] {
            let error = 1.04 / f64::from(words * 16).sqrt();
            for count in [1_u64, 10, 40, 100, 400, 1_000, 10_000, 100_000] {
                // The mean over many sketches shows a bias, the square of the deviations the error.
                let runs = if count > 10_000 { 20 } else { 100 };
                let (mut sum, mut squares) = (0.0, 0.0);
                for run in 0..runs {
                    let mut sketch = vec![0; words as usize];
                    (0..count).for_each(|n| {
                        add(&mut sketch, hash(run << 32 | n));
                    });
                    let off = estimate(&sketch) as f64 / count as f64 - 1.0;
                    (sum, squares) = (sum + off, squares + off * off);
                }
                let (bias, deviation) = (sum / runs as f64, (squares / runs as f64).sqrt());
                assert!(bias.abs() < error / 2.0, "{words} words, {count}: bias {bias}");
                assert!(deviation < error * 1.4, "{words} words, {count}: deviation {deviation}, expected {error}");
            }
        }
    }

    #[test]
    fn a_merged_sketch_is_that_of_all() {
        let (mut all, mut parts) = (vec![0; 8], [vec![0; 8], vec![0; 8], vec![0; 8]]);
        for n in 0..5_000 {
            add(&mut all, hash(n));
            add(&mut parts[(n % 3) as usize], hash(n));
        }
        let mut merged = vec![0; 8];
        parts.iter().for_each(|part| merge(&mut merged, part));
        assert_eq!(merged, all);
        assert_eq!(estimate(&[0; 8]), 0);
        // Full registers are no end of the arithmetic.
        assert!(estimate(&[u64::MAX; 8]) > 1_000_000);
    }
}
