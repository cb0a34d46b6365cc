//! Bundle format: emit, sign, verify, load.
