//! Lanes, the contract every sink keeps, outcomes.
