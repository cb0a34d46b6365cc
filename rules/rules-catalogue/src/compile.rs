//! From `.proto` text to a catalogue, with every complaint at once.
