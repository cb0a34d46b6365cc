//! Commands as JSON lines on disk: the embedded default upstream.
