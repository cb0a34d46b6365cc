//! Whole-PoP simulation from a seed.
