//! Scenarios on the real daemon, one file for each behaviour.
//!
//! What comes in: the programs as users run them. What goes out: that they keep what they promise, seen from outside: by
//! clients, in files, on pages, in the trace of system calls. Nothing here looks into a crate.

mod doors;
mod kill9;
mod play;
