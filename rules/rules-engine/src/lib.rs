//! What the daemon links: typed programs, state cells, evaluation.
