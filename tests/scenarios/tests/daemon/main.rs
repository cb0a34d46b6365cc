//! Scenarios on the real daemon, one file for each behaviour.
//!
//! What comes in: the programs as users run them. What goes out: that they keep what they promise, seen from outside: by
//! clients, in files, on pages, in the trace of system calls. Nothing here looks into a crate.

mod client_dies;
mod clocks;
mod crowd;
mod demo;
mod doors;
mod drain;
mod failed_threads;
mod failing_fsync;
mod flood;
mod frozen_threads;
mod full_disk;
mod kill9;
mod limits;
mod logs;
mod online_equals_offline;
mod pages;
mod pauses;
mod play;
mod receipts_follow_fsync;
mod refusals;
mod reload;
mod remembered_rules;
mod restart_with_more_shards;
mod restarts;
mod resume;
mod view;
