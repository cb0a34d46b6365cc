//! The settings that a plan draws, by name: what a story's file tells of its daemon, its disks and its network.
//!
//! Everything else of a [`Setup`] is the same in all stories and stands in `plan.rs`. A knob that a file does not name is as
//! the plan of seed 0 draws it. Deliberately absent: which values are drawn.

use edge_door::sim::LinkConfig;
use serde::{Deserialize, Serialize};

use crate::plan;
use crate::pop::Setup;
use crate::span::{self, Span};

/// Declares each knob once: its name in the file, its type there, its place in the setup.
macro_rules! knobs {
    ($($name:ident: $kind:ty = $($place:ident).+,)*) => {
        /// See the head of this file.
        #[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub(crate) struct Knobs {
            $($name: $kind,)*
        }

        impl From<&Setup> for Knobs {
            fn from(setup: &Setup) -> Knobs {
                Knobs { $($name: setup.$($place).+.into(),)* }
            }
        }

        impl From<Knobs> for Setup {
            fn from(knobs: Knobs) -> Setup {
                let mut setup = plan::setup(&mut edge_door::sim::Rng::new(0));
                $(setup.$($place).+ = knobs.$name.into();)*
                setup
            }
        }
    };
}

knobs! {
    shards: u16 = shards,
    ring_slots: usize = ring_slots,
    spool_slots: usize = spool_slots,
    hop: Span = hop,
    wake: Span = wake,
    window_events: [u32; 4] = sessions.window_events,
    receipt_batch: u32 = sessions.receipt_batch,
    receipt_delay: Span = sessions.receipt_delay,
    retry_above: usize = sessions.retry_above,
    connections_max: usize = sessions.connections_max,
    handshakes_max: usize = sessions.handshakes_max,
    forward_slots: usize = shard.forward_slots,
    back_slots: usize = shard.back_slots,
    record_slots: usize = shard.record_slots,
    waiting_slots: usize = shard.waiting_slots,
    segment_bytes: u64 = spool.segment_bytes,
    record_bytes_max: usize = spool.record_bytes_max,
    batch_bytes_max: usize = spool.batch_bytes_max,
    log_bytes_max: u64 = spool.log_bytes_max,
    checkpoint_every_bytes: u64 = spool.checkpoint_every_bytes,
    queue_bytes_max: usize = spool.queue_bytes_max,
    commit_window: Span = spool.commit_window,
    cursor_interval: Span = spool.cursor_interval,
    lanes: u16 = spool.lanes,
    disk_latency: Span = disk.latency,
    disk_jitter: Span = disk.jitter,
    token_leeway: Span = token_leeway,
}

impl Default for Knobs {
    fn default() -> Knobs {
        Knobs::from(&plan::setup(&mut edge_door::sim::Rng::new(0)))
    }
}

impl Serialize for Setup {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        Knobs::from(self).serialize(to)
    }
}

impl<'de> Deserialize<'de> for Setup {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Setup, D::Error> {
        Knobs::deserialize(from).map(Setup::from)
    }
}

/// How a file tells a [`LinkConfig`].
#[derive(Serialize, Deserialize)]
#[serde(remote = "LinkConfig", deny_unknown_fields)]
pub(crate) struct Link {
    #[serde(with = "span")]
    latency: std::time::Duration,
    #[serde(with = "span")]
    jitter: std::time::Duration,
    loss_ppm: u32,
    duplicate_ppm: u32,
    reorder_ppm: u32,
    #[serde(with = "span")]
    reorder_delay: std::time::Duration,
    corrupt_ppm: u32,
    mtu_bytes: usize,
}

/// For a boxed one.
pub(crate) mod boxed_link {
    use super::{Link, LinkConfig};

    pub(crate) fn serialize<S: serde::Serializer>(link: &LinkConfig, to: S) -> Result<S::Ok, S::Error> {
        Link::serialize(link, to)
    }

    pub(crate) fn deserialize<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Box<LinkConfig>, D::Error> {
        Link::deserialize(from).map(Box::new)
    }
}

/// What each client's path carries at most, in bytes; 0 where it carries what the network carries.
pub(crate) mod paths {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(crate) fn serialize<S: Serializer>(paths: &[Option<usize>], to: S) -> Result<S::Ok, S::Error> {
        paths.iter().map(|bytes| bytes.unwrap_or(0)).collect::<Vec<_>>().serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Option<usize>>, D::Error> {
        let paths = Vec::<usize>::deserialize(from)?;
        Ok(paths.into_iter().map(|bytes| (bytes > 0).then_some(bytes)).collect())
    }
}
