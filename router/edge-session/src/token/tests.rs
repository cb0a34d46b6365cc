//! Faults of tokens, one by one.
