//! Short stories of clients, two shards and a spool in one thread, under a clock that only the stories move.

mod client;
mod cuts;
mod dedupe;
mod homes;
mod overload;
mod owner;
mod players;
mod receipts;
mod rulebook;
mod world;
