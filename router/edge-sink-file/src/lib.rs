//! Commands as JSON lines on disk: the embedded default upstream.

mod config;

pub use config::{Config, ConfigError};
