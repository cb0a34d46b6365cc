//! The protobuf wire format, read without allocating.
//!
//! Comes in: bytes of anybody. Goes out: tags, numbers and borrowed slices, or the first [`WireFault`]. Groups and field
//! numbers outside `1..2^29` are faults; varints of up to ten bytes are read as every protobuf library reads them
//! (non-minimal ones included). Deliberately absent: what the numbers mean.

/// Why bytes are not protobuf.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct WireFault(pub(crate) &'static str);

/// The low three bits of a tag.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum WireType {
    Varint,
    Fixed64,
    Len,
    Fixed32,
}

/// Reads one message's fields from the front.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { rest: bytes }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// What has not been read.
    pub(crate) const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The next field's number and wire type.
    #[inline]
    pub(crate) fn tag(&mut self) -> Result<(u32, WireType), WireFault> {
        let key = self.varint()?;
        let Ok(key) = u32::try_from(key) else { return Err(WireFault("a tag is larger than 32 bits")) };
        let wire_type = match key & 7 {
            0 => WireType::Varint,
            1 => WireType::Fixed64,
            2 => WireType::Len,
            5 => WireType::Fixed32,
            3 | 4 => return Err(WireFault("groups are not supported")),
            _ => return Err(WireFault("a tag has wire type 6 or 7, which do not exist")),
        };
        match key >> 3 {
            0 => Err(WireFault("a tag has field number 0")),
            number => Ok((number, wire_type)),
        }
    }

    #[inline]
    pub(crate) fn varint(&mut self) -> Result<u64, WireFault> {
        if let Some((&first, rest)) = self.rest.split_first()
            && first < 0x80
        {
            self.rest = rest;
            return Ok(u64::from(first));
        }
        self.long_varint()
    }

    fn long_varint(&mut self) -> Result<u64, WireFault> {
        let mut value = 0_u64;
        for (at, &byte) in self.rest.iter().take(10).enumerate() {
            if at == 9 && byte > 1 {
                return Err(WireFault("a varint is larger than 64 bits"));
            }
            value |= u64::from(byte & 0x7f) << (7 * at);
            if byte < 0x80 {
                self.rest = &self.rest[at + 1..];
                return Ok(value);
            }
        }
        Err(WireFault("a varint is cut short"))
    }

    #[inline]
    pub(crate) fn fixed32(&mut self) -> Result<u32, WireFault> {
        let (head, rest) = self.rest.split_first_chunk::<4>().ok_or(WireFault("a 32-bit value is cut short"))?;
        self.rest = rest;
        Ok(u32::from_le_bytes(*head))
    }

    #[inline]
    pub(crate) fn fixed64(&mut self) -> Result<u64, WireFault> {
        let (head, rest) = self.rest.split_first_chunk::<8>().ok_or(WireFault("a 64-bit value is cut short"))?;
        self.rest = rest;
        Ok(u64::from_le_bytes(*head))
    }

    /// A length and as many bytes.
    #[inline(always)]
    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], WireFault> {
        let len = self.varint()?;
        let fault = WireFault("a length points past the end");
        let len = usize::try_from(len).map_err(|_| fault)?;
        let (head, rest) = self.rest.split_at_checked(len).ok_or(fault)?;
        self.rest = rest;
        Ok(head)
    }

    #[inline]
    pub(crate) fn skip(&mut self, wire_type: WireType) -> Result<(), WireFault> {
        match wire_type {
            WireType::Varint => self.varint().map(drop),
            WireType::Fixed64 => self.fixed64().map(drop),
            WireType::Len => self.bytes().map(drop),
            WireType::Fixed32 => self.fixed32().map(drop),
        }
    }
}

/// Appends fields of one message.
#[derive(Default)]
pub(crate) struct Writer {
    pub(crate) bytes: Vec<u8>,
}

impl Writer {
    pub(crate) fn tag(&mut self, number: u32, wire_type: WireType) {
        let low = match wire_type {
            WireType::Varint => 0,
            WireType::Fixed64 => 1,
            WireType::Len => 2,
            WireType::Fixed32 => 5,
        };
        self.varint(u64::from(number) << 3 | low);
    }

    pub(crate) fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.bytes.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.bytes.push(value as u8);
    }

    pub(crate) fn len_delimited(&mut self, bytes: &[u8]) {
        self.varint(bytes.len() as u64);
        self.bytes.extend_from_slice(bytes);
    }
}

pub(crate) const fn zigzag(n: i64) -> u64 {
    ((n << 1) ^ (n >> 63)) as u64
}

pub(crate) const fn unzigzag(n: u64) -> i64 {
    (n >> 1) as i64 ^ -((n & 1) as i64)
}
