//! One core's loop body: session, rules, outbox. Knows no kernel and no async runtime.
