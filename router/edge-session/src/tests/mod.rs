//! Short stories of clients and shards in one thread, under a clock that jumps to the next deadline.

mod abuse;
mod datagrams;
mod deadlines;
mod drain;
mod hello;
mod noise;
mod reliable;
mod world;
