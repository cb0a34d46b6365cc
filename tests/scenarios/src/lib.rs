//! Scenario tests on the real daemon.
