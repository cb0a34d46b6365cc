//! From a value to its class: hash tables that are built once and asked on every event.
//!
//! Comes in: the values that rules name. Goes out: for each value of an event its class, or 0 for a value that no rule names.
//! Places are small (a class and a piece of the hash), so that most questions about other values end with one look. A
//! text of up to 16 bytes is told from all others by two words; a longer one is compared byte by byte at the end.
//! Deliberately absent: removal, growth.

use xxhash_rust::xxh3::xxh3_64;

/// A class of values; 0 are those that no rule names.
pub(super) type Class = u32;

/// Classes of texts.
pub(super) struct TextTable {
    places: Places,
    /// By class.
    texts: Vec<Text>,
    /// The texts that are not short, one after the other.
    long: Vec<u8>,
}

/// Classes of ordinals.
pub(super) enum OrdinalTable {
    /// For a short stretch of ordinals the class of each.
    Direct { first: u64, classes: Vec<Class> },
    /// Elsewhere the ordinals, by class.
    Hashed { places: Places, ordinals: Vec<u64> },
}

/// A text that some rule names.
#[derive(Clone, Copy, Default)]
struct Text {
    head: u64,
    /// Of a long text: where it begins in `long`.
    tail: u64,
    len: u32,
}

/// Where classes are found by the hashes of their values: a class and the upper part of the hash at each place.
pub(super) struct Places {
    all: Vec<(u32, Class)>,
}

/// Texts up to this length are told apart by two words and the length.
const SHORT: usize = 16;
const EMPTY: Class = 0;
/// How far from its place a class may lie; places that cannot keep this are not made.
const REACH: usize = 48;
/// The longest stretch that is a plain array.
const DIRECT_MAX: u64 = 512;

impl Places {
    /// Classes 1, 2, … in the order of their hashes. `None` where they cannot be spread.
    fn new(hashes: &[u64]) -> Option<Places> {
        [2, 4, 16].into_iter().find_map(|room| Places::with_room(hashes, room))
    }

    fn with_room(hashes: &[u64], room: usize) -> Option<Places> {
        let mut places = Places { all: vec![(0, EMPTY); (hashes.len() * room).next_power_of_two()] };
        let mask = places.all.len() - 1;
        for (hash, class) in hashes.iter().zip(1..) {
            let (mut at, mut distance) = (*hash as usize & mask, 0);
            while places.all[at].1 != EMPTY {
                (at, distance) = ((at + 1) & mask, distance + 1);
                if distance > REACH {
                    return None;
                }
            }
            places.all[at] = ((hash >> 32) as u32, class);
        }
        Some(places)
    }

    /// The first class with this hash for which `is_it` holds.
    #[inline]
    fn find(&self, hash: u64, is_it: impl Fn(Class) -> bool) -> Class {
        let mask = self.all.len() - 1;
        let mut at = hash as usize & mask;
        loop {
            let (upper, class) = self.all[at & mask];
            if class == EMPTY || (upper == (hash >> 32) as u32 && is_it(class)) {
                return class;
            }
            at += 1;
        }
    }
}

impl TextTable {
    /// Classes 1, 2, … in the order of the texts, which are all different. `None` where they cannot be spread.
    pub(super) fn new(texts: &[&str]) -> Option<TextTable> {
        let hash = |text: &&str| {
            let (head, tail) = words(text.as_bytes());
            mix(head, tail ^ text.len() as u64)
        };
        let places = Places::new(&texts.iter().map(hash).collect::<Vec<_>>())?;
        let mut table = TextTable { places, texts: vec![Text::default()], long: Vec::new() };
        for text in texts {
            let (head, mut tail) = words(text.as_bytes());
            if text.len() > SHORT {
                tail = table.long.len() as u64;
                table.long.extend_from_slice(text.as_bytes());
            }
            table.texts.push(Text { head, tail, len: u32::try_from(text.len()).ok()? });
        }
        Some(table)
    }

    #[inline]
    pub(super) fn class_of(&self, text: &str) -> Class {
        let bytes = text.as_bytes();
        let (head, tail) = words(bytes);
        self.places.find(mix(head, tail ^ bytes.len() as u64), |class| {
            let text = &self.texts[class as usize];
            let is_it = text.head == head && text.len as usize == bytes.len();
            is_it
                && (text.tail == tail
                    || bytes.len() > SHORT && self.long[text.tail as usize..][..bytes.len()] == *bytes)
        })
    }

    pub(super) fn bytes(&self) -> usize {
        self.places.bytes() + size_of_val(&self.texts[..]) + self.long.len()
    }
}

/// Two words that, with the length, tell short texts apart; of a long text, a word that depends on all of it and one that no
/// place in `long` equals.
#[inline]
fn words(bytes: &[u8]) -> (u64, u64) {
    let len = bytes.len();
    if len > SHORT {
        return (xxh3_64(bytes), u64::MAX);
    }
    if let (Some(head), Some(tail)) = (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        return (u64::from_le_bytes(*head), u64::from_le_bytes(*tail));
    }
    if let (Some(head), Some(tail)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        return (u64::from(u32::from_le_bytes(*head)), u64::from(u32::from_le_bytes(*tail)));
    }
    match *bytes {
        [] => (0, 0),
        [first, ..] => (u64::from(first) | u64::from(bytes[len / 2]) << 8 | u64::from(bytes[len - 1]) << 16, 0),
    }
}

/// Spreads two words over one: the halves of a wide product, folded.
#[inline]
const fn mix(head: u64, tail: u64) -> u64 {
    let wide = ((head ^ 0x9e37_79b9_7f4a_7c15) as u128) * ((tail ^ 0xe703_7ed1_a0b4_28db) as u128);
    wide as u64 ^ (wide >> 64) as u64
}

impl OrdinalTable {
    /// Classes 1, 2, … in the order of the ordinals, which rise. `None` where they cannot be spread.
    pub(super) fn new(ordinals: &[u64]) -> Option<OrdinalTable> {
        let (first, last) = (*ordinals.first().unwrap_or(&0), *ordinals.last().unwrap_or(&0));
        if last - first < DIRECT_MAX {
            let mut classes = vec![EMPTY; (last - first) as usize + 1];
            ordinals.iter().zip(1..).for_each(|(at, class)| classes[(at - first) as usize] = class);
            return Some(OrdinalTable::Direct { first, classes });
        }
        let places = Places::new(&ordinals.iter().map(|ordinal| mix(*ordinal, 0)).collect::<Vec<_>>())?;
        Some(OrdinalTable::Hashed { places, ordinals: [0].iter().chain(ordinals).copied().collect() })
    }

    #[inline]
    pub(super) fn class_of(&self, ordinal: u64) -> Class {
        match self {
            OrdinalTable::Direct { first, classes } => {
                let at = usize::try_from(ordinal.wrapping_sub(*first)).unwrap_or(usize::MAX);
                classes.get(at).copied().unwrap_or(EMPTY)
            }
            OrdinalTable::Hashed { places, ordinals } => {
                places.find(mix(ordinal, 0), |class| ordinals[class as usize] == ordinal)
            }
        }
    }

    pub(super) fn bytes(&self) -> usize {
        match self {
            OrdinalTable::Direct { classes, .. } => size_of_val(&classes[..]),
            OrdinalTable::Hashed { places, ordinals } => places.bytes() + size_of_val(&ordinals[..]),
        }
    }
}

impl Places {
    fn bytes(&self) -> usize {
        size_of_val(&self.all[..])
    }
}
