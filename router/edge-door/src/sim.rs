//! The simulated twins of the doors, driven by a seed and a virtual clock.
