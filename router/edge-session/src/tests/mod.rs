//! Short stories of clients and shards in one thread, under a clock that jumps to the next deadline.

mod abuse;
mod counting;
mod datagrams;
mod deadlines;
mod drain;
mod floods;
mod frames;
mod hello;
mod initials;
mod memory;
mod noise;
mod paths;
mod pen;
mod reliable;
mod rude;
mod world;
