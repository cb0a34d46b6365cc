//! Configuration: file, raw, resolved. The only reader of a config file.
