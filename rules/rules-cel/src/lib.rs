//! CEL: parser with spans and type checker.
