//! Event catalogue: event types, fields, owners, limits; compiling .proto is a feature.
