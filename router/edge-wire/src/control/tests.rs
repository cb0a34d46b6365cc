//! Control frames: round trips and refusals.
