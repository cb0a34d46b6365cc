//! Stories of a client and a shard.
