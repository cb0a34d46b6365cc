//! Payloads, written field by field as protobuf.

/// Appends fields of one message.
#[derive(Clone, Default, Debug)]
pub(crate) struct Payload {
    pub(crate) bytes: Vec<u8>,
}

impl Payload {
    fn tag(&mut self, number: u32, wire_type: u64) {
        self.raw_varint(u64::from(number) << 3 | wire_type);
    }

    fn raw_varint(&mut self, mut n: u64) {
        while n >= 0x80 {
            self.bytes.push(n as u8 | 0x80);
            n >>= 7;
        }
        self.bytes.push(n as u8);
    }

    /// Of `int32`, `int64`, `uint32`, `uint64`, `bool` and enums.
    pub(crate) fn varint(&mut self, number: u32, n: u64) {
        self.tag(number, 0);
        self.raw_varint(n);
    }

    pub(crate) fn double(&mut self, number: u32, n: f64) {
        self.tag(number, 1);
        self.bytes.extend_from_slice(&n.to_le_bytes());
    }

    pub(crate) fn float(&mut self, number: u32, n: f32) {
        self.tag(number, 5);
        self.bytes.extend_from_slice(&n.to_le_bytes());
    }

    /// Of `string`, `bytes` and messages.
    pub(crate) fn delimited(&mut self, number: u32, bytes: &[u8]) {
        self.tag(number, 2);
        self.raw_varint(bytes.len() as u64);
        self.bytes.extend_from_slice(bytes);
    }
}
