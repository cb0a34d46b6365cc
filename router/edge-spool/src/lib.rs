//! The durable log of commands: records, segments, cursors, recovery.
//!
//! What comes in: one [`EventRecord`](edge_event::EventRecord) per event, and how far delivery got. What goes out: disk operations for the door
//! [`Disk`](edge_door::Disk), the word that tickets are durable, and (by [`Reader`]) committed records in log order.
//! [`Spool`] is a machine without I/O of its own: *mutate, then drain*. Its recovery and its reader use the blocking
//! half of the door.
//!
//! Deliberately absent: rules (state is folded as last-writer-wins bytes), sinks, threads, clocks, randomness.
//!
//! # The directory
//!
//! ```text
//! spool.id                   one line: the spool's UUID and its checksum; written once
//! seg-<16 hex>.log           segments, numbered from 1, set aside whole with zeros (64 MiB)
//! cursor-<16 hex>.slots      two slots; the newer valid one wins. Another file only after a failed fsync
//! ballast                    bytes given up when the disk is full, so that cursors can still be written
//! quarantine-<seg>-<off>.bin bytes that recovery could not read or had to cut off, kept for a human
//! ```
//!
//! # A segment
//!
//! ```text
//! +--------+---------+-------------+-----------+-------+---------+---------+----------+-------+
//! | magic  | version | header len  | spool     | start | segment | first   | reserved | crc32c|
//! | 8 B    | u32     | u32 (= 64)  | UUID 16 B | epoch | number  | record n| u32      | u32   |
//! +--------+---------+-------------+-----------+-------+---------+---------+----------+-------+
//! | record, padded to 8 B | record | ... | zeros: the end                                      |
//! +------------------------------------------------------------------------------------------ +
//! ```
//!
//! # A record (little-endian)
//!
//! ```text
//!  0     4        8      9       10         11     12     14         16      24    32       40        48
//! +-----+--------+------+-------+----------+------+------+----------+-------+-----+--------+---------+---------+
//! | len | crc32c | kind | codec | priority | zero | lane | in_batch | epoch | n   | expiry | written | payload |
//! | u32 | u32    | u8   | u8    | u8       | u8   | u16  | u16      | u64   | u64 | i64 ms | i64 ms  | len B   |
//! +-----+--------+------+-------+----------+------+------+----------+-------+-----+--------+---------+---------+
//! ```
//!
//! * The checksum starts from the checksum of the spool's UUID and covers all of the record but itself and the padding: bytes of another spool,
//!   and bytes that a client smuggled into a payload, are never taken for a record.
//! * `n` rises by one in an epoch, over segment borders too: a missing record is noticed, wherever it was.
//! * `in_batch` counts the records before this one in the same group commit. A batch is written only after the fsync of
//!   the batch before it, so a record *proves* that everything up to `n - in_batch - 1` is committed. That tells damage
//!   (before what is proven: quarantined, reported) from a torn tail (after it: cut).
//! * Records never span segments; a batch never does.
//! * An epoch's first record says up to where recovery kept the epoch before it.
//!
//! # What survives what
//!
//! | event | outcome |
//! |---|---|
//! | kill -9, power loss | every committed record; of the last batch a prefix |
//! | a failed fsync | never repeated on that file: its batch is written again into another segment; a second failure ends writing |
//! | a full disk | nothing more is committed, nothing committed is lost; goes on when there is room |
//! | a flipped bit | the record is reported and its bytes are kept aside; everything else is read on |
//! | a segment that is gone | reported with the range of its positions |
//!
//! Segments retire from the oldest on, when the last complete checkpoint began behind them, all their commands are
//! settled, and a durable cursor says so: *persist the cursor, then unlink*.

mod batch;
mod chain;
mod checkpoint;
mod codec;
mod config;
mod cursor;
mod error;
mod fold;
mod layout;
mod log;
mod names;
mod ops;
mod piece;
mod quarantine;
mod reader;
mod recover;
mod scan;
mod segments;
mod spool;
mod status;

pub use codec::{DecodeError, RECORD_BYTES_MAX, decode_record, encode_record};
pub use config::{Config, ConfigError};
pub use error::{AppendError, ReadError, RecoverError};
pub use reader::{Item, Reader, StoredRecord};
pub use recover::{Damage, Recovered, RecoveryReport};
pub use spool::{Committed, Spool};
pub use status::{Health, Status};
