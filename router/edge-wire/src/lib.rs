//! Wire protocol, version 1: bytes <-> frames. No I/O, no clock.
