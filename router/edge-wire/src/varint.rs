//! QUIC's variable-length integers (RFC 9000 §16): two bits of length, then 6, 14, 30 or 62 bits, big-endian.
//!
//! What comes in: a slice that may end early. What goes out: a number and how many bytes it took, or "not yet".
//! Deliberately absent: errors; every byte string is a number or the beginning of one.

/// The largest number that fits, 2^62 - 1.
pub const MAX: u64 = (1 << 62) - 1;

/// The longest encoding in bytes.
pub const LEN_MAX: usize = 8;

/// Bytes of the shortest encoding of `value`.
///
/// # Panics
/// Where `value` exceeds [`MAX`].
pub const fn len(value: u64) -> usize {
    match value {
        0..=0x3f => 1,
        0x40..=0x3fff => 2,
        0x4000..=0x3fff_ffff => 4,
        0x4000_0000..=MAX => 8,
        _ => panic!("a varint holds 62 bits"),
    }
}

/// Bytes of the encoding that begins with `first`: 1, 2, 4 or 8.
pub const fn len_of_first(first: u8) -> usize {
    1 << (first >> 6)
}

//= protocol.md#frame-2
/// Appends the shortest encoding of `value`.
///
/// # Panics
/// Where `value` exceeds [`MAX`].
pub fn write(value: u64, out: &mut Vec<u8>) {
    match len(value) {
        1 => out.push(value as u8),
        2 => out.extend_from_slice(&(value as u16 | 0x4000).to_be_bytes()),
        4 => out.extend_from_slice(&(value as u32 | 0x8000_0000).to_be_bytes()),
        _ => out.extend_from_slice(&(value | 0xc000_0000_0000_0000).to_be_bytes()),
    }
}

/// Reads the number at the beginning of `bytes` and how many bytes it took; `None` where `bytes` ends before it does.
pub fn read(bytes: &[u8]) -> Option<(u64, usize)> {
    let first = *bytes.first()?;
    let len = len_of_first(first);
    let rest = bytes.get(1..len)?;
    let value = rest.iter().fold(u64::from(first & 0x3f), |value, byte| value << 8 | u64::from(*byte));
    Some((value, len))
}

/// Takes the number at the beginning of `bytes` away from it; `None` (and `bytes` untouched) where it ends too early.
pub fn take(bytes: &mut &[u8]) -> Option<u64> {
    let (value, len) = read(bytes)?;
    *bytes = &bytes[len..];
    Some(value)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encoded(value: u64) -> Vec<u8> {
        let mut out = Vec::new();
        write(value, &mut out);
        out
    }

    /// The examples of RFC 9000 §A.1.
    #[test]
    fn examples_of_the_rfc() {
        let long = [0xc2, 0x19, 0x7c, 0x5e, 0xff, 0x14, 0xe8, 0x8c];
        assert_eq!(read(&long), Some((151_288_809_941_952_652, 8)));
        assert_eq!(read(&[0x9d, 0x7f, 0x3e, 0x7d]), Some((494_878_333, 4)));
        assert_eq!(read(&[0x7b, 0xbd]), Some((15_293, 2)));
        assert_eq!(read(&[0x25]), Some((37, 1)));
        assert_eq!(read(&[0x40, 0x25]), Some((37, 2)));
        assert_eq!(encoded(151_288_809_941_952_652), long);
    }

    #[test]
    fn an_early_end_is_not_yet_a_number() {
        for value in [0x40, 0x4000, 0x4000_0000, MAX] {
            let bytes = encoded(value);
            assert!((0..bytes.len()).all(|end| read(&bytes[..end]).is_none()), "{value}");
        }
    }

    #[test]
    fn boundaries() {
        for (value, bytes) in
            [(0x3f, 1), (0x40, 2), (0x3fff, 2), (0x4000, 4), (0x3fff_ffff, 4), (0x4000_0000, 8), (MAX, 8)]
        {
            assert_eq!((len(value), encoded(value).len()), (bytes, bytes), "{value}");
        }
    }

    proptest! {
        #[test]
        fn round_trip(value in 0..=MAX, tail in prop::collection::vec(any::<u8>(), 0..4)) {
            let mut bytes = encoded(value);
            let len = bytes.len();
            bytes.extend(tail);
            prop_assert_eq!(read(&bytes), Some((value, len)));
        }
    }
}
