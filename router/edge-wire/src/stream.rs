//! How a stream that the client opens begins.
//!
//! What comes in: the first bytes. What goes out: which kind of stream it is. The server never opens a stream; its side of the
//! control stream has no header.

use edge_event::Class;

use crate::error::FrameError;
use crate::varint;

/// What a client-initiated stream carries.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum StreamHeader {
    /// Bidirectional, once a connection: control frames both ways.
    Control,
    /// Unidirectional, at most once a class and connection: EVENT frames of one class.
    Events(Class),
}

/// Stream type of [`StreamHeader::Control`].
pub const STREAM_TYPE_CONTROL: u64 = 1;

/// Stream type of [`StreamHeader::Events`].
pub const STREAM_TYPE_EVENTS: u64 = 2;

impl StreamHeader {
    //= protocol.md#stream-1
    /// Appends the header.
    pub fn encode(self, out: &mut Vec<u8>) {
        match self {
            StreamHeader::Control => varint::write(STREAM_TYPE_CONTROL, out),
            StreamHeader::Events(class) => {
                varint::write(STREAM_TYPE_EVENTS, out);
                varint::write(u64::from(class.get()), out);
            }
        }
    }

    /// Reads a header and how many bytes it took; `None` where `bytes` ends before it does.
    ///
    /// # Errors
    /// [`FrameError::StreamTypeUnknown`] and [`FrameError::ClassUnknown`].
    pub fn decode(bytes: &[u8]) -> Result<Option<(StreamHeader, usize)>, FrameError> {
        let Some((ty, ty_len)) = varint::read(bytes) else { return Ok(None) };
        match ty {
            STREAM_TYPE_CONTROL => Ok(Some((StreamHeader::Control, ty_len))),
            STREAM_TYPE_EVENTS => {
                let Some((n, class_len)) = varint::read(&bytes[ty_len..]) else { return Ok(None) };
                let class = u8::try_from(n).ok().and_then(Class::new).ok_or(FrameError::ClassUnknown { class: n })?;
                Ok(Some((StreamHeader::Events(class), ty_len + class_len)))
            }
            _ => Err(FrameError::StreamTypeUnknown { ty }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip() {
        for header in Class::ALL.map(StreamHeader::Events).into_iter().chain([StreamHeader::Control]) {
            let mut bytes = Vec::new();
            header.encode(&mut bytes);
            assert_eq!(StreamHeader::decode(&bytes), Ok(Some((header, bytes.len()))));
            assert!((0..bytes.len()).all(|end| StreamHeader::decode(&bytes[..end]) == Ok(None)));
        }
    }

    #[test]
    fn unknown_types_and_classes() {
        assert_eq!(StreamHeader::decode(&[3]), Err(FrameError::StreamTypeUnknown { ty: 3 }));
        assert_eq!(StreamHeader::decode(&[2, 4]), Err(FrameError::ClassUnknown { class: 4 }));
        assert_eq!(StreamHeader::decode(&[2, 0x41, 0]), Err(FrameError::ClassUnknown { class: 256 }));
    }
}
