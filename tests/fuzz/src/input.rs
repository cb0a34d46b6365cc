//! Bytes read as choices: a machine's story is written in them.
//!
//! What comes in: an input. What goes out: numbers and slices, from its front to its end; behind the end, zeros.
//! Written by hand rather than derived, so that a seed can be written down byte by byte and a mutation of one byte
//! changes one choice.

/// What is left of an input.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Input<'a>(pub(crate) &'a [u8]);

#[allow(dead_code, reason = "a build with one target alone uses a part of it")]
impl<'a> Input<'a> {
    /// Whether nothing is left.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// One byte.
    pub(crate) fn u8(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    /// Two bytes, the smaller first.
    pub(crate) fn u16(&mut self) -> u16 {
        u16::from(self.u8()) | u16::from(self.u8()) << 8
    }

    /// A number below `end`; 0 where `end` is 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        let n = if end > 256 { usize::from(self.u16()) } else { usize::from(self.u8()) };
        n.checked_rem(end).unwrap_or(0)
    }

    /// At most `len` bytes.
    pub(crate) fn bytes(&mut self, len: usize) -> &'a [u8] {
        let (head, rest) = self.0.split_at(len.min(self.0.len()));
        self.0 = rest;
        head
    }

    /// As many bytes as the first byte says.
    pub(crate) fn short(&mut self) -> &'a [u8] {
        let len = usize::from(self.u8());
        self.bytes(len)
    }

    /// As many bytes as the first two say.
    pub(crate) fn long(&mut self) -> &'a [u8] {
        let len = usize::from(self.u16());
        self.bytes(len)
    }

    /// Everything that is left.
    pub(crate) fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }
}
