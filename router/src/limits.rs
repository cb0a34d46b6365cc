//! Whether the process's limits let it serve, looked at before anything is started.
//!
//! What comes in: the config. What goes out: nothing, or every limit that is too low, with its names in the shell and in a unit, what it
//! is and what is needed. A daemon that ran into one later would refuse work at the worst moment. Deliberately absent: memory
//! (a limit of it ends the process as a kill does) and locked memory (io_uring is given up for plain calls, and that is said).

use anyhow::{Context as _, Result, bail};
use edge_config::Config;
use edge_io::limits::Limit;

/// Descriptors of a daemon without shards: its own files, three runtimes, the pages and the control socket with as many
/// connections as they serve.
const DESCRIPTORS: u64 = 192;
/// A shard's: socket, ring or epoll, waker.
const DESCRIPTORS_A_SHARD: u64 = 4;
/// What one write may add to a file of commands that has not reached its size yet, bytes.
const FILE_SLACK_BYTES: u64 = 4 << 20;
/// Address space of a daemon without shards, bytes: the program, the allocator's first arenas, the threads' stacks, and as much again
/// to work with. Unlimited, the allocator reserves more than it ever uses; below a limit it does with less.
const ADDRESS_BYTES: u64 = 256 << 20;
/// A shard's, bytes: receive buffers, rings, its stack, what its first sessions take.
const ADDRESS_BYTES_A_SHARD: u64 = 64 << 20;

struct Need {
    limit: Limit,
    /// What people call it.
    what: &'static str,
    /// In a shell and in a unit.
    names: &'static str,
    at_least: u64,
}

/// Raises what may be raised, and holds every limit against what this config needs.
///
/// # Errors
/// At least one is too low; the text names all that are.
pub(crate) fn check(config: &Config, shards: u16) -> Result<()> {
    Limit::Descriptors.raise().context("cannot raise the limit of open files")?;
    let mut wrong = Vec::new();
    for need in needs(config, shards) {
        let has = need.limit.bounds().with_context(|| format!("cannot learn the limit of {}", need.what))?.soft;
        wrong.extend(need.fault(has));
    }
    if wrong.is_empty() {
        return Ok(());
    }
    bail!("{}", wrong.join("; "))
}

fn needs(config: &Config, shards: u16) -> [Need; 3] {
    let shards = u64::from(shards);
    let segment = config.spool.config.segment_bytes;
    let commands = config.sink_file.rotate_bytes.saturating_add(FILE_SLACK_BYTES);
    [
        Need {
            limit: Limit::Descriptors,
            what: "open files",
            names: "`ulimit -n`, `LimitNOFILE=`",
            at_least: DESCRIPTORS + DESCRIPTORS_A_SHARD * shards,
        },
        Need {
            limit: Limit::FileBytes,
            what: "the size of files in bytes, for `spool.segment` and `sink.file.rotate`",
            names: "`ulimit -f`, `LimitFSIZE=`",
            at_least: segment.max(commands),
        },
        Need {
            limit: Limit::AddressBytes,
            what: "the address space in bytes",
            names: "`ulimit -v`, `LimitAS=`",
            at_least: ADDRESS_BYTES + ADDRESS_BYTES_A_SHARD * shards,
        },
    ]
}

impl Need {
    fn fault(&self, has: u64) -> Option<String> {
        let Need { what, names, at_least, .. } = self;
        (has < *at_least)
            .then(|| format!("the limit of {what} is {has}, but {at_least} are needed: raise it ({names})"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures;

    #[test]
    fn a_limit_that_is_too_low_is_named_with_what_is_needed() {
        let folder = tempfile::tempdir().unwrap();
        let config = fixtures::furnish(folder.path());
        check(&config, 2).unwrap();
        let [descriptors, files, _] = needs(&config, 2);
        let fault = descriptors.fault(64).unwrap();
        let wanted = "the limit of open files is 64, but 200 are needed: raise it (`ulimit -n`, `LimitNOFILE=`)";
        assert_eq!(fault, wanted);
        assert_eq!(descriptors.fault(200), None);
        assert_eq!(files.at_least, (64 << 20) + (4 << 20), "a file of commands is larger than a segment here");
    }
}
