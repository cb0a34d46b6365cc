//! Commands as JSON lines on disk: the embedded default upstream.
//!
//! What comes in: batches of commands. What goes out: files of JSON lines with CloudEvents 1.0 attributes, and an answer to
//! each batch once its lines are synced. After a crash the sink cuts its torn tail, learns what it has, and skips what
//! comes again, so no id is twice in the files. `router/docs/delivery.md` describes a line and how to consume it.
//!
//! ```text
//! commands-<16 hex>.jsonl    lines, in the order of their lanes; the next file when one is full
//! commands-<16 hex>.marks    what stood in all files before: written before the file is appended to
//! ```
//!
//! [`FileSink`] is a machine over the door [`Disk`](edge_door::Disk): *mutate, then drain*. Deliberately absent: the kernel, the spool, and
//! lanes' order, which is `edge-upstream`'s.

mod config;
mod error;
mod files;
mod line;
mod marks;
mod open;
mod sink;
mod time;

pub use config::Config;
pub use error::OpenError;
pub use open::OpenReport;
pub use sink::FileSink;
